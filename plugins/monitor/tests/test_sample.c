/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "sample.h"

static void memory_in_use_leaves_cache_out(void **state)
{
    (void)state;
    sample s;
    sample_init(&s);
    sample_read_meminfo(&s, HEARTH_STR("MemTotal:       16000 kB\nMemFree:          100 kB\nMemAvailable:   12000 kB\n"
                                       "Cached:         11000 kB\n"));
    assert_int_equal(s.total_bytes, 16000u * 1024);
    assert_int_equal(s.used_bytes, 4000u * 1024);
}

static void a_missing_counter_stays_unknown(void **state)
{
    (void)state;
    static const char *const odd[] = { "", "MemTotal:", "MemTotal: kB", "MemTotal: 99999999999999999999999 kB\n",
                                       "\n\n\n" };
    for (size_t i = 0; i < HEARTH_COUNT(odd); i++) {
        sample s;
        sample_init(&s);
        sample_read_meminfo(&s, hearth_cstr(odd[i]));
        assert_true(s.total_bytes == SAMPLE_UNKNOWN);
        assert_true(s.used_bytes == SAMPLE_UNKNOWN);
    }
    sample s;
    sample_init(&s);
    sample_read_meminfo(&s, HEARTH_STR("MemTotal: 10 kB\n")); /* a kernel without MemAvailable */
    assert_int_equal(s.total_bytes, 10240);
    assert_true(s.used_bytes == SAMPLE_UNKNOWN);
    sample_read_stat(&s, HEARTH_STR("cpu  \nintr 1\n"));
    assert_true(s.ticks == SAMPLE_UNKNOWN);
    sample_read_loadavg(&s, HEARTH_STR("nothing"));
    assert_true(s.load1 < 0);
}

static void load_of_a_minute(void **state)
{
    (void)state;
    sample s;
    sample_init(&s);
    sample_read_loadavg(&s, HEARTH_STR("12.07 0.52 0.40 1/200 4711\n"));
    assert_true(fabs(s.load1 - 12.07) < 1e-9);
}

static void a_process_name_may_hold_anything(void **state)
{
    (void)state;
    sample_process p = { .ticks = SAMPLE_UNKNOWN };
    sample_read_pid_stat(&p,
                         HEARTH_STR("42 (a) b (c)) S 1 42 42 0 -1 4194304 500 0 0 0 70 30 1 2 20 0 4 0 100 200 300"));
    assert_string_equal(p.name, "a) b (c)");
    assert_int_equal(p.ticks, 100);

    static const char *const broken[] = { "",   "42", "42 (name", "42 (name)", "42 (name) S", "42 (name) S 1 2 3",
                                          ")(", "()" };
    for (size_t i = 0; i < HEARTH_COUNT(broken); i++) {
        sample_process q = { .ticks = SAMPLE_UNKNOWN };
        sample_read_pid_stat(&q, hearth_cstr(broken[i]));
        assert_true(q.ticks == SAMPLE_UNKNOWN);
    }
    sample_read_statm(&p, HEARTH_STR("1000 25 10 1 0 5 0\n"), 4096);
    assert_int_equal(p.memory_bytes, 25 * 4096);
}

static void lists_of_children_are_capped(void **state)
{
    (void)state;
    int64_t pids[3];
    assert_int_equal(sample_read_pids(HEARTH_STR("7 8 9 10 "), pids, 3), 3);
    assert_int_equal(pids[2], 9);
    assert_int_equal(sample_read_pids(HEARTH_STR(""), pids, 3), 0);
}

static void shares_are_of_the_whole_machine(void **state)
{
    (void)state;
    sample before, now;
    sample_init(&before);
    sample_init(&now);
    sample_read_stat(&before, HEARTH_STR("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n"));
    sample_read_stat(&now, HEARTH_STR("cpu  200 0 150 800 150 0 0 0 0 0\n"));
    before.self.ticks = 10;
    now.self.ticks = 40;
    before.children[0] = (sample_process){ .pid = 5, .ticks = 1000 };
    before.child_count = 1;
    now.children[0] = (sample_process){ .pid = 5, .ticks = 1090 };
    now.children[1] = (sample_process){ .pid = 6, .ticks = 30 };
    now.children[2] = (sample_process){ .pid = 7, .ticks = SAMPLE_UNKNOWN };
    now.child_count = 3;
    sample_set_shares(&now, &before);
    assert_true(fabs(now.cpu - 0.5) < 1e-9);
    assert_true(fabs(now.self.cpu - 0.1) < 1e-9);
    assert_true(fabs(now.children[0].cpu - 0.3) < 1e-9);
    assert_true(fabs(now.children[1].cpu - 0.1) < 1e-9);
    assert_true(now.children[2].cpu < 0);

    sample_point p = sample_point_of(&now);
    assert_true(fabs((double)p.hearth_cpu - 0.5) < 1e-6);
}

static void without_a_sample_before_there_is_no_share(void **state)
{
    (void)state;
    sample before, now;
    sample_init(&before);
    sample_init(&now);
    sample_read_stat(&now, HEARTH_STR("cpu  200 0 150 800 150 0 0 0 0 0\n"));
    sample_set_shares(&now, &before);
    assert_true(now.cpu < 0);
}

static void the_ring_forgets_the_oldest(void **state)
{
    (void)state;
    sample_point points[3];
    sample_ring  r = { .points = points, .size = 3 };
    assert_null(sample_ring_at(&r, 0));
    for (uint64_t i = 1; i <= 5; i++)
        sample_ring_push(&r, (sample_point){ .at_ms = i });
    assert_int_equal(r.count, 3);
    assert_int_equal(sample_ring_at(&r, 0)->at_ms, 3);
    assert_int_equal(sample_ring_at(&r, 2)->at_ms, 5);
    assert_null(sample_ring_at(&r, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_in_use_leaves_cache_out),
        cmocka_unit_test(a_missing_counter_stays_unknown),
        cmocka_unit_test(load_of_a_minute),
        cmocka_unit_test(a_process_name_may_hold_anything),
        cmocka_unit_test(lists_of_children_are_capped),
        cmocka_unit_test(shares_are_of_the_whole_machine),
        cmocka_unit_test(without_a_sample_before_there_is_no_share),
        cmocka_unit_test(the_ring_forgets_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
