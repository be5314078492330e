/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The loop: order of posts, soon before sleep, timers, serial queues that outlive their owner, slow callbacks. */
#include "io_test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

enum { POSTS = 5000, WRITERS = 4 };

typedef struct poster {
    loop *l;
    int   id;
} poster;

static loop *the_loop;
static int   last_of[WRITERS], total;

static void on_post(void *arg)
{
    int value = (int)(intptr_t)arg, id = value % WRITERS, n = value / WRITERS;
    assert_true(loop_is_here(the_loop));
    assert_int_equal(n, last_of[id] + 1); /* in order per thread */
    last_of[id] = n;
    if (++total == WRITERS * POSTS)
        loop_stop(the_loop);
}

static void *post_many(void *arg)
{
    poster *p = arg;
    assert_false(loop_is_here(p->l));
    for (int i = 1; i <= POSTS; i++)
        loop_post(p->l, on_post, (void *)(intptr_t)(i * WRITERS + p->id));
    return NULL;
}

static void posts_from_threads_run_in_order(void **state)
{
    (void)state;
    loop     *l = the_loop = io_test_loop();
    pthread_t threads[WRITERS];
    poster    posters[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        posters[i] = (poster){ l, i };
        pthread_create(&threads[i], NULL, post_many, &posters[i]);
    }
    loop_run(l);
    assert_int_equal(total, WRITERS * POSTS);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    loop_free(l);
}

typedef struct trace {
    loop *l;
    char  text[64];
    int   again;
} trace;

static void add_b(void *arg) { strcat(((trace *)arg)->text, "b"); }

static void add_a(void *arg)
{
    trace *t = arg;
    loop_soon(t->l, add_b, t);
    strcat(t->text, "a");
}

static void soon_again(void *arg)
{
    trace *t = arg;
    if (++t->again < 1000)
        loop_soon(t->l, soon_again, t);
}

static void stop_if_again(void *arg)
{
    trace *t = arg;
    strcat(t->text, "t");
    assert_true(t->again > 0);
    loop_stop(t->l);
}

/* A soon that adds itself for ever must not keep a timer from running, and runs before the sleep. */
static void soon_runs_before_sleep_and_is_fair(void **state)
{
    (void)state;
    loop *l = io_test_loop();
    trace t = { l, "", 0 };
    loop_post(l, add_a, &t);
    loop_soon(l, soon_again, &t);
    loop_timer *timer = loop_timer_start(l, 5, 0, stop_if_again, &t);
    loop_run(l);
    assert_string_equal(t.text, "abt");
    assert_int_equal(t.again, 1000);
    loop_timer_stop(timer);
    loop_free(l);
}

typedef struct ticker {
    loop       *l;
    loop_timer *timer;
    int         ticks;
} ticker;

static void tick(void *arg)
{
    ticker *t = arg;
    if (++t->ticks == 3) {
        loop_timer_stop(t->timer);
        loop_timer_start(t->l, 20, 0, io_test_stop, t->l); /* left behind: loop_free takes it */
    }
}

static void timer_stops_from_its_own_callback(void **state)
{
    (void)state;
    loop  *l = io_test_loop();
    ticker t = { l, NULL, 0 };
    t.timer = loop_timer_start(l, 1, 1, tick, &t);
    loop_run(l);
    assert_int_equal(t.ticks, 3);
    loop_timer_stop(NULL);
    loop_free(l);
}

typedef struct job {
    loop       *l;
    loop_queue *q;
    int         order[64], n, running, done;
    bool        is_idle;
} job;
typedef struct step {
    job *j;
    int  id;
} step;

static void step_run(void *arg)
{
    step *s = arg;
    assert_false(loop_is_here(s->j->l));
    assert_int_equal(__atomic_add_fetch(&s->j->running, 1, __ATOMIC_SEQ_CST), 1); /* serial */
    s->j->order[s->j->n++] = s->id;
    __atomic_sub_fetch(&s->j->running, 1, __ATOMIC_SEQ_CST);
}

static void step_done(void *arg)
{
    step *s = arg;
    assert_true(loop_is_here(s->j->l));
    assert_int_equal(s->id, s->j->done++);
    if (s->id == 40)
        loop_stop(s->j->l);
}

static void on_idle(void *arg)
{
    job *j = arg;
    j->is_idle = true;
    loop_stop(j->l);
}

