/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The life of a runner:
 *
 *     UNLOADED, FAILED ──want──▶ (WAITING ─▶) FINDING ─▶ STARTING ─▶ OPENING ─▶ LOADED
 *         ▲                                                                        │
 *         └────────── GONE: asked for (CLOSING), or not (a crash, LOST) ◀──────────┘
 *
 * Each step is one asynchronous call whose answer checks that the runner is still in the state it was asked in, so an
 * unload at any moment just closes the process and the late answers fall through. */
#include "runner.h"

#include "params.h"

enum { TELL_EVERY_MS = 100, MAX_PARTS = 40 };

static void start(runner *r);
static void open_model(runner *r);

static const char *state_name(runner_state s)
{
    switch (s) {
    case RUNNER_LOADED:
        return "loaded";
    case RUNNER_FAILED:
        return "failed";
    case RUNNER_UNLOADED:
    case RUNNER_CLOSING:
        return "unloaded";
    default:
        return "loading";
    }
}

static void put_error(hearth_value *v, const runner *r)
{
    if (r->state != RUNNER_FAILED) {
        hearth_put_null(v, "error");
        return;
    }
    hearth_value *error = hearth_object(r->ctx);
    hearth_put_cstr(error, "name", hearth_code_name(r->code));
    hearth_put_cstr(error, "message", r->err.msg);
    hearth_put(v, "error", error);
}

static void put_opened(hearth_value *v, const runner *r, const char *key)
{
    const hearth_value *x = r->state == RUNNER_LOADED ? hearth_get(r->opened, key) : NULL;
    if (x)
        hearth_put_ref(v, key, x);
    else
        hearth_put_null(v, key);
}

hearth_value *runner_changed_value(const runner *r)
{
    hearth_value *v = hearth_object(r->ctx);
    hearth_put_cstr(v, "model", r->id);
    hearth_put_cstr(v, "state", state_name(r->state));
    if (hearth_str_is(hearth_cstr(state_name(r->state)), "loading"))
        hearth_put_f64(v, "progress", r->progress);
    else
        hearth_put_null(v, "progress");
    put_opened(v, r, "memory_bytes");
    put_error(v, r);
    return v;
}

hearth_value *runner_loaded_value(const runner *r)
{
    hearth_value *v = hearth_object(r->ctx);
    uint64_t      slots = hearth_get_u64(r->opened, "slots", 1);
    hearth_put_cstr(v, "model", r->id);
    hearth_put_str(v, "engine", hearth_get_str(r->model, "engine"));
    hearth_put_i64(v, "pid", r->child ? hearth_child_pid(r->ctx, r->child) : 0);
    hearth_put_cstr(v, "state", state_name(r->state));
    put_opened(v, r, "slots");
    hearth_put_u64(v, "slots_busy", r->busy < slots ? r->busy : slots);
    put_opened(v, r, "memory_bytes");
    put_opened(v, r, "context");
    return v;
}

static void tell(runner *r)
{
    r->told_ms = hearth_now_ms(r->ctx);
    hearth_emit(r->ctx, "inference.changed", runner_changed_value(r));
}

static void stop_timer(runner *r)
{
    if (r->timer)
        hearth_timer_stop(r->ctx, r->timer);
    r->timer = 0;
}

/* -- those who wait ------------------------------------------------------------------------------------------------- */

static void settle(runner_wait **list, hearth_code code, const hearth_err *err)
{
    runner_wait *w = *list;
    *list = NULL; /* a waiter may ask again at once: into a new list */
    for (runner_wait *next; w; w = next) {
        next = w->next;
        w->settled(w, code, err);
    }
}

static void settle_waiting(runner *r, hearth_code code, const hearth_err *err)
{
    r->waiting_count = 0;
    settle(&r->waiting, code, err);
}

static void append(runner_wait **list, runner_wait *w)
{
    while (*list)
        list = &(*list)->next;
    w->next = NULL;
    *list = w;
}

void runner_forget(runner *r, runner_wait *w)
{
    for (runner_wait **at = &r->waiting; *at; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            r->waiting_count--;
            return;
        }
}

/* -- ends ------------------------------------------------------------------------------------------------------------- */

static void forget_process(runner *r)
{
    stop_timer(r);
    r->child = 0;
    hearth_value_unref(r->opened);
    r->opened = NULL;
}

