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
#include "kernel/schema.h"
#include "kit/limits.h"
#include "kit/value.h"

static schema *compiled(const char *text)
{
    hearth_err    err = { 0 };
    hearth_value *v = hearth_parse(NULL, hearth_cstr(text), &err);
    schema       *s = NULL;
    if (!v)
        fail_msg("%s: %s", text, err.msg);
    s = schema_compile(v, &err);
    hearth_value_unref(v);
    if (!s)
        fail_msg("%s: %s", text, err.msg);
    return s;
}

static hearth_code check(const schema *s, const char *text, hearth_err *err, hearth_buf *path)
{
    hearth_value *v = hearth_parse(NULL, hearth_cstr(text), err);
    hearth_code   code = HEARTH_OK;
    assert_non_null(v);
    code = schema_check(s, v, err, path);
    hearth_value_unref(v);
    return code;
}

static void accepts_and_refuses(void **state)
{
    (void)state;
    /* schema, what fits, what does not */
    static const char *const cases[][3] = {
        { "{\"type\":\"integer\"}", "[1,-1,1.0,18446744073709551615,1e3]", "[1.5,\"1\",true,null,[],{}]" },
        { "{\"type\":\"number\"}", "[1,1.5]", "[\"1\",null]" },
        { "{\"type\":[\"string\",\"null\"]}", "[\"\",null]", "[0,false,[],{}]" },
        { "{\"type\":\"boolean\"}", "[true,false]", "[0,\"true\",null]" },
        { "true", "[1,null,{}]", "[]" },
        { "false", "[]", "[1,null,{}]" },
        { "{}", "[1,null,{}]", "[]" },
        { "{\"minimum\":0,\"maximum\":2}", "[0,2,1.5,\"text\"]", "[-1,2.0001,3]" },
        { "{\"exclusiveMinimum\":0,\"exclusiveMaximum\":1}", "[0.5]", "[0,1]" },
        { "{\"minimum\":9007199254740993}", "[9007199254740993,9007199254740994]", "[9007199254740992]" },
        { "{\"maximum\":18446744073709551614}", "[18446744073709551614,-1]", "[18446744073709551615]" },
        { "{\"multipleOf\":0.1}", "[0.3,1,-0.7]", "[0.35]" },
        { "{\"multipleOf\":3}", "[0,3,-6]", "[1,3.5]" },
        { "{\"minLength\":2,\"maxLength\":3}", "[\"ab\",\"\xE4\xBD\xA0\xE5\xA5\xBD\",7]",
          "[\"a\",\"abcd\",\"\xE4\xBD\xA0\"]" },
        { "{\"pattern\":\"^a+$\"}", "[\"a\",\"aaa\",1]", "[\"\",\"ab\"]" },
        { "{\"enum\":[1,\"a\",null,{\"x\":[1]}]}", "[1,1.0,\"a\",null,{\"x\":[1]}]",
          "[2,\"b\",false,{\"x\":[2]},{\"x\":[1],\"y\":1}]" },
        { "{\"const\":{\"a\":1,\"b\":2}}", "[{\"b\":2.0,\"a\":1}]", "[{\"a\":1},{}]" },
        { "{\"items\":{\"type\":\"integer\"}}", "[[],[1,2],\"x\"]", "[[1,\"2\"]]" },
        { "{\"prefixItems\":[{\"type\":\"string\"},{\"type\":\"integer\"}],\"items\":false}", "[[],[\"a\"],[\"a\",1]]",
          "[[1],[\"a\",1,2]]" },
        { "{\"minItems\":1,\"maxItems\":2}", "[[1],[1,2]]", "[[],[1,2,3]]" },
        { "{\"uniqueItems\":true}", "[[],[1],[1,2,\"1\",[1],{\"a\":1},{\"a\":2},true,null,false]]",
          "[[1,2,1],[1,1.0],[[1,2],[1,2]],[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]]" },
        { "{\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]}", "[{\"a\":1},{\"a\":1,\"b\":2},3]",
          "[{},{\"a\":\"x\"}]" },
        { "{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "[{},{\"a\":1}]",
          "[{\"b\":1},{\"a\":1,\"b\":1}]" },
        { "{\"properties\":{\"a\":{}},\"additionalProperties\":{\"type\":\"integer\"}}", "[{\"a\":\"x\",\"b\":1}]",
          "[{\"b\":\"x\"}]" },
        { "{\"propertyNames\":{\"pattern\":\"^x\"}}", "[{},{\"x1\":0}]", "[{\"y\":0}]" },
        { "{\"minProperties\":1,\"maxProperties\":2}", "[{\"a\":1}]", "[{},{\"a\":1,\"b\":1,\"c\":1}]" },
        { "{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "[1,2,3]", "[0,4]" },
        { "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "[\"a\",5,null]", "[4]" },
        { "{\"oneOf\":[{\"multipleOf\":2},{\"multipleOf\":3}]}", "[2,3,4]", "[1,6]" },
        { "{\"not\":{\"type\":\"string\"}}", "[1,null]", "[\"a\"]" },
        { "{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"type\":\"integer\"}}}", "[1]", "[\"a\"]" },
        { "{\"$ref\":\"#/$defs/a~1b~0c\",\"$defs\":{\"a/b~c\":{\"type\":\"integer\"}}}", "[1]", "[\"a\"]" },
        { "{\"type\":[\"object\",\"integer\"],\"properties\":{\"next\":{\"$ref\":\"#\"}}}", "[{\"next\":{\"next\":1}}]",
          "[{\"next\":{\"next\":\"x\"}}]" },
        { "{\"title\":\"x\",\"description\":\"y\",\"default\":1,\"format\":\"uri\",\"examples\":[],\"x-own\":1,"
          "\"type\":\"string\"}",
          "[\"a\"]", "[1]" },
        { "{\"type\":\"string\",\"$defs\":{\"Never\":{\"$ref\":\"threads#/$defs/Thread\"}}}", "[\"a\"]", "[1]" },
    };
    for (size_t i = 0; i < HEARTH_COUNT(cases); i++) {
        schema *s = compiled(cases[i][0]);
        for (int bad = 0; bad < 2; bad++) {
            hearth_err    err = { 0 };
            hearth_value *list = hearth_parse(NULL, hearth_cstr(cases[i][1 + bad]), &err);
            assert_non_null(list);
            for (size_t k = 0; k < hearth_count(list); k++) {
                err = (hearth_err){ 0 };
                hearth_code code = schema_check(s, hearth_at(list, k), &err, NULL);
                if (code != (bad ? HEARTH_INVALID_ARGUMENT : HEARTH_OK))
                    fail_msg("%s on element %zu of %s: %d %s", cases[i][0], k, cases[i][1 + bad], code, err.msg);
                if (bad)
                    assert_true(strlen(err.msg) > 10);
            }
            hearth_value_unref(list);
        }
        schema_free(s);
    }
}

static void speaks_to_people(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *value, *msg, *path;
    } cases[] = {
        { "{\"properties\":{\"temperature\":{\"type\":\"number\",\"minimum\":0,\"maximum\":2}}}",
          "{\"temperature\":\"hot\"}", "\"temperature\" must be a number between 0 and 2, got \"hot\"", "temperature" },
        { "{\"properties\":{\"temperature\":{\"type\":\"number\",\"minimum\":0,\"maximum\":2}}}",
          "{\"temperature\":2.5}", "\"temperature\" must be a number between 0 and 2, got 2.5", "temperature" },
        { "{\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":1}}}", "{\"n\":0}",
          "\"n\" must be a whole number from 1, got 0", "n" },
        { "{\"properties\":{\"messages\":{\"items\":{\"properties\":{\"role\":{\"enum\":[\"user\",\"system\"]}}}}}}",
          "{\"messages\":[{},{},{\"role\":\"usr\"}]}",
          "\"messages[2].role\" must be one of \"user\", \"system\", got \"usr\"", "messages[2].role" },
        { "{\"required\":[\"model\"]}", "{}", "\"model\" is missing", "model" },
        { "{\"properties\":{\"top_p\":{},\"top_k\":{}},\"additionalProperties\":false}", "{\"topp\":1}",
          "\"topp\" is not known here; known are top_k, top_p", "topp" },
        { "{\"additionalProperties\":false}", "{\"x\":1}", "\"x\" is not known here: nothing is expected", "x" },
        { "{\"type\":\"object\"}", "[1,2]", "the value must be an object, got an array of 2", "" },
        { "{\"properties\":{\"stop\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":"
          "\"string\"}}]}}}",
          "{\"stop\":5}", "\"stop\" must be a text or an array, got 5", "stop" },
        { "{\"properties\":{\"stop\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":"
          "\"string\"}}]}}}",
          "{\"stop\":[\"a\",5]}", "\"stop[1]\" must be a text, got 5", "stop[1]" },
        { "{\"properties\":{\"id\":{\"minLength\":1}}}", "{\"id\":\"\"}", "\"id\" must not be empty", "id" },
        { "{\"properties\":{\"a\":{\"const\":7}}}", "{\"a\":8}", "\"a\" must be 7, got 8", "a" },
        { "{\"uniqueItems\":true}", "[1,2,1]", "the value has the same element twice: [0] and [2]", "" },
    };
    for (size_t i = 0; i < HEARTH_COUNT(cases); i++) {
        schema    *s = compiled(cases[i].schema);
        hearth_err err = { 0 };
        hearth_buf path;
        hearth_buf_init(&path, 1000);
        assert_int_equal(check(s, cases[i].value, &err, &path), HEARTH_INVALID_ARGUMENT);
        assert_string_equal(err.msg, cases[i].msg);
        assert_string_equal(path.p ? path.p : "", cases[i].path);
        hearth_buf_deinit(&path);
        schema_free(s);
    }
}

static void refuses_bad_schemas(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        hearth_code code;
    } bad[] = {
        { "7", HEARTH_INVALID_ARGUMENT },
        { "{\"type\":\"text\"}", HEARTH_INVALID_ARGUMENT },
        { "{\"type\":7}", HEARTH_INVALID_ARGUMENT },
        { "{\"minimum\":\"1\"}", HEARTH_INVALID_ARGUMENT },
        { "{\"minLength\":-1}", HEARTH_INVALID_ARGUMENT },
        { "{\"multipleOf\":0}", HEARTH_INVALID_ARGUMENT },
        { "{\"enum\":[]}", HEARTH_INVALID_ARGUMENT },
        { "{\"anyOf\":[]}", HEARTH_INVALID_ARGUMENT },
        { "{\"anyOf\":[7]}", HEARTH_INVALID_ARGUMENT },
        { "{\"required\":[1]}", HEARTH_INVALID_ARGUMENT },
        { "{\"properties\":[]}", HEARTH_INVALID_ARGUMENT },
        { "{\"pattern\":\"(\"}", HEARTH_INVALID_ARGUMENT },
        { "{\"pattern\":\"(?=a)\"}", HEARTH_UNSUPPORTED },
        { "{\"patternProperties\":{}}", HEARTH_UNSUPPORTED },
        { "{\"if\":{}}", HEARTH_UNSUPPORTED },
        { "{\"$ref\":\"#/$defs/None\"}", HEARTH_INVALID_ARGUMENT },
        { "{\"$ref\":\"other#/$defs/A\"}", HEARTH_INVALID_ARGUMENT },
        { "{\"$ref\":7}", HEARTH_INVALID_ARGUMENT },
        { "{\"$ref\":\"#\"}", HEARTH_INVALID_ARGUMENT },
        { "{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#/$defs/"
          "B\"}]},\"B\":{\"not\":{\"$ref\":\"#/$defs/A\"}}}}",
          HEARTH_INVALID_ARGUMENT },
    };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        hearth_err    err = { 0 };
        hearth_value *v = hearth_parse(NULL, hearth_cstr(bad[i].schema), &err);
        assert_non_null(v);
        schema *s = schema_compile(v, &err);
        if (s || err.code != bad[i].code)
            fail_msg("%s: %d %s", bad[i].schema, err.code, err.msg);
        hearth_value_unref(v);
    }
}

