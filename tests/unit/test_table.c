/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel_test.h"


enum { MANY = 2000 };

static void names_survive_growth_and_removal(void **state)
{
    (void)state;
    static char names[MANY][16];
    table       t;
    table_init(&t);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "name.%d", i);
        assert_int_equal(table_put(&t, hearth_cstr(names[i]), names[i]), HEARTH_OK);
    }
    for (int i = 0; i < MANY; i += 3) /* what follows in a probe chain must stay reachable */
        assert_ptr_equal(table_remove(&t, hearth_cstr(names[i])), names[i]);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(table_find(&t, hearth_cstr(names[i])), i % 3 ? (void *)names[i] : NULL);
    assert_null(table_remove(&t, HEARTH_STR("name.0")));
    assert_int_equal(t.n, MANY - (MANY + 2) / 3);
    table_deinit(&t);
}

static void a_name_leads_to_the_last_thing(void **state)
{
    (void)state;
    table t;
    int   a, b;
    table_init(&t);
    assert_null(table_find(&t, HEARTH_STR("x")));
    assert_null(table_remove(&t, HEARTH_STR("x")));
    table_put(&t, HEARTH_STR("x"), &a);
    table_put(&t, HEARTH_STR("x"), &b);
    assert_ptr_equal(table_find(&t, HEARTH_STR("x")), &b);
    assert_int_equal(t.n, 1);
    table_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_survive_growth_and_removal),
        cmocka_unit_test(a_name_leads_to_the_last_thing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
