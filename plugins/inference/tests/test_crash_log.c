/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "crash_log.h"
#include "params.h"

#include <cmocka.h> /* after host.h: its fail is a macro */

void value_install(void); /* of the kit: values without a host */

static void waits_grow_and_end_at_a_minute(void **state)
{
    (void)state;
    static const uint64_t expected[] = { 250, 1000, 4000, 16000, 60000, 60000 };
    crash_log             c = { 0 };
    uint64_t              now = 1000000;
    assert_int_equal(crash_log_wait_ms(&c, now), 0);
    for (size_t i = 0; i < HEARTH_COUNT(expected); i++) {
        crash_log_add(&c, now - 1, now); /* it lived a millisecond */
        assert_int_equal(crash_log_wait_ms(&c, now), expected[i]);
        assert_int_equal(crash_log_wait_ms(&c, now + expected[i] - 1), 1);
        assert_int_equal(crash_log_wait_ms(&c, now + expected[i]), 0);
        now += 30000;
    }
}

static void three_within_a_minute_are_enough(void **state)
{
    (void)state;
    crash_log c = { 0 };
    crash_log_add(&c, 0, 1000);
    crash_log_add(&c, 1000, 2000);
    assert_false(crash_log_is_hopeless(&c));
    crash_log_add(&c, 2000, 60999);
    assert_true(crash_log_is_hopeless(&c));
    crash_log_clear(&c);
    assert_false(crash_log_is_hopeless(&c));
    assert_int_equal(crash_log_wait_ms(&c, 61000), 0);
}

static void slow_crashes_do_not_add_up(void **state)
{
    (void)state;
    crash_log c = { 0 };
    crash_log_add(&c, 0, 1000);
    crash_log_add(&c, 1000, 31000);
    crash_log_add(&c, 31000, 61001); /* the first is over a minute ago */
    assert_false(crash_log_is_hopeless(&c));
    crash_log_add(&c, 61001, 61001 + CRASH_WINDOW_MS); /* it lived for a minute: a new row */
    assert_int_equal(c.in_row, 1);
}

static void check(const char *in, const char *out)
{
    hearth_err    err = { 0 };
    const char   *param = NULL;
    hearth_value *v = hearth_parse(NULL, hearth_cstr(in), NULL), *made = params_for_submit(NULL, v, 9, &err, &param);
    if (!out) {
        assert_null(made);
        assert_string_equal(param, "response_format");
    } else {
        char *text = hearth_write(made, NULL);
        assert_string_equal(text, out);
        hearth_write_free(text);
    }
    hearth_value_unref(made);
    hearth_value_unref(v);
}

static void arguments_become_the_engines(void **state)
{
    (void)state;
    check("{\"model\":\"m\",\"messages\":[],\"temperature\":0,\"stop\":\"a\",\"seed\":null,\"unknown\":1}",
          "{\"messages\":[],\"temperature\":0,\"stop\":[\"a\"],\"lane\":9}");
    check("{\"prompt\":\"p\",\"stop\":[\"a\",\"b\"],\"lane\":4}",
          "{\"prompt\":\"p\",\"stop\":[\"a\",\"b\"],\"lane\":4}");
    check("{\"prompt\":[1,2]}", "{\"tokens\":[1,2],\"lane\":9}");
    check("{\"prompt\":\"p\",\"response_format\":{\"type\":\"text\"}}", "{\"prompt\":\"p\",\"lane\":9}");
    check("{\"prompt\":\"p\",\"response_format\":{\"type\":\"json_object\"}}",
          "{\"prompt\":\"p\",\"lane\":9,\"json_schema\":{\"type\":\"object\"}}");
    check("{\"prompt\":\"p\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":"
          "\"array\"}}}}",
          "{\"prompt\":\"p\",\"lane\":9,\"json_schema\":{\"type\":\"array\"}}");
    check("{\"prompt\":\"p\",\"response_format\":{\"type\":\"json_schema\"}}", NULL);
    check("{\"prompt\":\"p\",\"response_format\":{\"type\":\"yaml\"}}", NULL);
    check("{\"prompt\":\"p\",\"grammar\":\"g\",\"response_format\":{\"type\":\"json_object\"}}", NULL);
}

static void the_makers_advice_fills_what_is_open(void **state)
{
    (void)state;
    hearth_value *params = hearth_parse(NULL, HEARTH_STR("{\"temperature\":1,\"lane\":0}"), NULL), *open = hearth_object(NULL);
    hearth_value *card = hearth_parse(NULL, HEARTH_STR("{\"temperature\":0,\"max_tokens\":220,\"top_k\":null}"), NULL);
    hearth_value *file = hearth_parse(NULL, HEARTH_STR("{\"temperature\":0.2,\"top_k\":20}"), NULL);
    for (size_t i = 0; i < hearth_count(params); i++)
        hearth_values()->put_ref(open, hearth_key_at(params, i), hearth_at(params, i));
    params_advise(open, card);
    params_advise(open, file);
    params_advise(open, NULL);
    assert_int_equal(hearth_get_i64(open, "temperature", -1), 1); /* the request's own */
    assert_int_equal(hearth_get_i64(open, "top_k", -1), 20);
    assert_null(hearth_get(open, "max_tokens")); /* no sampling, and a promise of the API */
    hearth_value_unref(open);
    hearth_value_unref(params);
    hearth_value_unref(card);
    hearth_value_unref(file);
}

static void settings_are_compared_by_content(void **state)
{
    (void)state;
    hearth_value *a = hearth_parse(NULL, HEARTH_STR("{\"context\":512,\"slots\":2}"), NULL);
    hearth_value *b = hearth_parse(NULL, HEARTH_STR("{\"slots\":2,\"context\":512}"), NULL);
    hearth_value *c = hearth_parse(NULL, HEARTH_STR("{\"slots\":3,\"context\":512}"), NULL);
    assert_true(params_same_settings(a, b));
    assert_false(params_same_settings(a, c));
    assert_false(params_same_settings(a, NULL));
    assert_true(params_same_settings(NULL, NULL));
    hearth_value *files = hearth_array(NULL), *open = params_for_open(NULL, files, c, a);
    assert_int_equal(hearth_get_i64(hearth_get(open, "settings"), "slots", 0),
                     3); /* this load's win over the general ones */
    hearth_value_unref(open);
    hearth_value_unref(files);
    hearth_value_unref(a);
    hearth_value_unref(b);
    hearth_value_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_grow_and_end_at_a_minute),   cmocka_unit_test(three_within_a_minute_are_enough),
        cmocka_unit_test(slow_crashes_do_not_add_up),       cmocka_unit_test(arguments_become_the_engines),
        cmocka_unit_test(settings_are_compared_by_content), cmocka_unit_test(the_makers_advice_fills_what_is_open),
    };
    value_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
