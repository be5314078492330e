/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* loop: the one thread on which everything of Hearth happens, and the doors to it.
 *
 * It owns a libuv loop, the list of posted calls, the timers and signals made here, and the count of what must
 * still finish. It knows nothing of requests, plugins or files.
 *
 * Threads: one. Other threads have a single door, loop_post: a vector under a leaf mutex and one eventfd write for
 * any number of posts. loop_soon is the same for the loop thread itself, without lock or system call: it runs in the
 * prepare phase, which libuv enters directly before it sleeps. Workers are libuv's pool (4 threads, started by the
 * first work), made serial per loop_queue, because a plugin's work must never race with itself.
 *
 * Idle means idle: there is no handle that wakes up by itself. Prepare and idle handles are active only while
 * something waits in the soon list.
 *
 * Failure: out of memory in loop_post ends the process. It has no way to say no, and dropping a completion would
 * leave somebody waiting for ever, which is worse than a restart. */
#include "io/loop_impl.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "io/file.h"

#define SLOW_MS 50u

typedef struct call {
    loop_fn fn;
    void   *arg;
} call;

typedef struct call_list {
    call  *items;
    size_t n, size;
} call_list;

typedef struct loop_signal_watch {
    uv_signal_t               handle;
    struct loop_signal_watch *next;
    void (*fn)(void *arg, int signo);
    void *arg;
    loop *l;
} loop_signal_watch;

struct loop_timer {
    uv_timer_t  handle;
    loop_timer *next, *prev;
    loop       *l;
    loop_fn     fn;
    void       *arg;
};

typedef struct work {
    struct work *next;
    loop_fn      run, done;
    void        *arg;
} work;

struct loop_queue {
    uv_work_t request; /* one is enough: the queue is serial */
    loop     *l;
    work     *first, **last; /* first is the running one when is_running */
    size_t    pending;
    bool      is_running, is_freed;
    loop_fn   idle;
    void     *idle_arg;
};

struct loop {
    uv_loop_t          uv;
    uv_async_t         wake;
    uv_prepare_t       before_sleep;
    uv_idle_t          no_sleep;
    uv_mutex_t         mutex; /* guards posted, has_stop */
    call_list          posted;
    bool               has_stop;
    call_list          running; /* the other half of posted: swapped, so that steady posting allocates nothing */
    call_list          soon, soon_running;
    uv_thread_t        thread;
    loop_timer        *timers;
    loop_signal_watch *signals;
    size_t             held;
    char              *scratch;
    void (*on_slow)(void *arg, const char *what, uint64_t ms);
    void *on_slow_arg;
};

/* -- clocks and chance ---------------------------------------------------------------------------------------- */

static uint64_t clock_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

uint64_t loop_now_ms(const loop *l)
{
    (void)l;
    return clock_ms(CLOCK_MONOTONIC);
}

uint64_t loop_wall_ms(void) { return clock_ms(CLOCK_REALTIME); }

void loop_random(void *out, size_t n)
{
    char *p = out;
    while (n > 0) {
        ssize_t r = getrandom(p, n, 0);
        if (r > 0) {
            p += r;
            n -= (size_t)r;
        } else if (errno != EINTR) {
            /* Keys and ids come from here: nothing may go on with predictable bytes. */
            fputs("hearth: getrandom failed\n", stderr);
            abort();
        }
    }
}

/* -- the watch on slow callbacks -------------------------------------------------------------------------------- */

/* The coarse clock (a few ms) costs 5 ns, so that every callback can afford it. */
uint64_t loop_watch_begin(void) { return clock_ms(CLOCK_MONOTONIC_COARSE); }

void loop_watch_end(loop *l, uint64_t began, const char *what)
{
    uint64_t took = clock_ms(CLOCK_MONOTONIC_COARSE) - began;
    if (took <= SLOW_MS)
        return;
    if (l->on_slow)
        l->on_slow(l->on_slow_arg, what, took);
#ifdef HEARTH_DEBUG_SLOW
    const char *mode = getenv("HEARTH_SLOW");
    if (!mode || strcmp(mode, "report") != 0) {
        fprintf(stderr, "hearth: %s held the loop for %llu ms\n", what, (unsigned long long)took);
        abort();
    }
#endif
}

void loop_on_slow(loop *l, void (*fn)(void *arg, const char *what, uint64_t ms), void *arg)
{
    l->on_slow = fn;
    l->on_slow_arg = arg;
}

static void run_watched(loop *l, const char *what, loop_fn fn, void *arg)
{
    uint64_t began = loop_watch_begin();
    fn(arg);
    loop_watch_end(l, began, what);
}

/* -- calls that wait ---------------------------------------------------------------------------------------------- */

static void call_list_add(call_list *list, loop_fn fn, void *arg)
{
    if (list->n == list->size) {
        size_t size = list->size ? list->size * 2 : 64;
        call  *items = realloc(list->items, size * sizeof *items);
        if (!items) {
            fputs("hearth: out of memory for a posted call\n", stderr);
            abort();
        }
        list->items = items;
        list->size = size;
    }
    list->items[list->n++] = (call){ fn, arg };
}

