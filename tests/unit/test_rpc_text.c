/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel_test.h"

#include "face/rpc_text.h"

static hearth_buf out;

static int setup(void **state)
{
    (void)state;
    value_install();
    hearth_buf_init(&out, 1 << 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hearth_buf_deinit(&out);
    return 0;
}

/* What was written, read as JSON again. */
static hearth_value *reread(void)
{
    hearth_value *v = json(out.p);
    hearth_buf_reset(&out);
    return v;
}

static void ids(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool        is_good;
    } rows[] = { { "7", true },
                 { "-1", true },
                 { "18446744073709551615", true },
                 { "\"a\\u0000\\\"\"", true },
                 { "null", true },
                 { "1.5", false },
                 { "true", false },
                 { "[1]", false },
                 { "{}", false } };
    for (size_t i = 0; i < HEARTH_COUNT(rows); i++) {
        hearth_value *v = json(rows[i].json);
        hearth_buf_reset(&out);
        assert_int_equal(rpc_text_id(&out, v), rows[i].is_good);
        if (rows[i].is_good && rows[i].json[0] != '"')
            assert_text(hearth_buf_str(&out), rows[i].json);
        hearth_value_unref(v);
    }
    char long_text[200];
    memset(long_text, 'x', sizeof long_text);
    hearth_value *v = hearth_string(NULL, (hearth_str){ long_text, 129 });
    assert_false(rpc_text_id(&out, v));
    hearth_value_unref(v);
}

static void events(void **state)
{
    (void)state;
    hearth_value *data = json("{\"a\":[1]}");
    hearth_event  e = { HEARTH_TEXT, 0, 7, HEARTH_STR("a\"\n\xff"), 0, 0, NULL };
    rpc_text_event(&out, HEARTH_STR("\"x\""), &e);
    hearth_value       *v = reread();
    const hearth_value *p = hearth_get(v, "params");
    assert_text(hearth_get_str(v, "method"), "rpc.event");
    assert_null(hearth_get(v, "id"));
    assert_text(hearth_get_str(p, "id"), "x");
    assert_text(hearth_get_str(p, "kind"), "text");
    assert_text(hearth_get_str(p, "text"), "a\"\n\xef\xbf\xbd");
    assert_int_equal(hearth_get_u64(p, "seq", 0), 7);
    hearth_value_unref(v);

    e = (hearth_event){ HEARTH_PROGRESS, 0, 8, HEARTH_STR("loading"), 3, UINT64_MAX, NULL };
    rpc_text_event(&out, HEARTH_STR("1"), &e);
    v = reread();
    p = hearth_get(v, "params");
    assert_int_equal(hearth_get_u64(p, "done", 0), 3);
    assert_true(hearth_get_u64(p, "total", 0) == UINT64_MAX);
    assert_text(hearth_get_str(p, "text"), "loading");
    hearth_value_unref(v);

    e = (hearth_event){ HEARTH_DATA, 0, 9, { NULL, 0 }, 0, 0, data };
    rpc_text_event(&out, HEARTH_STR("1"), &e);
    v = reread();
    assert_int_equal(hearth_count(hearth_get(hearth_get(hearth_get(v, "params"), "data"), "a")), 1);
    hearth_value_unref(v);

    e.kind = 99;
    rpc_text_event(&out, HEARTH_STR("1"), &e);
    assert_int_equal(out.n, 0);
    hearth_value_unref(data);
}

static void joined_text(void **state)
{
    (void)state;
    hearth_event e = { HEARTH_REASONING, 0, 1, HEARTH_STR("a\t"), 0, 0, NULL };
    rpc_text_open(&out, HEARTH_STR("5"), &e);
    hearth_json_put_escaped(&out, HEARTH_STR("b\""));
    rpc_text_close(&out, 2);
    hearth_value       *v = reread();
    const hearth_value *p = hearth_get(v, "params");
    assert_text(hearth_get_str(p, "text"), "a\tb\"");
    assert_int_equal(hearth_get_u64(p, "seq", 0), 2);
    hearth_value_unref(v);
}

static void errors(void **state)
{
    (void)state;
    hearth_value *details = json("{\"param\":\"temperature\",\"name\":\"forged\"}");
    rpc_text_error(&out, HEARTH_STR("1"), HEARTH_INVALID_ARGUMENT, "no \"good\"", details);
    hearth_value       *v = reread();
    const hearth_value *e = hearth_get(v, "error"), *data = hearth_get(e, "data");
    assert_int_equal(hearth_get_i64(e, "code", 0), -32602);
    assert_text(hearth_get_str(e, "message"), "no \"good\"");
    assert_text(hearth_get_str(data, "name"), "invalid_argument");
    assert_text(hearth_get_str(data, "param"), "temperature");
    assert_int_equal(hearth_count(data), 2);
    hearth_value_unref(v);
    hearth_value_unref(details);

    rpc_text_error(&out, HEARTH_STR("null"), HEARTH_BUSY, "", NULL);
    v = reread();
    assert_true(hearth_get_str(hearth_get(v, "error"), "message").n > 0);
    hearth_value_unref(v);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = { T(ids), T(events), T(joined_text), T(errors) };
    return cmocka_run_group_tests_name("rpc_text", tests, NULL, NULL);
}
