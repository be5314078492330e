/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../../tests/unit/fakehost.h"
#include "op.h"

static int set_up(void **state)
{
    *state = fakehost_new(NULL); /* for its values */
    fakehost_serve(*state, "none.here", NULL, NULL);
    return 0;
}

static int tear_down(void **state) { return (int)fakehost_free(*state); }

static void a_line_is_written_as_documented(void **state)
{
    (void)state;
    hearth_buf    out;
    op_stamp      at = { 0x0193a5b0c1d20001u, HEARTH_STR("DEV"), 7 };
    hearth_value *v = hearth_string(NULL, HEARTH_STR("a \"b\"\n"));
    hearth_buf_init(&out, 4096);
    assert_int_equal(op_put(&out, OP_MSG_SET, &at, HEARTH_STR("MSG"), "state", v), HEARTH_OK);
    assert_string_equal(out.p, "{\"h\":\"0193a5b0c1d20001\",\"d\":\"DEV\",\"n\":7,\"o\":\"msg.set\",\"k\":\"MSG\","
                               "\"f\":\"state\",\"v\":\"a \\\"b\\\"\\n\"}");
    op o;
    assert_int_equal(op_read(NULL, hearth_buf_str(&out), &o, NULL), HEARTH_OK);
    assert_int_equal(o.kind, OP_MSG_SET);
    assert_int_equal(op_stamp_compare(&o.at, &at), 0);
    assert_true(hearth_str_is(o.k, "MSG") && hearth_str_is(o.f, "state"));
    assert_true(hearth_str_is(hearth_as_str(o.v), "a \"b\"\n"));
    op_deinit(&o);
    op_deinit(&o); /* a zeroed one is fine */
    hearth_value_unref(v);
    hearth_buf_deinit(&out);
}

#define GOOD "\"h\":\"0193a5b0c1d20001\",\"d\":\"D\",\"n\":1,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f\",\"v\":1"

static void what_is_no_operation_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "null",
        "{}",
        "{" GOOD,
        "{" GOOD "} x",
        "{\"d\":\"D\",\"n\":1,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f\",\"v\":1}",
        "{\"h\":\"0193A5B0C1D20001\",\"d\":\"D\",\"n\":1,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f\",\"v\":1}",
        "{\"h\":1,\"d\":\"D\",\"n\":1,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f\",\"v\":1}",
        "{\"h\":\"0193a5b0c1d20001\",\"d\":\"\",\"n\":1,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f\",\"v\":1}",
        "{\"h\":\"0193a5b0c1d20001\",\"d\":\"a b\",\"n\":1,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f\",\"v\":1}",
        "{\"h\":\"0193a5b0c1d20001\",\"d\":\"D\",\"n\":0,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f\",\"v\":1}",
        "{\"h\":\"0193a5b0c1d20001\",\"d\":\"D\",\"n\":-1,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f\",\"v\":1}",
        "{\"h\":\"0193a5b0c1d20001\",\"d\":\"D\",\"n\":18446744073709551615,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f\","
        "\"v\":1}",
        "{\"h\":\"0193a5b0c1d20001\",\"d\":\"D\",\"n\":1,\"o\":\"\",\"k\":\"K\",\"f\":\"f\",\"v\":1}",
        "{\"h\":\"0193a5b0c1d20001\",\"d\":\"D\",\"n\":1,\"o\":\"msg.set\",\"f\":\"f\",\"v\":1}",
        "{\"h\":\"0193a5b0c1d20001\",\"d\":\"D\",\"n\":1,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f\"}",
        "{\"h\":\"0193a5b0c1d20001\",\"d\":\"D\",\"n\":1,\"o\":\"msg.add\",\"k\":\"K\",\"f\":\"*\",\"v\":1}",
        "{\"h\":\"0193a5b0c1d20001\",\"d\":\"D\",\"n\":1,\"o\":\"msg.set\",\"f\":\"f\",\"v\":1,\"k\":"
        "\"0123456789012345678901234567890123456789012345678901234567890123456\"}",
    };
    op         o;
    hearth_err err;
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        err = (hearth_err){ 0 };
        assert_true(op_read(NULL, hearth_cstr(bad[i]), &o, &err) < 0);
        assert_true(err.msg[0]);
        assert_null(o.doc);
    }
    assert_int_equal(op_read(NULL, HEARTH_STR("{" GOOD "}"), &o, NULL), HEARTH_OK);
    op_deinit(&o);
}

/* A newer Hearth may write kinds that this one does not know; they stay in the log and are no damage. */
static void a_newer_kind_is_unknown_not_wrong(void **state)
{
    (void)state;
    op o;
    assert_int_equal(op_read(NULL,
                             HEARTH_STR("{\"h\":\"0193a5b0c1d20001\",\"d\":\"D\",\"n\":1,\"o\":\"file.add\",\"x\":{}}"),
                             &o, NULL),
                     HEARTH_OK);
    assert_int_equal(o.kind, OP_UNKNOWN);
    op_deinit(&o);
}

static void stamps_are_ordered_by_clock_device_number(void **state)
{
    (void)state;
    op_stamp order[] = { { 1, HEARTH_STR("b"), 9 },
                         { 2, HEARTH_STR("a"), 1 },
                         { 2, HEARTH_STR("a"), 2 },
                         { 2, HEARTH_STR("b"), 1 },
                         { 3, HEARTH_STR("a"), 1 } };
    for (size_t i = 0; i < HEARTH_COUNT(order); i++)
        for (size_t j = 0; j < HEARTH_COUNT(order); j++)
            assert_int_equal(op_stamp_compare(&order[i], &order[j]), i < j ? -1 : i > j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_written_as_documented),
        cmocka_unit_test(what_is_no_operation_is_refused),
        cmocka_unit_test(a_newer_kind_is_unknown_not_wrong),
        cmocka_unit_test(stamps_are_ordered_by_clock_device_number),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