static void call_list_swap(call_list *a, call_list *b)
{
    call_list t = *a;
    *a = *b;
    *b = t;
}

static void end_when_done(loop *l)
{
    uv_mutex_lock(&l->mutex);
    bool is_done = l->has_stop && l->posted.n == 0;
    uv_mutex_unlock(&l->mutex);
    if (is_done && l->held == 0 && l->soon.n == 0)
        uv_stop(&l->uv);
}

static void on_wake(uv_async_t *handle)
{
    loop *l = handle->data;
    uv_mutex_lock(&l->mutex);
    call_list_swap(&l->posted, &l->running);
    uv_mutex_unlock(&l->mutex);
    for (size_t i = 0; i < l->running.n; i++)
        run_watched(l, "a posted call", l->running.items[i].fn, l->running.items[i].arg);
    l->running.n = 0;
    end_when_done(l);
}

void loop_post(loop *l, loop_fn fn, void *arg)
{
    uv_mutex_lock(&l->mutex);
    bool was_empty = l->posted.n == 0;
    call_list_add(&l->posted, fn, arg);
    uv_mutex_unlock(&l->mutex);
    if (was_empty)
        uv_async_send(&l->wake);
}

static void on_no_sleep(uv_idle_t *handle)
{
    (void)handle; /* being active is the whole work: it makes the poll return at once */
}

/* One pass over what was there at its begin: a call that adds itself again must not keep the loop from its sockets.
 * What was added meanwhile keeps the loop awake and runs in the next round. */
static void on_before_sleep(uv_prepare_t *handle)
{
    loop *l = handle->data;
    call_list_swap(&l->soon, &l->soon_running);
    for (size_t i = 0; i < l->soon_running.n; i++)
        run_watched(l, "a call of loop_soon", l->soon_running.items[i].fn, l->soon_running.items[i].arg);
    l->soon_running.n = 0;
    if (l->soon.n > 0) {
        uv_idle_start(&l->no_sleep, on_no_sleep);
        return;
    }
    uv_prepare_stop(&l->before_sleep);
    uv_idle_stop(&l->no_sleep);
    end_when_done(l);
}

void loop_soon(loop *l, loop_fn fn, void *arg)
{
    assert(loop_is_here(l));
    call_list_add(&l->soon, fn, arg);
    uv_prepare_start(&l->before_sleep, on_before_sleep);
}

/* -- life ------------------------------------------------------------------------------------------------------- */

loop *loop_new(hearth_err *err)
{
    loop *l = calloc(1, sizeof *l);
    if (!l)
        goto no_memory;
    if (uv_loop_init(&l->uv) != 0)
        goto no_loop;
    if (uv_mutex_init(&l->mutex) != 0 || uv_async_init(&l->uv, &l->wake, on_wake) != 0) {
        uv_loop_close(&l->uv);
        goto no_loop;
    }
    uv_prepare_init(&l->uv, &l->before_sleep);
    uv_idle_init(&l->uv, &l->no_sleep);
    l->wake.data = l->before_sleep.data = l->no_sleep.data = l;
    l->thread = uv_thread_self();
    signal(SIGPIPE, SIG_IGN); /* a peer that went away is an errno, never the end of the process */
    return l;
no_loop:
    free(l);
no_memory:
    hearth_err_set(err, HEARTH_NO_MEMORY, "loop", "the system has no memory or descriptors left for an event loop");
    return NULL;
}