/* `err` of its own reads best to those who waited; the state keeps it for those who ask later. */
static void fail(runner *r, hearth_code code, const hearth_err *err)
{
    r->state = RUNNER_FAILED;
    r->code = code;
    r->err = *err;
    r->err.code = code;
    r->failed_ms = hearth_now_ms(r->ctx);
    if (r->child)
        hearth_child_close(r->ctx, r->child);
    forget_process(r);
    hearth_log(r->ctx, HEARTH_LOG_WARN, "%s: %s", r->id, r->err.msg);
    tell(r);
    hearth_err told = r->err;
    settle_waiting(r, code, &told);
}

static void failf(runner *r, hearth_code code, const char *fmt, ...) HEARTH_PRINTF(3, 4);
static void failf(runner *r, hearth_code code, const char *fmt, ...)
{
    hearth_err err = { .code = code, .where = "inference" };
    va_list    args;
    va_start(args, fmt);
    vsnprintf(err.msg, sizeof err.msg, fmt, args);
    va_end(args);
    fail(r, code, &err);
}

static void on_crash(runner *r, const hearth_err *err)
{
    bool was_loading = r->state != RUNNER_LOADED && r->state != RUNNER_LOST;
    r->child = 0; /* gone already: nothing to close */
    if (r->state == RUNNER_STARTING && err->code < 0 &&
        err->code != HEARTH_CRASHED) { /* it could not even begin: no crash */
        failf(r, err->code, "%.100s could not be loaded: %.280s", r->id, err->msg);
        return;
    }
    crash_log_add(&r->crashes, r->started_ms, hearth_now_ms(r->ctx));
    if (r->state == RUNNER_LOST && r->waiting && !crash_log_is_hopeless(&r->crashes)) {
        hearth_log(r->ctx, HEARTH_LOG_WARN, "%s; it is started again", err->msg);
        forget_process(r);
        start(r); /* for those who came after the crash and had no part in it */
        return;
    }
    if (crash_log_is_hopeless(&r->crashes))
        failf(r, HEARTH_CRASHED, "%.200s, %d times within a minute; load %.100s again by hand, or choose another model",
              err->msg, CRASH_LIMIT, r->id);
    else
        failf(r, HEARTH_CRASHED, "%.200s%s; the next request starts it again", err->msg,
              was_loading ? " while it was loading" : "");
}

static void on_closed(runner *r)
{
    hearth_err none = { 0 };
    forget_process(r);
    r->state = RUNNER_UNLOADED;
    tell(r);
    if (r->waiting) /* asked for again while it ended */
        start(r);
    settle(&r->leaving, HEARTH_OK, &none); /* last: a blank runner may be freed by what they do next */
}

static void on_child(void *self, hearth_id child, hearth_child_state state, const hearth_err *err)
{
    runner *r = self;
    if (child != r->child)
        return; /* one that was given up */
    if (state == HEARTH_CHILD_READY && r->state == RUNNER_STARTING)
        open_model(r);
    else if (state == HEARTH_CHILD_GONE && r->state == RUNNER_CLOSING)
        on_closed(r);
    else if (state == HEARTH_CHILD_GONE)
        on_crash(r, err);
}

bool runner_close(runner *r, runner_wait *w)
{
    hearth_err   err = { .code = HEARTH_CANCELLED,
                         .where = "inference",
                         .msg = "the model was unloaded before it was ready" };
    runner_state before = r->state;
    if (before == RUNNER_UNLOADED || before == RUNNER_FAILED) {
        r->state = RUNNER_UNLOADED;
        if (before == RUNNER_FAILED)
            tell(r);
        return true;
    }
    if (w)
        append(&r->leaving, w);
    if (before == RUNNER_CLOSING)
        return false;
    stop_timer(r);
    r->state = RUNNER_CLOSING;
    settle_waiting(r, HEARTH_CANCELLED, &err);
    if (r->child) {
        hearth_child_close(r->ctx, r->child);
        return false;
    }
    if (w) /* the caller answers itself: there was no process yet */
        r->leaving = NULL;
    on_closed(r);
    return true;
}

/* -- being used --------------------------------------------------------------------------------------------------------- */

static void on_idle(void *arg)
{
    runner *r = arg;
    r->timer = 0;
    hearth_log(r->ctx, HEARTH_LOG_INFO, "%s was not used for a while and is unloaded", r->id);
    runner_close(r, NULL);
}

