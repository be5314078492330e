/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fake_host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "kit/value.h"

#define DIE(...) (fprintf(stderr, "fake host: " __VA_ARGS__), fputc('\n', stderr), abort())

/* Something for the loop or for the worker to do. */
typedef struct task {
    struct task     *next;
    hearth_fn        run;
    hearth_finish_fn done;
    void            *arg, *self;
} task;

typedef struct tasks {
    task *first, **end;
} tasks;

struct fake_host {
    const hearth_plugin *plugin;
    void                *self;
    const char          *package;
    const hearth_method *methods;
    size_t               method_count;
    void                *method_self;
    pthread_t            worker;
    pthread_mutex_t      lock; /* guards everything below, and what is pushed to calls */
    pthread_cond_t       loop_wake, worker_wake, release;
    tasks                loop_tasks, worker_tasks;
    bool                 is_worker_busy, is_ending;
    fake_call           *calls; /* not answered yet */
    unsigned             answers;
    atomic_uint          pushes;
    atomic_long          allocations;
};

/* The table's functions get a hearth_ctx, which is the host; a hearth_req is a fake_call. */
static fake_host *host_of(hearth_ctx *ctx) { return (fake_host *)(void *)ctx; }
static fake_call *call_of(const hearth_req *req) { return (fake_call *)(uintptr_t)(const void *)req; }

static void add_task(fake_host *h, tasks *to, pthread_cond_t *wake, task t)
{
    task *copy = malloc(sizeof *copy);
    if (!copy)
        DIE("out of memory");
    *copy = t;
    copy->next = NULL;
    pthread_mutex_lock(&h->lock);
    *to->end = copy;
    to->end = &copy->next;
    pthread_cond_signal(wake);
    pthread_mutex_unlock(&h->lock);
}

static task *take_task(tasks *from)
{
    task *t = from->first;
    if (t && !(from->first = t->next))
        from->end = &from->first;
    return t;
}

/* -- memory, log, clock ------------------------------------------------------------------------------------------- */

static void *host_alloc(hearth_ctx *ctx, size_t n)
{
    void *p = calloc(1, n ? n : 1);
    atomic_fetch_add(&host_of(ctx)->allocations, p != NULL);
    return p;
}

static void *host_resize(hearth_ctx *ctx, void *p, size_t n)
{
    if (!p)
        return host_alloc(ctx, n);
    return realloc(p, n ? n : 1);
}

static void host_release(hearth_ctx *ctx, void *p)
{
    atomic_fetch_sub(&host_of(ctx)->allocations, p != NULL);
    free(p);
}

static void host_log(hearth_ctx *ctx, hearth_level level, hearth_str text)
{
    (void)ctx;
    if (level >= HEARTH_LOG_WARN && getenv("FAKE_HOST_LOG"))
        fprintf(stderr, "log %d: %.*s\n", (int)level, HEARTH_FMT(text));
}

static uint64_t host_now_ms(hearth_ctx *ctx)
{
    struct timespec t;
    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void host_random(hearth_ctx *ctx, void *out, size_t n)
{
    (void)ctx;
    if (getentropy(out, n) != 0)
        DIE("no random bytes");
}

/* -- serving -------------------------------------------------------------------------------------------------------- */

static hearth_code host_serve(hearth_ctx *ctx, const hearth_method *methods, size_t n, void *self, hearth_err *err)
{
    fake_host *h = host_of(ctx);
    (void)err;
    h->methods = methods;
    h->method_count = n;
    h->method_self = self;
    return HEARTH_OK;
}

static hearth_ctx *host_ctx_of(const hearth_req *req) { return (hearth_ctx *)(void *)call_of(req)->host; }
static const hearth_value *host_params(const hearth_req *req) { return call_of(req)->params; }

static void answer(fake_call *c, hearth_code code, hearth_value *value)
{
    fake_host *h = c->host;
    pthread_mutex_lock(&h->lock);
    if (c->is_done)
        DIE("a request was answered twice");
    if (value)
        value_freeze(value);
    c->code = code;
    c->value = value;
    c->is_done = true;
    c->order = ++h->answers;
    for (fake_call **at = &h->calls; *at; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            break;
        }
    }
    pthread_mutex_unlock(&h->lock);
}

static void host_reply(hearth_req *req, hearth_value *value) { answer(call_of(req), HEARTH_OK, value); }

static void host_fail(hearth_req *req, hearth_code code, hearth_str msg, hearth_value *details)
{
    hearth_str_copy(call_of(req)->message, sizeof call_of(req)->message, msg);
    answer(call_of(req), code, details);
}

static void push_one(fake_call *c, const hearth_event *e)
{
    if (c->is_done)
        DIE("an event came after the answer");
    switch (e->kind) {
    case HEARTH_TEXT:
        if (e->text.n == 0 || !hearth_utf8_valid(e->text))
            DIE("a text event is empty or not well-formed");
        c->texts++;
        hearth_buf_put(&c->text, e->text);
        break;
    case HEARTH_REASONING:
        c->reasonings++;
        hearth_buf_put(&c->reasoning, e->text);
        break;
    case HEARTH_TOOL_CALL:
        hearth_add_ref(c->tool_calls, e->data);
        break;
    case HEARTH_LOGPROB:
        hearth_add_ref(c->logprobs, e->data);
        break;
    case HEARTH_PROGRESS:
        c->progresses++;
        c->done = e->done;
        c->total = e->total;
        break;
    default:
        DIE("an event of an unknown kind");
    }
}

