/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel_test.h"

static void ids_find_what_they_were_given_for(void **state)
{
    (void)state;
    slots s;
    int   things[100];
    hearth_id ids[100];
    slots_init(&s);
    for (int i = 0; i < 100; i++)
        ids[i] = slots_add(&s, &things[i]);
    for (int i = 0; i < 100; i++)
        assert_ptr_equal(slots_find(&s, ids[i]), &things[i]);
    assert_int_equal(s.live, 100);
    slots_deinit(&s);
}

static void an_old_id_never_finds_the_next_thing(void **state)
{
    (void)state;
    slots s;
    int   a, b;
    slots_init(&s);
    hearth_id first = slots_add(&s, &a);
    assert_ptr_equal(slots_remove(&s, first), &a);
    hearth_id second = slots_add(&s, &b); /* takes the same place */
    assert_int_equal((uint32_t)first, (uint32_t)second);
    assert_null(slots_find(&s, first));
    assert_null(slots_remove(&s, first));
    assert_ptr_equal(slots_find(&s, second), &b);
    slots_deinit(&s);
}

static void nonsense_finds_nothing(void **state)
{
    (void)state;
    slots s;
    slots_init(&s);
    assert_null(slots_find(&s, 0));
    assert_null(slots_find(&s, UINT64_MAX));
    assert_null(slots_remove(&s, 7));
    slots_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_find_what_they_were_given_for),
        cmocka_unit_test(an_old_id_never_finds_the_next_thing),
        cmocka_unit_test(nonsense_finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
