/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "echo.h"

#include <cmocka.h> /* after host.h: its fail is a macro */

void value_install(void); /* of the kit: values without a host */

static void tokens_put_together_are_the_text(void **state)
{
    (void)state;
    hearth_str text = HEARTH_STR("  Grüße, wide \n 世界 \t");
    hearth_buf out;
    size_t     n = 0;
    hearth_buf_init(&out, 1000);
    for (size_t at = 0; at < text.n; n++) {
        hearth_str token = echo_token_next(text, &at);
        assert_true(token.n > 0);
        assert_true(hearth_utf8_valid(token));
        hearth_buf_put(&out, token);
    }
    assert_true(hearth_str_equal(hearth_buf_str(&out), text));
    assert_int_equal(n, echo_token_count(text));
    assert_int_equal(n, 4); /* the white space at the end is one, too */
    hearth_buf_deinit(&out);
    assert_int_equal(echo_token_count((hearth_str){ NULL, 0 }), 0);
}

static void directive_is_cut_from_the_question(void **state)
{
    (void)state;
    hearth_str json, rest;
    assert_true(echo_directive(HEARTH_STR("@echo {\"tokens\":3}\nhello\nyou"), &json, &rest));
    assert_true(hearth_str_is(json, "{\"tokens\":3}"));
    assert_true(hearth_str_is(rest, "hello\nyou"));
    assert_true(echo_directive(HEARTH_STR("@echo {}"), &json, &rest));
    assert_int_equal(rest.n, 0);
    assert_false(echo_directive(HEARTH_STR("hello @echo {}"), &json, &rest));
    assert_false(echo_directive(HEARTH_STR("@echo hello"), &json, &rest));
}

static void knobs_override_and_name_what_is_wrong(void **state)
{
    (void)state;
    hearth_err    err = { 0 };
    echo_knobs    k;
    hearth_value *v = hearth_parse(NULL, HEARTH_STR("{\"delay_ms\":5,\"say\":\"hi\",\"other\":1}"), &err);
    echo_knobs_init(&k);
    assert_int_equal(k.tokens, -1);
    assert_int_equal(echo_knobs_read(&k, v, &err), HEARTH_OK);
    assert_int_equal(k.delay_ms, 5);
    assert_int_equal(k.crash_after, -1);
    assert_true(hearth_str_is(k.say, "hi"));
    hearth_value_unref(v);

    static const struct {
        const char *json, *names;
    } bad[] = {
        { "{\"delay_ms\":-1}", "delay_ms" },   { "{\"tokens\":1e12}", "tokens" },
        { "{\"tokens\":\"3\"}", "tokens" },    { "{\"say\":1}", "say" },
        { "{\"tool_call\":{}}", "tool_call" }, { "{\"crash_after\":true}", "crash_after" },
    };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        err = (hearth_err){ 0 };
        v = hearth_parse(NULL, hearth_cstr(bad[i].json), &err);
        assert_non_null(v);
        assert_int_equal(echo_knobs_read(&k, v, &err), HEARTH_INVALID_ARGUMENT);
        assert_non_null(strstr(err.msg, bad[i].names));
        hearth_value_unref(v);
    }
}

/* Feeds `text` byte by byte, as tokens come, and gathers what may be told. */
static int stream(const char *text, const hearth_str *stops, size_t n, hearth_buf *told)
{
    size_t sent = 0, length = strlen(text);
    int    hit = -1;
    for (size_t i = 1; i <= length && hit < 0; i++) {
        size_t may = echo_stop_scan((hearth_str){ text, i }, sent, stops, n, &hit);
        assert_true(may >= sent && may <= i);
        hearth_buf_append(told, text + sent, may - sent);
        sent = may;
    }
    return hit;
}

static void stop_strings_never_show(void **state)
{
    (void)state;
    static const hearth_str stops[] = { { "END", 3 }, { "\n\n", 2 }, { "ENTER", 5 } };
    static const struct {
        const char *text, *told;
        int         hit;
    } cases[] = {
        { "abcENDdef", "abc", 0 }, { "abcEEND", "abcE", 0 },       { "ab\n\nc", "ab", 1 }, { "xENTEND", "xENT", 0 },
        { "xENTER", "x", 2 },      { "no stop.", "no stop.", -1 }, { "ENDEND", "", 0 },    { "abEN", "ab", -1 },
    };
    for (size_t i = 0; i < HEARTH_COUNT(cases); i++) {
        hearth_buf told;
        hearth_buf_init(&told, 1000);
        hearth_buf_puts(&told, "");
        assert_int_equal(stream(cases[i].text, stops, HEARTH_COUNT(stops), &told), cases[i].hit);
        assert_true(hearth_str_equal(hearth_buf_str(&told), hearth_cstr(cases[i].told)));
        hearth_buf_deinit(&told);
    }
}

static void the_earliest_stop_string_wins(void **state)
{
    (void)state;
    static const hearth_str stops[] = { { "world", 5 }, { "o", 1 } };
    int                     hit;
    assert_int_equal(echo_stop_scan(HEARTH_STR("hello world"), 0, stops, 2, &hit), 4);
    assert_int_equal(hit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_put_together_are_the_text),      cmocka_unit_test(directive_is_cut_from_the_question),
        cmocka_unit_test(knobs_override_and_name_what_is_wrong), cmocka_unit_test(stop_strings_never_show),
        cmocka_unit_test(the_earliest_stop_string_wins),
    };
    value_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