static void host_push_many(hearth_ctx *ctx, const hearth_push_item *items, size_t n)
{
    fake_host *h = host_of(ctx);
    atomic_fetch_add(&h->pushes, 1);
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < n; i++) {
        if (items[i].event.data)
            value_freeze(items[i].event.data);
        push_one(call_of(items[i].req), &items[i].event);
    }
    pthread_cond_signal(&h->loop_wake); /* conditions of fake_host_until may be met now */
    for (size_t i = 0; i < n; i++) {
        const fake_call *c = call_of(items[i].req);
        while (c->is_held && (c->texts >= 3 || c->progresses >= 1))
            pthread_cond_wait(&h->release, &h->lock);
    }
    pthread_mutex_unlock(&h->lock);
}

static void host_push(hearth_req *req, const hearth_event *event)
{
    host_push_many(host_ctx_of(req), &(hearth_push_item){ req, *event }, 1);
}

static bool host_is_cancelled(const hearth_req *req)
{
    fake_call *c = call_of(req);
    pthread_mutex_lock(&c->host->lock);
    bool is_cancelled = c->is_cancelled;
    pthread_mutex_unlock(&c->host->lock);
    return is_cancelled;
}

static void host_on_cancel(hearth_req *req, hearth_fn fn, void *arg)
{
    call_of(req)->on_cancel = fn;
    call_of(req)->on_cancel_arg = arg;
}

/* -- work ------------------------------------------------------------------------------------------------------------- */

static void host_post(hearth_ctx *ctx, hearth_fn fn, void *arg)
{
    fake_host *h = host_of(ctx);
    add_task(h, &h->loop_tasks, &h->loop_wake, (task){ .run = fn, .arg = arg });
}

static void host_work(hearth_ctx *ctx, hearth_fn run, hearth_finish_fn done, void *arg, void *self)
{
    fake_host *h = host_of(ctx);
    add_task(h, &h->worker_tasks, &h->worker_wake, (task){ .run = run, .done = done, .arg = arg, .self = self });
}