static void queue_is_serial_and_finishes_before_stop(void **state)
{
    (void)state;
    loop *l = io_test_loop();
    job   j = { .l = l, .q = loop_queue_new(l) };
    step  steps[50];
    for (int i = 0; i < 50; i++) {
        steps[i] = (step){ &j, i };
        assert_int_equal(loop_queue_add(j.q, step_run, step_done, &steps[i]), HEARTH_OK);
    }
    assert_int_equal(loop_queue_pending(j.q), 50);
    loop_run(l); /* stopped at 40, yet what was accepted finishes */
    assert_int_equal(j.n, 50);
    assert_int_equal(j.done, 50);
    for (int i = 0; i < 50; i++)
        assert_int_equal(j.order[i], i);
    loop_queue_free(j.q, on_idle, &j);
    loop_run(l);
    assert_true(j.is_idle);
    loop_free(l);
}

static void free_from_done(void *arg)
{
    step *s = arg;
    s->j->done++;
    loop_queue_free(s->j->q, on_idle, s->j);
    assert_int_equal(loop_queue_add(s->j->q, step_run, step_done, s), HEARTH_UNAVAILABLE);
}

static void freed_queue_runs_what_it_took_but_tells_nobody(void **state)
{
    (void)state;
    loop *l = io_test_loop();
    job   j = { .l = l, .q = loop_queue_new(l) };
    step  steps[3] = { { &j, 0 }, { &j, 1 }, { &j, 2 } };
    loop_queue_add(j.q, step_run, free_from_done, &steps[0]);
    loop_queue_add(j.q, step_run, step_done, &steps[1]);
    loop_queue_add(j.q, step_run, step_done, &steps[2]);
    loop_run(l);
    assert_true(j.is_idle);
    assert_int_equal(j.n, 3);
    assert_int_equal(j.done, 1);
    loop_free(l);
}

static void on_usr1(void *arg, int signo)
{
    assert_int_equal(signo, SIGUSR1);
    loop_stop(arg);
}

static void signals_arrive_on_the_loop(void **state)
{
    (void)state;
    loop *l = io_test_loop();
    assert_int_equal(loop_signal(l, SIGUSR1, on_usr1, l), HEARTH_OK);
    kill(getpid(), SIGUSR1);
    loop_run(l);
    loop_free(l);
}

static void spin(void *arg)
{
    uint64_t until = loop_now_ms(arg) + 80;
    while (loop_now_ms(arg) < until)
        continue;
    loop_stop(arg);
}

static void on_slow(void *arg, const char *what, uint64_t ms)
{
    assert_string_equal(what, "a posted call");
    assert_true(ms > 50);
    ++*(int *)arg;
}

static void slow_callbacks_are_told(void **state)
{
    (void)state;
    setenv("HEARTH_SLOW", "report", 1);
    loop *l = io_test_loop();
    int   told = 0;
    loop_on_slow(l, on_slow, &told);
    loop_post(l, spin, l);
    loop_run(l);
    assert_int_equal(told, 1);
    loop_free(l);
}

/* Nothing is due for 300 ms: the loop sleeps once. Voluntary switches are counted, not time. */
static void idle_loop_does_not_wake_up(void **state)
{
    (void)state;
    loop         *l = io_test_loop();
    struct rusage before, after;
    loop_timer   *t = loop_timer_start(l, 300, 0, io_test_stop, l);
    getrusage(RUSAGE_THREAD, &before);
    loop_run(l);
    getrusage(RUSAGE_THREAD, &after);
    assert_true(after.ru_nvcsw - before.ru_nvcsw < 10);
    loop_timer_stop(t);
    loop_free(l);
}

static void chance_is_not_constant(void **state)
{
    (void)state;
    uint8_t a[16] = { 0 }, b[16] = { 0 };
    loop_random(a, sizeof a);
    loop_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_true(loop_wall_ms() > 1600000000000u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_from_threads_run_in_order),
        cmocka_unit_test(soon_runs_before_sleep_and_is_fair),
        cmocka_unit_test(timer_stops_from_its_own_callback),
        cmocka_unit_test(queue_is_serial_and_finishes_before_stop),
        cmocka_unit_test(freed_queue_runs_what_it_took_but_tells_nobody),
        cmocka_unit_test(signals_arrive_on_the_loop),
        cmocka_unit_test(slow_callbacks_are_told),
        cmocka_unit_test(idle_loop_does_not_wake_up),
        cmocka_unit_test(chance_is_not_constant),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
