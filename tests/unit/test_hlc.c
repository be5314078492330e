/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/kit.h>

static void never_goes_back(void **state)
{
    (void)state;
    static const uint64_t walls[] = { 1000, 1000, 1001, 900, 0, 1001, 5000 };
    uint64_t              last = 0;
    for (size_t i = 0; i < HEARTH_COUNT(walls); i++) {
        uint64_t next = hearth_hlc_next(last, walls[i]);
        assert_true(next > last);
        assert_true(next >> 16 >= walls[i]);
        last = next;
    }
    assert_int_equal(last, 5000ull << 16);
}

static void follows_what_came_from_elsewhere(void **state)
{
    (void)state;
    uint64_t theirs = hearth_hlc_next(0, 9000) + 7;
    uint64_t mine = hearth_hlc_next(0, 100);
    mine = hearth_hlc_next(hearth_hlc_seen(mine, theirs), 101);
    assert_true(mine > theirs);
    assert_int_equal(hearth_hlc_seen(theirs, 1), theirs);
}

static void carries_and_stands_still_at_the_end(void **state)
{
    (void)state;
    assert_int_equal(hearth_hlc_next((5ull << 16) | 0xFFFF, 5), 6ull << 16);
    assert_true(hearth_hlc_next(UINT64_MAX, 5) == UINT64_MAX);
    assert_true(hearth_hlc_next(0, UINT64_MAX) == ((1ull << 48) - 1) << 16);
}

static void text_order_is_clock_order(void **state)
{
    (void)state;
    static const uint64_t clocks[] = { 0, 9, 10, 15, 16, 1ull << 16, 0xFFFFFFFFull, UINT64_MAX };
    char                  last[17] = "", text[17];
    uint64_t              back = 0;
    for (size_t i = 0; i < HEARTH_COUNT(clocks); i++) {
        hearth_hlc_write(text, clocks[i]);
        assert_true(strcmp(last, text) < 0);
        assert_true(hearth_hlc_read(hearth_cstr(text), &back));
        assert_true(back == clocks[i]);
        memcpy(last, text, sizeof last);
    }
    assert_false(hearth_hlc_read(HEARTH_STR("000000000000000"), &back));
    assert_false(hearth_hlc_read(HEARTH_STR("000000000000000A"), &back));
    assert_false(hearth_hlc_read(HEARTH_STR("00000000000000000"), &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_goes_back),
        cmocka_unit_test(follows_what_came_from_elsewhere),
        cmocka_unit_test(carries_and_stands_still_at_the_end),
        cmocka_unit_test(text_order_is_clock_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