/* 2^30 ways to try, if nobody counted. */
static void alternatives_cost_no_more_than_the_budget(void **state)
{
    (void)state;
    hearth_buf text, value;
    hearth_err err = { 0 };
    hearth_buf_init(&text, 100000);
    hearth_buf_puts(&text, "{\"$ref\":\"#/$defs/A30\",\"$defs\":{\"A0\":{\"type\":\"string\"}");
    for (int i = 1; i <= 30; i++)
        hearth_buf_printf(&text, ",\"A%d\":{\"oneOf\":[{\"$ref\":\"#/$defs/A%d\"},{\"$ref\":\"#/$defs/A%d\"}]}", i,
                          i - 1, i - 1);
    hearth_buf_puts(&text, "}}");
    schema *s = compiled(text.p);
    assert_int_equal(check(s, "1", &err, NULL), HEARTH_TOO_LARGE);
    schema_free(s);

    /* The same going down into the value. */
    hearth_buf_reset(&text);
    hearth_buf_puts(
        &text, "{\"anyOf\":[{\"items\":{\"$ref\":\"#\"},\"minItems\":1},{\"items\":{\"$ref\":\"#\"},\"minItems\":1}]}");
    hearth_buf_init(&value, 1000);
    for (int i = 0; i < 60; i++)
        hearth_buf_putc(&value, '[');
    for (int i = 0; i < 60; i++)
        hearth_buf_putc(&value, ']');
    s = compiled(text.p);
    err = (hearth_err){ 0 };
    assert_int_equal(check(s, value.p, &err, NULL), HEARTH_TOO_LARGE);
    schema_free(s);
    hearth_buf_deinit(&text);
    hearth_buf_deinit(&value);
}

