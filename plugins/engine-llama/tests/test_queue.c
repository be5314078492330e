/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue.h"

static void test_one_lane_is_first_come_first_served(void **state)
{
    (void)state;
    queue       q;
    queue_entry e[5] = { { 0 } };
    queue_init(&q);
    assert_null(queue_pop(&q));
    for (int i = 0; i < 5; i++)
        queue_push(&q, &e[i]);
    assert_int_equal(q.count, 5);
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(queue_pop(&q), &e[i]);
    assert_null(queue_pop(&q));
    queue_push(&q, &e[0]); /* the end is found again after it was empty */
    queue_push(&q, &e[1]);
    assert_ptr_equal(queue_pop(&q), &e[0]);
    assert_ptr_equal(queue_pop(&q), &e[1]);
}

static void test_a_crowd_takes_turns_with_one(void **state)
{
    (void)state;
    queue       q;
    queue_entry crowd[100] = { { 0 } }, one = { .lane = 2 };
    queue_init(&q);
    for (int i = 0; i < 100; i++) {
        crowd[i].lane = 1;
        queue_push(&q, &crowd[i]);
    }
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(queue_pop(&q), &crowd[i]);
    queue_push(&q, &one);
    assert_ptr_equal(queue_pop(&q), &crowd[10]); /* of the same round, and earlier */
    assert_ptr_equal(queue_pop(&q), &one);
    assert_ptr_equal(queue_pop(&q), &crowd[11]);
}

/* One that comes back as soon as it was served does not push the crowd aside either. */
static void test_one_that_returns_takes_turns_with_the_crowd(void **state)
{
    (void)state;
    queue       q;
    queue_entry crowd[50] = { { 0 } }, one = { .lane = 2 };
    int         served = 0;
    queue_init(&q);
    for (int i = 0; i < 50; i++) {
        crowd[i].lane = 1;
        queue_push(&q, &crowd[i]);
    }
    queue_push(&q, &one);
    for (int i = 0; i < 40; i++) {
        queue_entry *e = queue_pop(&q);
        if (e == &one) {
            served++;
            queue_push(&q, &one);
        }
    }
    assert_in_range(served, 18, 22);
}

static int is_lane_3(const queue_entry *e)
{
    return e->lane == 3;
}

static void test_taking_from_the_middle_and_the_end(void **state)
{
    (void)state;
    queue       q;
    queue_entry e[4] = { { .lane = 1 }, { .lane = 3 }, { .lane = 2 }, { .lane = 3 } };
    queue_init(&q);
    for (int i = 0; i < 4; i++)
        queue_push(&q, &e[i]);
    assert_ptr_equal(queue_take(&q, is_lane_3), &e[1]);
    assert_ptr_equal(queue_take(&q, is_lane_3), &e[3]);
    assert_null(queue_take(&q, is_lane_3));
    queue_push(&q, &e[3]);
    assert_int_equal(q.count, 3);
    assert_ptr_equal(queue_pop(&q), &e[0]);
    assert_ptr_equal(queue_pop(&q), &e[2]);
    assert_ptr_equal(queue_pop(&q), &e[3]);
    assert_int_equal(q.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_lane_is_first_come_first_served),
        cmocka_unit_test(test_a_crowd_takes_turns_with_one),
        cmocka_unit_test(test_one_that_returns_takes_turns_with_the_crowd),
        cmocka_unit_test(test_taking_from_the_middle_and_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
