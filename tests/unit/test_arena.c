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

static void pieces_are_aligned_zeroed_and_apart(void **state)
{
    (void)state;
    hearth_arena   a;
    unsigned char *last = NULL;
    hearth_arena_init(&a, 1 << 20);
    for (size_t n = 1; n < 300; n++) {
        unsigned char *p = hearth_arena_new(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xAA, n);
        if (last)
            assert_int_equal(last[0], 0xAA);
        last = p;
    }
    hearth_arena_deinit(&a);
}

static void the_cap_bounds_the_whole(void **state)
{
    (void)state;
    hearth_arena a;
    size_t       got = 0;
    hearth_arena_init(&a, 10000);
    while (hearth_arena_new(&a, 96))
        got += 96;
    assert_true(got <= 10000 && got > 9000);
    assert_null(hearth_arena_new(&a, SIZE_MAX));
    hearth_arena_deinit(&a);
    assert_non_null(hearth_arena_new(&a, 1)); /* the cap stays, the room is back */
    hearth_arena_deinit(&a);
}

static void a_large_piece_does_not_waste_the_block(void **state)
{
    (void)state;
    hearth_arena a;
    hearth_arena_init(&a, 1 << 20);
    char *small = hearth_arena_new(&a, 16);
    assert_non_null(hearth_arena_new(&a, 200000));
    char *next = hearth_arena_new(&a, 16);
    assert_ptr_equal(next, small + 16);
    hearth_arena_deinit(&a);
}

static void dup_ends_with_a_nul(void **state)
{
    (void)state;
    hearth_arena a;
    hearth_arena_init(&a, 64);
    hearth_str s = hearth_arena_dup(&a, HEARTH_STR("h\0y"));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "h\0y", 4);
    hearth_str empty = hearth_arena_dup(&a, (hearth_str){ NULL, 0 });
    assert_non_null(empty.p);
    assert_null(hearth_arena_dup(&a, (hearth_str){ "x", 1000 }).p);
    hearth_arena_deinit(&a);
}

static void fill(void)
{
    hearth_arena a;
    hearth_arena_init(&a, 1 << 20);
    for (size_t n = 1; n < 5000; n = n * 2 + 1)
        hearth_arena_new(&a, n);
    hearth_arena_deinit(&a);
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    WITH_EACH_ALLOCATION_FAILING(fill());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_zeroed_and_apart),    cmocka_unit_test(the_cap_bounds_the_whole),
        cmocka_unit_test(a_large_piece_does_not_waste_the_block), cmocka_unit_test(dup_ends_with_a_nul),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