static void watch_idle(runner *r)
{
    hearth_value *setting = hearth_setting(r->ctx, "inference.idle_unload_ms");
    uint64_t      ms = hearth_as_u64(setting, 0);
    hearth_value_unref(setting);
    if (ms > 0 && ms <= UINT32_MAX && !r->timer && r->state == RUNNER_LOADED)
        r->timer = hearth_timer(r->ctx, (uint32_t)ms, 0, on_idle, r);
}

void runner_begin(runner *r)
{
    r->busy++;
    stop_timer(r);
}

void runner_end(runner *r)
{
    if (--r->busy == 0)
        watch_idle(r);
}

void runner_lose(runner *r)
{
    if (r->state == RUNNER_LOADED)
        r->state = RUNNER_LOST;
}

/* -- loading -------------------------------------------------------------------------------------------------------------- */

static void on_opened(void *arg, const hearth_reply_view *reply)
{
    runner    *r = arg;
    hearth_err none = { 0 };
    if (r->state != RUNNER_OPENING || reply->code == HEARTH_CRASHED)
        return; /* closed meanwhile, or GONE follows and says more */
    if (reply->code < 0) {
        failf(r, reply->code, "%.100s could not be loaded: %.280s", r->id, reply->err->msg);
        return;
    }
    r->opened = hearth_value_ref(reply->value);
    r->state = RUNNER_LOADED;
    r->progress = 1;
    tell(r);
    settle_waiting(r, HEARTH_OK, &none);
    if (r->busy == 0)
        watch_idle(r);
}

static void on_opening(void *arg, const hearth_event *e)
{
    runner *r = arg;
    if (r->state != RUNNER_OPENING || e->kind != HEARTH_PROGRESS)
        return;
    r->progress = e->total > 0 ? (double)e->done / (double)e->total : 0;
    if (hearth_now_ms(r->ctx) - r->told_ms < TELL_EVERY_MS && e->done < e->total)
        return;
    tell(r);
    for (runner_wait *w = r->waiting, *next; w; w = next) {
        next = w->next;
        if (w->progress)
            w->progress(w, e->done, e->total, e->text);
    }
}

/* What a person set for all models; what is 0 (gpu_layers: -1) is left to the engine. */
static hearth_value *general_settings(hearth_ctx *ctx)
{
    static const struct {
        const char *setting, *key;
        int64_t     automatic;
    } all[] = { { "inference.context", "context", 0 },
                { "inference.slots", "slots", 0 },
                { "inference.threads", "threads", 0 },
                { "inference.gpu_layers", "gpu_layers", -1 } };
    hearth_value *v = hearth_object(ctx);
    for (size_t i = 0; i < HEARTH_COUNT(all); i++) {
        hearth_value *x = hearth_setting(ctx, all[i].setting);
        int64_t       n = hearth_as_i64(x, all[i].automatic);
        if (n != all[i].automatic)
            hearth_put_i64(v, all[i].key, n);
        hearth_value_unref(x);
    }
    return v;
}

static void open_model(runner *r)
{
    hearth_call_options options = { .size = sizeof options, .on_event = on_opening, .child = r->child };
    hearth_value       *general = general_settings(r->ctx);
    r->state = RUNNER_OPENING;
    hearth_call_as_plugin(r->ctx, "engine.open",
                          params_for_open(r->ctx, hearth_get(r->model, "files"), r->settings, general), &options,
                          on_opened, r);
    hearth_value_unref(general);
}

static void start_process(runner *r)
{
    const hearth_value  *files = hearth_get(r->model, "files");
    hearth_str           paths[MAX_PARTS];
    char                 engine[128];
    size_t               n = hearth_count(files);
    hearth_err           err = { 0 };
    hearth_spawn_options options = { .size = sizeof options,
                                     .plugin = engine,
                                     .label = r->id,
                                     .read_paths = paths,
                                     .read_count = n,
                                     .on_state = on_child };
    if (n == 0 || n > MAX_PARTS) {
        failf(r, HEARTH_UNSUPPORTED, "%.100s has %zu files; 1 to %d can be loaded", r->id, n, MAX_PARTS);
        return;
    }
    for (size_t i = 0; i < n; i++)
        paths[i] = hearth_as_str(hearth_at(files, i));
    hearth_str_copy(engine, sizeof engine, hearth_get_str(r->model, "engine"));
    r->state = RUNNER_STARTING;
    r->started_ms = hearth_now_ms(r->ctx);
    r->child = hearth_spawn(r->ctx, &options, r, &err);
    if (!r->child)
        failf(r, err.code < 0 && err.code != HEARTH_NOT_FOUND ? err.code : HEARTH_UNAVAILABLE,
              "%.100s could not be loaded: %.280s", r->id, err.msg);
}

