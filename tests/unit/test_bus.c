/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel_test.h"

static loop *l;
static bus  *b;
static char  heard[256];

static int setup(void **state)
{
    (void)state;
    value_install();
    heard[0] = 0;
    l = loop_new(NULL);
    b = l ? bus_new(l) : NULL;
    return b ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    bus_free(b);
    loop_free(l);
    return 0;
}

static void hear(void *self, hearth_str topic, const hearth_value *value)
{
    size_t n = strlen(heard);
    snprintf(heard + n, sizeof heard - n, "%s:%.*s=%d ", (const char *)self, HEARTH_FMT(topic), (int)hearth_as_i64(value, -1));
}

static void topics_reach_who_asked_in_order(void **state)
{
    (void)state;
    char one[] = "one", all[] = "all";
    bus_subscribe(b, one, HEARTH_STR("threads.changed"), hear, one);
    bus_subscribe(b, all, HEARTH_STR("threads.*"), hear, all);
    bus_emit(b, HEARTH_STR("threads.changed"), hearth_integer(NULL, 1));
    bus_emit(b, HEARTH_STR("threads.gone"), hearth_integer(NULL, 2));
    bus_emit(b, HEARTH_STR("models.changed"), hearth_integer(NULL, 3));
    assert_string_equal(heard, ""); /* nobody is called back inside an emit */
    settle_loop(l);
    assert_string_equal(heard, "one:threads.changed=1 all:threads.changed=1 all:threads.gone=2 ");
}

static void nobody_hears_of_before_it_subscribed(void **state)
{
    (void)state;
    char first[] = "first", late[] = "late";
    bus_subscribe(b, first, HEARTH_STR("t"), hear, first);
    bus_emit(b, HEARTH_STR("t"), hearth_integer(NULL, 1));
    bus_subscribe(b, late, HEARTH_STR("t"), hear, late);
    bus_emit(b, HEARTH_STR("t"), hearth_integer(NULL, 2));
    settle_loop(l);
    assert_string_equal(heard, "first:t=1 first:t=2 late:t=2 ");
}

static void leave_while_told(void *self, hearth_str topic, const hearth_value *value)
{
    hear((char[]){ "x" }, topic, value);
    assert_int_equal(bus_drop_owner(b, self), 2);
}

static void whoever_leaves_hears_nothing_more(void **state)
{
    (void)state;
    int owner;
    bus_subscribe(b, &owner, HEARTH_STR("t"), leave_while_told, &owner);
    bus_subscribe(b, &owner, HEARTH_STR("t"), leave_while_told, &owner);
    assert_int_equal(bus_count(b, &owner), 2);
    bus_emit(b, HEARTH_STR("t"), hearth_integer(NULL, 1));
    bus_emit(b, HEARTH_STR("t"), hearth_integer(NULL, 2));
    settle_loop(l);
    assert_string_equal(heard, "x:t=1 ");
    assert_int_equal(bus_count(b, &owner), 0);
}

static void answer_with_the_same(void *self, hearth_str topic, const hearth_value *value)
{
    (void)value;
    ++*(int *)self;
    bus_emit(b, topic, hearth_integer(NULL, 1));
}

static void end_the_echo(void *arg)
{
    assert_int_equal(bus_drop_owner(b, arg), 1);
}

static void an_echo_leaves_the_loop_to_others(void **state)
{
    (void)state;
    int heard_times = 0;
    bus_subscribe(b, &heard_times, HEARTH_STR("t"), answer_with_the_same, &heard_times);
    bus_emit(b, HEARTH_STR("t"), hearth_integer(NULL, 0));
    loop_timer *turn = loop_timer_start(l, 1, 0, end_the_echo, &heard_times); /* gets its turn */
    settle_loop(l);
    assert_true(heard_times > 0);
    assert_int_equal(bus_count(b, &heard_times), 0);
    loop_timer_stop(turn);
}

static void tick(void *self)
{
    *(bool *)self = true;
}

static void a_watch_ticks_only_while_somebody_listens(void **state)
{
    (void)state;
    bool ticked = false;
    char who[] = "who";
    bus_watch(b, who, HEARTH_STR("m.sampled"), 1, tick, &ticked);
    settle_loop(l);
    assert_false(ticked);
    hearth_id id = bus_subscribe(b, who, HEARTH_STR("m.*"), hear, who);
    run_until(l, &ticked);
    bus_unsubscribe(b, id);
    ticked = false;
    settle_loop(l);
    assert_false(ticked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(topics_reach_who_asked_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_hears_of_before_it_subscribed, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_leaves_hears_nothing_more, setup, teardown),
        cmocka_unit_test_setup_teardown(an_echo_leaves_the_loop_to_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_watch_ticks_only_while_somebody_listens, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
