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

static void grows_and_ends_with_a_nul(void **state)
{
    (void)state;
    hearth_buf b;
    hearth_buf_init(&b, 1000);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(hearth_buf_printf(&b, "%d,", i), HEARTH_OK);
        assert_int_equal(b.p[b.n], '\0');
    }
    assert_memory_equal(b.p, "0,1,2,3,", 8);
    assert_int_equal(b.n, 10 * 2 + 90 * 3);
    hearth_buf_deinit(&b);
}

static void stops_at_its_cap_and_stays_failed(void **state)
{
    (void)state;
    hearth_buf b;
    hearth_buf_init(&b, 10);
    assert_int_equal(hearth_buf_puts(&b, "0123456789"), HEARTH_OK);
    assert_int_equal(hearth_buf_putc(&b, 'x'), HEARTH_TOO_LARGE);
    assert_true(b.failed);
    hearth_buf_consume(&b, 10);
    assert_true(hearth_buf_putc(&b, 'x') < 0); /* a writer asks once, at the end */
    assert_int_equal(b.n, 0);
    hearth_buf_reset(&b);
    assert_int_equal(hearth_buf_puts(&b, "again"), HEARTH_OK);
    assert_string_equal(b.p, "again");
    hearth_buf_deinit(&b);
}

static void printf_over_the_cap_leaves_what_was(void **state)
{
    (void)state;
    hearth_buf b;
    hearth_buf_init(&b, 8);
    hearth_buf_puts(&b, "abc");
    assert_int_equal(hearth_buf_printf(&b, "%s", "defghijkl"), HEARTH_TOO_LARGE);
    assert_string_equal(b.p, "abc");
    assert_int_equal(b.n, 3);
    hearth_buf_deinit(&b);
}

static void sizes_that_overflow_are_too_large(void **state)
{
    (void)state;
    hearth_buf b;
    hearth_buf_init(&b, SIZE_MAX);
    hearth_buf_putc(&b, 'x');
    assert_int_equal(hearth_buf_reserve(&b, SIZE_MAX - 1), HEARTH_TOO_LARGE);
    hearth_buf_deinit(&b);
    hearth_buf_init(&b, 100);
    assert_int_equal(hearth_buf_reserve(&b, SIZE_MAX), HEARTH_TOO_LARGE);
    hearth_buf_deinit(&b);
}

static void consume_and_take(void **state)
{
    (void)state;
    hearth_buf b;
    size_t     n = 0;
    hearth_buf_init(&b, 100);
    hearth_buf_puts(&b, "one two");
    hearth_buf_consume(&b, 4);
    assert_string_equal(b.p, "two");
    hearth_buf_consume(&b, 100);
    assert_int_equal(b.n, 0);
    hearth_buf_puts(&b, "rest");
    char *text = hearth_buf_take(&b, &n);
    assert_string_equal(text, "rest");
    assert_int_equal(n, 4);
    assert_null(b.p);
    free(text);
    hearth_buf_deinit(&b);
    hearth_buf zero = { 0 };
    hearth_buf_deinit(&zero);
}

static void write_much(void)
{
    hearth_buf b;
    hearth_buf_init(&b, 10000);
    for (int i = 0; i < 300; i++)
        hearth_buf_printf(&b, "line %d\n", i);
    assert_true(b.failed || b.n > 2000);
    hearth_buf_deinit(&b);
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    WITH_EACH_ALLOCATION_FAILING(write_much());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_ends_with_a_nul),
        cmocka_unit_test(stops_at_its_cap_and_stays_failed),
        cmocka_unit_test(printf_over_the_cap_leaves_what_was),
        cmocka_unit_test(sizes_that_overflow_are_too_large),
        cmocka_unit_test(consume_and_take),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