static hearth_code code_by_name(hearth_str name)
{
#define XX(NAME, lower, code, http, rpc, text)                                                                         \
    if (hearth_str_is(name, #lower))                                                                                   \
        return HEARTH_##NAME;
    HEARTH_ERRORS(XX)
#undef XX
    return HEARTH_INTERNAL;
}

static void on_found(void *arg, const hearth_reply_view *reply)
{
    runner *r = arg;
    if (r->state != RUNNER_FINDING)
        return;
    hearth_err err = *reply->err;
    if (reply->code == HEARTH_NOT_FOUND) { /* no model, so nothing that could have failed */
        r->state = RUNNER_UNLOADED;
        settle_waiting(r, reply->code, &err);
        return;
    }
    if (reply->code < 0) {
        fail(r, reply->code, &err);
        return;
    }
    hearth_value_unref(r->model);
    r->model = hearth_value_ref(reply->value);
    const hearth_value *problem = hearth_get(r->model, "problem"); /* seen in the header: no engine is asked to try */
    if (problem) {
        hearth_str text = hearth_get_str(problem, "message");
        failf(r, code_by_name(hearth_get_str(problem, "name")), "%.100s cannot be loaded: %.*s", r->id,
              HEARTH_FMT(text));
        return;
    }
    start_process(r);
}

static void find(runner *r)
{
    hearth_value *params = hearth_object(r->ctx);
    hearth_put_cstr(params, "id", r->id);
    r->state = RUNNER_FINDING;
    r->progress = 0;
    hearth_call_as_plugin(r->ctx, "models.get", params, NULL, on_found, r);
}

static void after_backoff(void *arg)
{
    runner *r = arg;
    r->timer = 0;
    find(r);
}

static void start(runner *r)
{
    uint64_t wait = crash_log_wait_ms(&r->crashes, hearth_now_ms(r->ctx));
    if (wait == 0) {
        find(r);
        return;
    }
    r->state = RUNNER_WAITING;
    r->progress = 0;
    r->timer = hearth_timer(r->ctx, (uint32_t)wait, 0, after_backoff, r);
    tell(r);
}

/* Whether asking again so soon, or at all, has no point. */
static bool is_still_failed(const runner *r)
{
    if (r->state != RUNNER_FAILED)
        return false;
    if (r->code == HEARTH_CRASHED)
        return crash_log_is_hopeless(&r->crashes);
    return hearth_now_ms(r->ctx) - r->failed_ms < RUNNER_RETRY_MS;
}

bool runner_want(runner *r, runner_wait *w, bool is_by_hand)
{
    if (r->state == RUNNER_LOADED)
        return true;
    if (is_by_hand && r->state == RUNNER_FAILED) {
        crash_log_clear(&r->crashes);
        r->state = RUNNER_UNLOADED;
    }
    if (is_still_failed(r)) {
        hearth_err err = r->err;
        w->settled(w, r->code, &err);
        return false;
    }
    if (r->waiting_count >= RUNNER_MAX_WAITING) {
        hearth_err err = { .code = HEARTH_BUSY, .where = "inference" };
        snprintf(err.msg, sizeof err.msg, "%d requests wait for %.100s to load; try again in a moment",
                 RUNNER_MAX_WAITING, r->id);
        w->settled(w, HEARTH_BUSY, &err);
        return false;
    }
    append(&r->waiting, w);
    r->waiting_count++;
    if (r->state == RUNNER_UNLOADED || r->state == RUNNER_FAILED)
        start(r);
    return false;
}

bool runner_is_blank(const runner *r)
{
    return r->state == RUNNER_UNLOADED && !r->waiting && !r->leaving && r->busy == 0 && r->crashes.in_row == 0;
}

runner *runner_new(hearth_ctx *ctx, hearth_str id)
{
    runner *r = id.n > 0 && id.n < sizeof r->id ? hearth_new(ctx, runner) : NULL;
    if (!r)
        return NULL;
    hearth_str_copy(r->id, sizeof r->id, id);
    r->ctx = ctx;
    r->state = RUNNER_UNLOADED;
    return r;
}

void runner_free(runner *r)
{
    if (!r)
        return;
    hearth_value_unref(r->model);
    hearth_value_unref(r->settings);
    hearth_value_unref(r->opened);
    hearth_free(r->ctx, r);
}