static void caps_the_schema_itself(void **state)
{
    (void)state;
    hearth_buf text;
    hearth_err err = { 0 };
    hearth_buf_init(&text, 10000000);
    hearth_buf_puts(&text, "{\"properties\":{");
    for (int i = 0; i < LIMIT_SCHEMA_NODES + 1; i++)
        hearth_buf_printf(&text, "%s\"p%d\":{}", i ? "," : "", i);
    hearth_buf_puts(&text, "}}");
    hearth_value *v = hearth_parse(NULL, hearth_buf_str(&text), &err);
    assert_null(schema_compile(v, &err));
    assert_int_equal(err.code, HEARTH_TOO_LARGE);
    hearth_value_unref(v);

    hearth_buf_reset(&text);
    hearth_buf_puts(&text, "{\"$ref\":\"#/$defs/A0\",\"$defs\":{");
    for (int i = 0; i < 100; i++)
        hearth_buf_printf(&text, "\"A%d\":{\"$ref\":\"#/$defs/A%d\"},", i, i + 1);
    hearth_buf_puts(&text, "\"A100\":{}}}");
    err = (hearth_err){ 0 };
    v = hearth_parse(NULL, hearth_buf_str(&text), &err);
    assert_null(schema_compile(v, &err));
    assert_int_equal(err.code, HEARTH_TOO_LARGE);
    hearth_value_unref(v);
    hearth_buf_deinit(&text);
}