static void close_leftover(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void loop_free(loop *l)
{
    if (!l)
        return;
    loop_stop(l); /* or the last release, before a sleep, would be slept upon */
    while (l->held > 0)
        uv_run(&l->uv, UV_RUN_ONCE);
    while (l->timers)
        loop_timer_stop(l->timers);
    uv_walk(&l->uv, close_leftover, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    while (l->signals) {
        loop_signal_watch *w = l->signals;
        l->signals = w->next;
        free(w);
    }
    uv_loop_close(&l->uv);
    uv_mutex_destroy(&l->mutex);
    free(l->posted.items);
    free(l->running.items);
    free(l->soon.items);
    free(l->soon_running.items);
    free(l->scratch);
    free(l);
}

void loop_run(loop *l)
{
    l->thread = uv_thread_self();
    uv_run(&l->uv, UV_RUN_DEFAULT); /* the wake handle keeps it going until uv_stop */
    uv_mutex_lock(&l->mutex);
    l->has_stop = false;
    uv_mutex_unlock(&l->mutex);
}

void loop_stop(loop *l)
{
    uv_mutex_lock(&l->mutex);
    l->has_stop = true;
    uv_mutex_unlock(&l->mutex);
    uv_async_send(&l->wake);
}

void *loop_uv(loop *l) { return &l->uv; }

bool loop_is_here(const loop *l)
{
    uv_thread_t self = uv_thread_self();
    return uv_thread_equal(&self, &l->thread) != 0;
}

char *loop_scratch(loop *l)
{
    if (!l->scratch)
        l->scratch = malloc(LOOP_SCRATCH);
    return l->scratch;
}

void loop_hold(loop *l) { l->held++; }

void loop_release(loop *l)
{
    l->held--;
    end_when_done(l);
}

hearth_code loop_code_of_uv(int r) { return r == 0 ? HEARTH_OK : file_code_of_errno(-r); }

/* -- timers ------------------------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *handle)
{
    loop_timer *t = handle->data;
    run_watched(t->l, "a timer", t->fn, t->arg);
}

loop_timer *loop_timer_start(loop *l, uint64_t after_ms, uint64_t every_ms, loop_fn fn, void *arg)
{
    assert(loop_is_here(l));
    loop_timer *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->l = l;
    t->fn = fn;
    t->arg = arg;
    uv_timer_init(&l->uv, &t->handle);
    t->handle.data = t;
    t->next = l->timers;
    if (t->next)
        t->next->prev = t;
    l->timers = t;
    /* libuv counts from the begin of this round of callbacks; without the update a timer could come early. */
    uv_update_time(&l->uv);
    uv_timer_start(&t->handle, on_timer, after_ms, every_ms);
    return t;
}

static void on_timer_closed(uv_handle_t *handle) { free(handle->data); }

void loop_timer_stop(loop_timer *t)
{
    if (!t)
        return;
    if (t->prev)
        t->prev->next = t->next;
    else
        t->l->timers = t->next;
    if (t->next)
        t->next->prev = t->prev;
    uv_timer_stop(&t->handle);
    uv_close((uv_handle_t *)&t->handle, on_timer_closed);
}

/* -- signals ------------------------------------------------------------------------------------------------------ */

static void on_signal(uv_signal_t *handle, int signo)
{
    loop_signal_watch *w = handle->data;
    uint64_t           began = loop_watch_begin();
    w->fn(w->arg, signo);
    loop_watch_end(w->l, began, "a signal");
}

hearth_code loop_signal(loop *l, int signo, void (*fn)(void *arg, int signo), void *arg)
{
    loop_signal_watch *w = calloc(1, sizeof *w);
    if (!w)
        return HEARTH_NO_MEMORY;
    w->fn = fn;
    w->arg = arg;
    w->l = l;
    uv_signal_init(&l->uv, &w->handle);
    w->handle.data = w;
    w->next = l->signals;
    l->signals = w; /* from here on the loop frees it, also when the start fails */
    return loop_code_of_uv(uv_signal_start(&w->handle, on_signal, signo));
}

/* -- serial queues on the workers ---------------------------------------------------------------------------------- */

static void queue_next(loop_queue *q);

static void queue_on_idle(void *arg)
{
    loop_queue *q = arg;
    loop       *l = q->l;
    loop_fn     idle = q->idle;
    void       *idle_arg = q->idle_arg;
    free(q);
    if (idle)
        idle(idle_arg);
    loop_release(l);
}

static void queue_run(uv_work_t *request)
{
    loop_queue *q = request->data;
    q->first->run(q->first->arg); /* the loop only appends behind it meanwhile */
}

static void queue_done(uv_work_t *request, int status)
{
    (void)status;
    loop_queue *q = request->data;
    work       *w = q->first;
    loop       *l = q->l;
    q->first = w->next;
    if (!q->first)
        q->last = &q->first;
    q->pending--;
    q->is_running = false;
    loop_hold(l); /* done may free the queue */
    if (w->done && !q->is_freed) {
        q->is_running = true; /* an add from inside done must not start before us */
        run_watched(l, "the end of a work", w->done, w->arg);
        q->is_running = false;
    }
    free(w);
    if (q->first)
        queue_next(q);
    else if (q->is_freed)
        queue_on_idle(q);
    loop_release(l); /* of this function */
    loop_release(l); /* of the work */
}

static void queue_next(loop_queue *q)
{
    q->is_running = true;
    uv_queue_work(&q->l->uv, &q->request, queue_run, queue_done);
}

loop_queue *loop_queue_new(loop *l)
{
    loop_queue *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->l = l;
    q->last = &q->first;
    q->request.data = q;
    return q;
}

void loop_queue_free(loop_queue *q, loop_fn idle, void *arg)
{
    if (!q)
        return;
    q->is_freed = true;
    q->idle = idle;
    q->idle_arg = arg;
    loop_hold(q->l);
    if (!q->is_running)
        loop_soon(q->l, queue_on_idle, q);
}

hearth_code loop_queue_add(loop_queue *q, loop_fn run, loop_fn done, void *arg)
{
    assert(loop_is_here(q->l));
    if (q->is_freed)
        return HEARTH_UNAVAILABLE;
    work *w = malloc(sizeof *w);
    if (!w)
        return HEARTH_NO_MEMORY;
    *w = (work){ NULL, run, done, arg };
    *q->last = w;
    q->last = &w->next;
    q->pending++;
    loop_hold(q->l);
    if (!q->is_running)
        queue_next(q);
    return HEARTH_OK;
}

size_t loop_queue_pending(const loop_queue *q) { return q->pending; }
