/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/kit.h>

#include "failing.h"
#include "kit/limits.h"
#include "kit/value.h"

static void check_escaped(hearth_str from, const char *to)
{
    hearth_buf out;
    hearth_buf_init(&out, 10000);
    assert_int_equal(hearth_json_put_string(&out, from), HEARTH_OK);
    assert_string_equal(out.p, to);
    hearth_buf_deinit(&out);
}

static void writes_strings(void **state)
{
    (void)state;
    check_escaped((hearth_str){ NULL, 0 }, "\"\"");
    check_escaped(HEARTH_STR("plain text that is longer than a word"), "\"plain text that is longer than a word\"");
    check_escaped(HEARTH_STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
    check_escaped(HEARTH_STR("\b\f\n\r\t\v\x1f\x7f"), "\"\\b\\f\\n\\r\\t\\u000b\\u001f\x7f\"");
    check_escaped(HEARTH_STR("nul\0in the middle"), "\"nul\\u0000in the middle\"");
    check_escaped(HEARTH_STR("h\xC3\xA9 \xE4\xBD\xA0 \xF0\x9F\x94\xA5"), "\"h\xC3\xA9 \xE4\xBD\xA0 \xF0\x9F\x94\xA5\"");
    check_escaped(HEARTH_STR("cut \xE4\xBD"), "\"cut \xEF\xBF\xBD\"");
    check_escaped(HEARTH_STR("12345678\n12345678\""), "\"12345678\\n12345678\\\"\"");
}

/* The word-wise search must see each special byte at each place of a word. */
static void finds_special_bytes_anywhere(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++)
        for (size_t at = 0; at < 17; at++) {
            char          text[17];
            hearth_buf    out;
            hearth_err    err = { 0 };
            hearth_value *back = NULL;
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            hearth_buf_init(&out, 1000);
            hearth_json_put_string(&out, (hearth_str){ text, sizeof text });
            back = hearth_parse(NULL, hearth_buf_str(&out), &err);
            assert_non_null(back);
            if (c < 0x80) {
                assert_int_equal(hearth_as_str(back).n, sizeof text);
                assert_memory_equal(hearth_as_str(back).p, text, sizeof text);
            } else {
                assert_int_equal(hearth_as_str(back).n, sizeof text + 2);
            }
            hearth_value_unref(back);
            hearth_buf_deinit(&out);
        }
}

static void accepts_json(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } good[] = {
        { "[]", "[]" },
        { " [1] ", "[1]" },
        { "\"x\"", "\"x\"" },
        { "null", "null" },
        { "\t\n\r {\"a\" : {\"b\": [ 1 , 2.5e-3,null,true,false] } }\n", "{\"a\":{\"b\":[1,0.0025,null,true,false]}}" },
        { "[\"\\u4f60\\ud83d\\ude00\\/\\b\"]", "[\"\xE4\xBD\xA0\xF0\x9F\x98\x80/\\b\"]" },
        { "[1E+2,1e2,100]", "[100.0,100.0,100]" },
        { "[9007199254740993,18446744073709551615,-9223372036854775808]",
          "[9007199254740993,18446744073709551615,-9223372036854775808]" },
        { "[0.1,0.30000000000000004,1.0,1e21,5e-324,1.7976931348623157e308]",
          "[0.1,0.30000000000000004,1.0,1e21,5e-324,1.7976931348623157e308]" },
        { "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}" },
        { "{\"\":0,\"\\u0000\":1}", "{\"\":0,\"\\u0000\":1}" },
        { "\"\xEF\xBB\xBF\"", "\"\xEF\xBB\xBF\"" },
    };
    for (size_t i = 0; i < HEARTH_COUNT(good); i++) {
        hearth_err    err = { 0 };
        hearth_value *v = hearth_parse(NULL, hearth_cstr(good[i].from), &err);
        assert_string_equal(err.msg, "");
        assert_non_null(v);
        size_t n = 0;
        char  *text = hearth_write(v, &n);
        assert_string_equal(text, good[i].to);
        assert_int_equal(n, strlen(good[i].to));
        hearth_write_free(text);
        hearth_value_unref(v);
    }
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const hearth_str bad[] = {
#define BAD(text) { text, sizeof(text) - 1 }
        BAD(""),
        BAD(" "),
        BAD("[1,2,]"),
        BAD("{\"a\":1,}"),
        BAD("[1 2]"),
        BAD("{a:1}"),
        BAD("{'a':1}"),
        BAD("[NaN]"),
        BAD("[Infinity]"),
        BAD("[-Infinity]"),
        BAD("[01]"),
        BAD("[+1]"),
        BAD("[1.]"),
        BAD("[.5]"),
        BAD("[1e]"),
        BAD("[-]"),
        BAD("[0x1]"),
        BAD("[1e400]"),
        BAD("[\"\xff\"]"),
        BAD("[\"\xc0\xaf\"]"),
        BAD("[\"\xed\xa0\x80\"]"),
        BAD("[\"\\ud800\"]"),
        BAD("[\"\\udc00\\ud800\"]"),
        BAD("[\"\\x41\"]"),
        BAD("[\"a\nb\"]"),
        BAD("[\"a\tb\"]"),
        BAD("[\"a\0b\"]"),
        BAD("[1]x"),
        BAD("[1][2]"),
        BAD("/*c*/[1]"),
        BAD("[\"\\u00\"]"),
        BAD("[tru]"),
        BAD("[True]"),
        BAD("[\"a"),
        BAD("\""),
        BAD("{\"a\":1 \"b\":2}"),
        BAD("{\"a\"}"),
        BAD("{1:1}"),
        BAD("[1]\0x"),
        BAD("\xEF\xBB\xBF[1]"),
        BAD("["),
        BAD("}"),
        BAD("[}"),
        BAD("{]"),
        BAD(","),
        BAD("\v[1]"),
        BAD("nul"),
    };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        hearth_err err = { 0 };
        /* In memory of exactly its size, so that a sanitizer sees a read past the end. */
        char *exact = malloc(bad[i].n + 1);
        memcpy(exact, bad[i].p, bad[i].n);
        assert_null(hearth_parse(NULL, (hearth_str){ exact, bad[i].n }, &err));
        assert_int_equal(err.code, HEARTH_PARSE);
        assert_non_null(strstr(err.msg, "line"));
        free(exact);
    }
    assert_null(hearth_parse(NULL, (hearth_str){ NULL, 0 }, NULL));
}