static void *work(void *arg)
{
    fake_host *h = arg;
    pthread_mutex_lock(&h->lock);
    for (;;) {
        task *t = take_task(&h->worker_tasks);
        if (!t) {
            if (h->is_ending)
                break;
            pthread_cond_wait(&h->worker_wake, &h->lock);
            continue;
        }
        pthread_mutex_unlock(&h->lock);
        t->run(t->arg);
        add_task(h, &h->loop_tasks, &h->loop_wake, (task){ .done = t->done, .arg = t->arg, .self = t->self });
        free(t);
        pthread_mutex_lock(&h->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

static hearth_code host_path(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_buf *out, hearth_err *err)
{
    if (dir != HEARTH_DIR_PACKAGE)
        return hearth_err_set(err, HEARTH_DENIED, "fake_host", "only the package folder is here");
    return hearth_buf_printf(out, "%s/%.*s", host_of(ctx)->package, HEARTH_FMT(relative));
}

/* -- the loop ---------------------------------------------------------------------------------------------------------- */

/* Runs one task; waits for one when there is none. Called and left with the lock held. */
static void run_one(fake_host *h)
{
    task *t = take_task(&h->loop_tasks);
    if (!t) {
        struct timespec end;
        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += 120;
        if (pthread_cond_timedwait(&h->loop_wake, &h->lock, &end) != 0)
            DIE("nothing happened for two minutes: a request hangs");
        return;
    }
    pthread_mutex_unlock(&h->lock);
    if (t->done)
        t->done(t->arg, t->self);
    else
        t->run(t->arg);
    free(t);
    pthread_mutex_lock(&h->lock);
}

void fake_host_until(fake_host *h, bool (*is_met)(void *arg), void *arg)
{
    pthread_mutex_lock(&h->lock);
    while (!is_met(arg))
        run_one(h);
    pthread_mutex_unlock(&h->lock);
}

static bool is_done(void *arg) { return ((fake_call *)arg)->is_done; }

void fake_host_wait(fake_host *h, fake_call *c) { fake_host_until(h, is_done, c); }

/* -- calls ---------------------------------------------------------------------------------------------------------------- */

fake_call *fake_call_start_value(fake_host *h, const char *method, hearth_value *params)
{
    fake_call *c = calloc(1, sizeof *c);
    if (!c)
        DIE("out of memory");
    c->host = h;
    c->params = params;
    hearth_buf_init(&c->text, 1 << 26);
    hearth_buf_init(&c->reasoning, 1 << 26);
    c->tool_calls = hearth_array(NULL);
    c->logprobs = hearth_array(NULL);
    pthread_mutex_lock(&h->lock);
    c->next = h->calls;
    h->calls = c;
    pthread_mutex_unlock(&h->lock);
    for (size_t i = 0; i < h->method_count; i++) {
        if (strcmp(h->methods[i].name, method) == 0) {
            h->methods[i].call((hearth_req *)(void *)c, h->method_self);
            return c;
        }
    }
    DIE("no method %s", method);
}

fake_call *fake_call_start(fake_host *h, const char *method, const char *params)
{
    hearth_err    err = { 0 };
    hearth_value *v = hearth_parse(NULL, hearth_cstr(params), &err);
    if (!v)
        DIE("bad JSON in a test: %s", err.msg);
    return fake_call_start_value(h, method, v);
}

fake_call *fake_host_call(fake_host *h, const char *method, const char *params)
{
    fake_call *c = fake_call_start(h, method, params);
    fake_host_wait(h, c);
    return c;
}

void fake_call_cancel(fake_call *c)
{
    pthread_mutex_lock(&c->host->lock);
    c->is_cancelled = true;
    bool is_open = !c->is_done;
    pthread_mutex_unlock(&c->host->lock);
    if (is_open && c->on_cancel)
        c->on_cancel(c->on_cancel_arg);
    pthread_mutex_lock(&c->host->lock);
    c->is_held = false;
    pthread_cond_broadcast(&c->host->release);
    pthread_mutex_unlock(&c->host->lock);
}

void fake_call_free(fake_call *c)
{
    if (!c)
        return;
    hearth_buf_deinit(&c->text);
    hearth_buf_deinit(&c->reasoning);
    hearth_value_unref(c->tool_calls);
    hearth_value_unref(c->logprobs);
    hearth_value_unref(c->value);
    hearth_value_unref(c->params);
    free(c);
}

unsigned fake_host_pushes(const fake_host *h)
{
    return atomic_load(&h->pushes);
}

/* -- start and end ---------------------------------------------------------------------------------------------------------- */

/* No part of the table may be missing for hearth_bind; what engines do not use ends the test when it is called. */
static hearth_host_api table;

static void fill_table(void)
{
    table.size = sizeof table;
    table.abi_major = HEARTH_ABI_MAJOR;
    table.abi_minor = HEARTH_ABI_MINOR;
    table.values = value_table();
    table.alloc = host_alloc;
    table.resize = host_resize;
    table.release = host_release;
    table.log = host_log;
    table.now_ms = host_now_ms;
    table.wall_ms = host_now_ms;
    table.random = host_random;
    table.serve = host_serve;
    table.ctx_of = host_ctx_of;
    table.params = host_params;
    table.reply = host_reply;
    table.fail = host_fail;
    table.push = host_push;
    table.push_many = host_push_many;
    table.is_cancelled = host_is_cancelled;
    table.on_cancel = host_on_cancel;
    table.work = host_work;
    table.post = host_post;
    table.path = host_path;
}

static bool is_idle(void *arg) { return ((fake_host *)arg)->calls == NULL; }

fake_host *fake_host_new(const hearth_plugin *(*entry)(const hearth_host_api *), const char *package)
{
    hearth_err err = { 0 };
    fake_host *h = calloc(1, sizeof *h);
    if (!h)
        DIE("out of memory");
    fill_table();
    value_install();
    h->package = package;
    h->loop_tasks.end = &h->loop_tasks.first;
    h->worker_tasks.end = &h->worker_tasks.first;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->loop_wake, NULL);
    pthread_cond_init(&h->worker_wake, NULL);
    pthread_cond_init(&h->release, NULL);
    if (pthread_create(&h->worker, NULL, work, h) != 0)
        DIE("no thread");
    h->plugin = entry(&table);
    hearth_ctx *ctx = (hearth_ctx *)(void *)h;
    if (!h->plugin || h->plugin->load(ctx, &h->self, &err) < 0 || h->plugin->implement(ctx, h->self, &err) < 0)
        DIE("the plugin does not load: %s", err.msg);
    return h;
}

/* The host's duty before dispose: cancel what runs, wait for the answers and the workers, drop late posts. */
void fake_host_free(fake_host *h)
{
    for (;;) {
        pthread_mutex_lock(&h->lock);
        fake_call *c = h->calls;
        while (c && c->is_cancelled)
            c = c->next;
        pthread_mutex_unlock(&h->lock);
        if (!c)
            break;
        fake_call_cancel(c);
    }
    fake_host_until(h, is_idle, h);
    pthread_mutex_lock(&h->lock);
    h->is_ending = true;
    pthread_cond_signal(&h->worker_wake);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->worker, NULL);
    h->plugin->dispose(h->self);
    for (task *t; (t = take_task(&h->loop_tasks));)
        free(t);
    if (atomic_load(&h->allocations) != 0)
        DIE("%ld pieces of memory were not given back", atomic_load(&h->allocations));
    pthread_cond_destroy(&h->loop_wake);
    pthread_cond_destroy(&h->worker_wake);
    pthread_cond_destroy(&h->release);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
