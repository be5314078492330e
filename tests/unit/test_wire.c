/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel_test.h"

#include "kernel/wire.h"

static int setup(void **state)
{
    (void)state;
    value_install();
    return 0;
}

static void what_is_packed_is_read_back(void **state)
{
    (void)state;
    hearth_buf    out;
    hearth_value *data = json("{\"index\":0,\"name\":\"roll\"}");
    hearth_buf_init(&out, 1 << 20);
    wire_put(&out, 7, &(hearth_event){ .kind = HEARTH_TEXT, .text = HEARTH_STR("h\xc3\xa9llo") });
    wire_put(&out, UINT64_MAX, &(hearth_event){ .kind = HEARTH_PROGRESS, .text = HEARTH_STR("mapping"), .done = 3, .total = UINT64_MAX });
    wire_put(&out, 9, &(hearth_event){ .kind = HEARTH_TOOL_CALL, .data = data });
    wire_put(&out, 9, &(hearth_event){ .kind = HEARTH_REASONING });
    assert_false(out.failed);

    size_t       at = 0;
    uint64_t     call;
    hearth_event e;
    assert_int_equal(wire_next(hearth_buf_str(&out), &at, &call, &e, NULL), 1);
    assert_int_equal(call, 7);
    assert_text(e.text, "h\xc3\xa9llo");
    assert_int_equal(wire_next(hearth_buf_str(&out), &at, &call, &e, NULL), 1);
    assert_true(call == UINT64_MAX && e.done == 3 && e.total == UINT64_MAX);
    assert_text(e.text, "mapping");
    assert_int_equal(wire_next(hearth_buf_str(&out), &at, &call, &e, NULL), 1);
    assert_text(hearth_get_str(e.data, "name"), "roll");
    hearth_value_unref((hearth_value *)(uintptr_t)e.data);
    assert_int_equal(wire_next(hearth_buf_str(&out), &at, &call, &e, NULL), 1);
    assert_int_equal(e.text.n, 0);
    assert_int_equal(wire_next(hearth_buf_str(&out), &at, &call, &e, NULL), 0);
    hearth_value_unref(data);
    hearth_buf_deinit(&out);
}

static void a_cut_payload_is_damaged_at_every_length(void **state)
{
    (void)state;
    hearth_buf out;
    hearth_buf_init(&out, 1 << 20);
    wire_put(&out, 1, &(hearth_event){ .kind = HEARTH_PROGRESS, .text = HEARTH_STR("abc"), .done = 1, .total = 2 });
    for (size_t n = 1; n < out.n; n++) {
        size_t       at = 0;
        uint64_t     call;
        hearth_event e;
        char        *exact = malloc(n); /* so that a read past the end is seen */
        memcpy(exact, out.p, n);
        assert_int_equal(wire_next((hearth_str){ exact, n }, &at, &call, &e, NULL), HEARTH_DAMAGED);
        free(exact);
    }
    hearth_buf_deinit(&out);
}

static void unknown_kinds_and_bad_json_are_damaged(void **state)
{
    (void)state;
    hearth_buf out;
    hearth_buf_init(&out, 1 << 20);
    wire_put(&out, 1, &(hearth_event){ .kind = HEARTH_TEXT, .text = HEARTH_STR("{nope") });
    size_t       at = 0;
    uint64_t     call;
    hearth_event e;
    out.p[8] = HEARTH_DATA; /* the text is read as JSON now */
    assert_int_equal(wire_next(hearth_buf_str(&out), &at, &call, &e, NULL), HEARTH_DAMAGED);
    out.p[8] = 99;
    at = 0;
    assert_int_equal(wire_next(hearth_buf_str(&out), &at, &call, &e, NULL), HEARTH_DAMAGED);
    hearth_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_read_back),
        cmocka_unit_test(a_cut_payload_is_damaged_at_every_length),
        cmocka_unit_test(unknown_kinds_and_bad_json_are_damaged),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