static void compile_and_check(void)
{
    static const char text[] =
        "{\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^x\"},{\"type\":\"null\"}]},"
        "\"b\":{\"uniqueItems\":true},\"c\":{\"$ref\":\"#/$defs/C\"}},\"propertyNames\":{\"maxLength\":3},"
        "\"required\":[\"a\"],\"$defs\":{\"C\":{\"enum\":[1,2]}}}";
    hearth_err    err = { 0 };
    hearth_value *v = hearth_parse(NULL, HEARTH_STR(text), &err);
    hearth_value *good = hearth_parse(NULL, HEARTH_STR("{\"a\":\"xy\",\"b\":[1,2,3],\"c\":2}"), NULL);
    hearth_value *bad = hearth_parse(NULL, HEARTH_STR("{\"a\":\"xy\",\"b\":[1,2,3],\"c\":3}"), NULL);
    schema       *s = v ? schema_compile(v, &err) : NULL;
    hearth_buf    path;
    hearth_buf_init(&path, 100);
    if (s && good && bad) {
        hearth_code code = schema_check(s, good, NULL, &path);
        assert_true(code == HEARTH_OK || code == HEARTH_NO_MEMORY);
        assert_true(schema_check(s, bad, NULL, &path) < 0); /* memory or not, it never says yes */
    } else {
        assert_true(!v || s || err.code == HEARTH_NO_MEMORY);
    }
    hearth_buf_deinit(&path);
    schema_free(s);
    hearth_value_unref(v);
    hearth_value_unref(good);
    hearth_value_unref(bad);
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    WITH_EACH_ALLOCATION_FAILING(compile_and_check());
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
        cmocka_unit_test(accepts_and_refuses),    cmocka_unit_test(speaks_to_people),
        cmocka_unit_test(refuses_bad_schemas),    cmocka_unit_test(alternatives_cost_no_more_than_the_budget),
        cmocka_unit_test(caps_the_schema_itself), cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