static void says_where_it_stopped(void **state)
{
    (void)state;
    hearth_err err = { 0 };
    assert_null(hearth_parse(NULL, HEARTH_STR("{\n  \"a\": [1,\n   ?]}"), &err));
    assert_non_null(strstr(err.msg, "line 3, column 4"));
}

static void caps_depth_and_size(void **state)
{
    (void)state;
    char          text[2 * LIMIT_JSON_DEPTH + 2];
    hearth_err    err = { 0 };
    hearth_value *v = NULL;
    memset(text, '[', LIMIT_JSON_DEPTH + 1);
    memset(text + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
    assert_null(hearth_parse(NULL, (hearth_str){ text, sizeof text }, &err));
    assert_int_equal(err.code, HEARTH_TOO_LARGE);
    v = hearth_parse(NULL, (hearth_str){ text + 1, sizeof text - 2 }, &err);
    assert_non_null(v);
    hearth_value_unref(v);

    err = (hearth_err){ 0 };
    assert_null(hearth_parse(NULL, (hearth_str){ "", LIMIT_JSON_BYTES + 1 }, &err));
    assert_int_equal(err.code, HEARTH_TOO_LARGE);
}

/* [1,1,1,…]: a text far under its cap that would take 32 times its size. */
static hearth_value *parse_ones(size_t count, hearth_err *err)
{
    char         *text = malloc(2 * count + 1);
    hearth_value *v = NULL;
    for (size_t i = 0; i < count; i++)
        memcpy(text + 2 * i, i ? ",1" : "[1", 2);
    text[2 * count] = ']';
    v = hearth_parse(NULL, (hearth_str){ text, 2 * count + 1 }, err);
    free(text);
    return v;
}

static void caps_how_many_values(void **state)
{
    (void)state;
    hearth_err err = { 0 };
    assert_null(parse_ones(LIMIT_JSON_VALUES, &err));
    assert_int_equal(err.code, HEARTH_TOO_LARGE);
    err = (hearth_err){ 0 };
    assert_null(parse_ones(LIMIT_JSON_VALUES * 4, &err));
    assert_int_equal(err.code, HEARTH_TOO_LARGE);
    hearth_value *v = parse_ones(LIMIT_JSON_VALUES - 1, &err);
    assert_int_equal(hearth_count(v), LIMIT_JSON_VALUES - 1);
    hearth_value_unref(v);
}

static void parse_and_write(void)
{
    static const char text[] = "{\"a\":[1,2.5,\"\\n\",{\"b\":null}],\"c\":{\"d\":[[],{}]}}";
    hearth_err        err = { 0 };
    hearth_value     *v = hearth_parse(NULL, HEARTH_STR(text), &err);
    if (!v) {
        assert_int_equal(err.code, HEARTH_NO_MEMORY);
        return;
    }
    char *back = hearth_write(v, NULL);
    if (back)
        assert_string_equal(back, text);
    hearth_write_free(back);
    hearth_value_unref(v);
}

/* Large enough to leave the stack: yyjson's list then grows on the heap, too. */
static void parse_large(void)
{
    enum { N = 3000 };
    hearth_err    err = { 0 };
    hearth_value *v = parse_ones(N, &err);
    assert_true(v ? hearth_count(v) == N : err.code == HEARTH_NO_MEMORY);
    hearth_value_unref(v);
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    WITH_EACH_ALLOCATION_FAILING(parse_and_write());
    WITH_EACH_ALLOCATION_FAILING(parse_large());
}

static int install(void **state)
{
    (void)state;
    value_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_strings),        cmocka_unit_test(finds_special_bytes_anywhere),
        cmocka_unit_test(accepts_json),          cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(says_where_it_stopped), cmocka_unit_test(caps_depth_and_size),
        cmocka_unit_test(caps_how_many_values),  cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
