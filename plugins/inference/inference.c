/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* inference: a request and a model's id in, text out. Stateless: it knows no thread and no user.
 *
 * Each loaded model is one child process running the engine that `models` names for it (runner.c: loading on demand,
 * back-off after a crash, unloading when idle). A request for a model that is not loaded waits while it loads and is
 * told the progress. Then it is handed to the child on behalf of whoever asked: cancelling the request cancels the
 * child's work, which frees its slot at once. Queueing and batching are the engine's.
 * Owns: the runners, and a flight for each request under way. Every flight is in one list until it was answered.
 * Thread: loop. Fails: per request, with what went wrong on which model; other models and requests go on.
 * It must not know: what a token is, which engines there are, who asks (only a number for fair queueing). */
#include <hearth/plugin.h>

#include "params.h"
#include "runner.h"

typedef struct inference {
    hearth_ctx    *ctx;
    runner        *runners;
    struct flight *flights;
} inference;

typedef struct flight {
    runner_wait    wait; /* first: a waiter is its flight */
    struct flight *next, *prev;
    inference     *owner;
    runner        *runner;
    hearth_req    *req;
    const char    *method; /* of the engine; NULL: only the loading was asked for */
    hearth_value  *params;
    bool           is_flying; /* the child has it */
} flight;

/* -- flights ----------------------------------------------------------------------------------------------------------- */

static flight *flight_new(inference *m, runner *r, hearth_req *req, const char *method, hearth_value *params)
{
    flight *f = hearth_new(m->ctx, flight);
    if (!f) {
        hearth_value_unref(params);
        hearth_fail(req, HEARTH_NO_MEMORY, "no memory for another request");
        return NULL;
    }
    *f = (flight){ .owner = m, .runner = r, .req = req, .method = method, .params = params, .next = m->flights };
    if (m->flights)
        m->flights->prev = f;
    m->flights = f;
    return f;
}

static void flight_free(flight *f)
{
    if (f->prev)
        f->prev->next = f->next;
    else
        f->owner->flights = f->next;
    if (f->next)
        f->next->prev = f->prev;
    hearth_value_unref(f->params);
    hearth_free(f->owner->ctx, f);
}

/* The engine's answer, with the model's id beside it. */
static hearth_value *answer_value(const flight *f, const hearth_value *from)
{
    hearth_value *v = hearth_object(f->owner->ctx);
    for (size_t i = 0; i < hearth_count(from); i++)
        hearth_values()->put_ref(v, hearth_key_at(from, i), hearth_at(from, i));
    hearth_put_cstr(v, "model", f->runner->id);
    return v;
}

/* Whether the engine ended this only because its process has to end. */
static bool is_cut_short(const flight *f, const hearth_reply_view *reply)
{
    if (f->runner->state != RUNNER_CLOSING || hearth_is_cancelled(f->req))
        return false;
    return reply->code == HEARTH_CRASHED || reply->code == HEARTH_CANCELLED ||
           hearth_str_is(hearth_get_str(reply->value, "finish_reason"), "cancelled");
}

static void on_done(void *arg, const hearth_reply_view *reply)
{
    flight *f = arg;
    runner *r = f->runner;
    if (reply->code == HEARTH_CRASHED)
        runner_lose(r);
    if (is_cut_short(f, reply))
        hearth_fail(f->req, HEARTH_UNAVAILABLE,
                    "%.100s was unloaded while it worked on this; send it again to load it anew", r->id);
    else if (reply->code == HEARTH_CRASHED)
        hearth_fail(f->req, HEARTH_CRASHED,
                    "the engine of %.100s ended unexpectedly; send it again, and it is started anew", r->id);
    else if (reply->code < 0)
        hearth_fail_detailed(f->req, reply->code, hearth_cstr(reply->err->msg),
                             reply->value ? hearth_value_ref(reply->value) : NULL);
    else
        hearth_reply(f->req, answer_value(f, reply->value));
    flight_free(f);
    runner_end(r);
}

static void on_event(void *arg, const hearth_event *e)
{
    const flight *f = arg;
    hearth_push(f->req, e);
}

static void fly(flight *f)
{
    hearth_call_options options = { .size = sizeof options, .on_event = on_event, .child = f->runner->child };
    hearth_value       *params = f->params;
    f->params = NULL;
    f->is_flying = true;
    if (strcmp(f->method, "engine.submit") == 0) {
        params_advise(params, hearth_get(f->runner->model, "recommended"));
        params_advise(params, hearth_get(f->runner->opened, "sampling"));
    }
    runner_begin(f->runner);
    hearth_call(f->req, f->method, params, &options, on_done, f);
}

static hearth_value *load_value(const runner *r)
{
    hearth_value *v = hearth_object(r->ctx);
    hearth_put_cstr(v, "model", r->id);
    hearth_put_u64(v, "memory_bytes", hearth_get_u64(r->opened, "memory_bytes", 0));
    hearth_put_u64(v, "context", hearth_get_u64(r->opened, "context", 0));
    return v;
}

static void loaded(flight *f)
{
    if (f->method) {
        fly(f);
        return;
    }
    hearth_reply(f->req, load_value(f->runner));
    flight_free(f);
}

static void on_settled(runner_wait *w, hearth_code code, const hearth_err *err)
{
    flight *f = (flight *)w;
    if (code >= 0) {
        loaded(f);
        return;
    }
    hearth_fail_with(f->req, code, err);
    flight_free(f);
}

static void on_progress(runner_wait *w, uint64_t done, uint64_t total, hearth_str what)
{
    const flight *f = (const flight *)w;
    hearth_push_progress(f->req, done, total, what);
}

/* While it waits it just goes; once it flies the kernel cancels the child's call, whose answer ends it. */
static void on_cancel(void *arg)
{
    flight *f = arg;
    if (f->is_flying)
        return;
    runner_forget(f->runner, &f->wait);
    hearth_fail(f->req, HEARTH_CANCELLED, "cancelled while %.100s was loading", f->runner->id);
    flight_free(f);
}

static void take_off(flight *f, bool is_by_hand)
{
    f->wait.settled = on_settled;
    f->wait.progress = on_progress;
    hearth_on_cancel(f->req, on_cancel, f);
    if (runner_want(f->runner, &f->wait, is_by_hand))
        loaded(f);
}

/* -- methods --------------------------------------------------------------------------------------------------------------- */

static runner *find_runner(const inference *m, hearth_str id)
{
    runner *r = m->runners;
    while (r && !hearth_str_equal(hearth_cstr(r->id), id))
        r = r->next;
    return r;
}

/* The runner of a model; those that hold nothing any more are freed on the way, so asking for models that do not
 * exist leaves nothing behind. */
static runner *take_runner(inference *m, hearth_req *req)
{
    hearth_str id = hearth_get_str(hearth_params(req), "model");
    runner    *r = find_runner(m, id);
    if (r)
        return r;
    for (runner **at = &m->runners; *at;) {
        runner *old = *at;
        if (!runner_is_blank(old)) {
            at = &old->next;
            continue;
        }
        *at = old->next;
        runner_free(old);
    }
    r = runner_new(m->ctx, id);
    if (!r) {
        hearth_fail(req, HEARTH_NOT_FOUND, "there is no model of that name; models.list names those there are");
        return NULL;
    }
    r->next = m->runners;
    m->runners = r;
    return r;
}

static void route(inference *m, hearth_req *req, const char *method, hearth_value *params)
{
    runner *r = take_runner(m, req);
    if (!r) {
        hearth_value_unref(params);
        return;
    }
    flight *f = flight_new(m, r, req, method, params);
    if (f)
        take_off(f, false);
}

/* Requests of one program share a lane, so that one that sends many does not starve the others. */
static uint64_t lane_of(const hearth_req *req)
{
    hearth_principal who = hearth_principal_of(req);
    return hearth_hash(who.kind.p, who.kind.n) ^ hearth_hash(who.id.p, who.id.n) * 31;
}

static void submit(inference *m, hearth_req *req, const char *method)
{
    hearth_err    err = { 0 };
    const char   *param = NULL;
    hearth_value *params = params_for_submit(m->ctx, hearth_params(req), lane_of(req), &err, &param);
    if (params) {
        route(m, req, method, params);
        return;
    }
    hearth_value *details = hearth_object(m->ctx);
    hearth_put_cstr(details, "param", param);
    hearth_fail_detailed(req, err.code, hearth_cstr(err.msg), details);
}

static void generate(hearth_req *req, void *self) /* chat and complete */ { submit(self, req, "engine.submit"); }

static void apply_template(hearth_req *req, void *self) { submit(self, req, "engine.apply_template"); }

/* The arguments but `model`, as they came. */
static void pass_on(inference *m, hearth_req *req, const char *method)
{
    const hearth_value *in = hearth_params(req);
    hearth_value       *out = hearth_object(m->ctx);
    for (size_t i = 0; i < hearth_count(in); i++)
        if (!hearth_str_is(hearth_key_at(in, i), "model"))
            hearth_values()->put_ref(out, hearth_key_at(in, i), hearth_at(in, i));
    route(m, req, method, out);
}

static void tokenize(hearth_req *req, void *self) { pass_on(self, req, "engine.tokenize"); }

static void detokenize(hearth_req *req, void *self) { pass_on(self, req, "engine.detokenize"); }

static void embed(hearth_req *req, void *self) { pass_on(self, req, "engine.embed"); }

/* Other settings than it has mean another process; not under the feet of somebody whom it is answering. */
static void load_model(hearth_req *req, void *self)
{
    inference          *m = self;
    const hearth_value *settings = hearth_get(hearth_params(req), "settings");
    runner             *r = take_runner(m, req);
    if (!r)
        return;
    bool is_other = settings && !params_same_settings(settings, r->settings);
    bool is_there = r->state != RUNNER_UNLOADED && r->state != RUNNER_FAILED;
    if (is_other && is_there && (r->busy > 0 || r->waiting)) {
        hearth_fail(req, HEARTH_CONFLICT,
                    "%.100s is in use with other settings; unload it first, or wait until it is idle", r->id);
        return;
    }
    if (is_other) {
        hearth_value_unref(r->settings);
        r->settings = hearth_value_ref(settings);
        if (is_there)
            runner_close(r, NULL);
    }
    flight *f = flight_new(m, r, req, NULL, NULL);
    if (f)
        take_off(f, true);
}

static void on_gone(runner_wait *w, hearth_code code, const hearth_err *err)
{
    flight *f = (flight *)w;
    (void)code, (void)err;
    hearth_reply(f->req, NULL);
    flight_free(f);
}

static void unload(hearth_req *req, void *self)
{
    inference *m = self;
    hearth_str id = hearth_get_str(hearth_params(req), "model");
    runner    *r = find_runner(m, id);
    if (!r) {
        hearth_reply(req, NULL);
        return;
    }
    flight *f = flight_new(m, r, req, NULL, NULL);
    if (!f)
        return;
    f->wait.settled = on_gone;
    f->is_flying = true; /* not to be cancelled: the process ends whether somebody listens or not */
    hearth_value_unref(r->settings);
    r->settings = NULL;
    crash_log_clear(&r->crashes);
    if (runner_close(r, &f->wait))
        on_gone(&f->wait, HEARTH_OK, NULL);
}

static void list_loaded(hearth_req *req, void *self)
{
    const inference *m = self;
    hearth_value    *v = hearth_object(m->ctx), *list = hearth_array(m->ctx);
    for (const runner *r = m->runners; r; r = r->next)
        if (r->child || r->state == RUNNER_FINDING || r->state == RUNNER_WAITING)
            hearth_add(list, runner_loaded_value(r));
    hearth_put(v, "models", list);
    hearth_reply(req, v);
}

static void url(hearth_req *req, void *self)
{
    inference *m = self;
    hearth_str base = hearth_info_get(m->ctx).base_url;
    hearth_buf text;
    if (base.n == 0) {
        hearth_fail(req, HEARTH_UNAVAILABLE, "there is no HTTP listener yet; start with --listen HOST:PORT");
        return;
    }
    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    hearth_buf_init(&text, 4096);
    hearth_buf_put(&text, base);
    hearth_buf_puts(&text, "/v1/chat/completions");
    hearth_value *v = hearth_object(m->ctx);
    hearth_put_str(v, "url", hearth_buf_str(&text));
    hearth_buf_deinit(&text);
    hearth_reply(req, v);
}

static hearth_code load(hearth_ctx *ctx, void **self, hearth_err *err)
{
    inference *m = hearth_new(ctx, inference);
    if (!m)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "inference.load", "no memory");
    m->ctx = ctx;
    *self = m;
    return HEARTH_OK;
}

static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
{
    static const hearth_method methods[] = {
        { "inference.chat", generate },      { "inference.complete", generate },
        { "inference.tokenize", tokenize },  { "inference.detokenize", detokenize },
        { "inference.embed", embed },        { "inference.apply_template", apply_template },
        { "inference.load", load_model },    { "inference.unload", unload },
        { "inference.loaded", list_loaded }, { "inference.url", url },
    };
    return hearth_serve(ctx, methods, HEARTH_COUNT(methods), self, err);
}

static void dispose(void *self)
{
    inference *m = self;
    while (m->flights)
        flight_free(m->flights);
    for (runner *r = m->runners, *next; r; r = next) {
        next = r->next;
        runner_free(r);
    }
    hearth_free(m->ctx, m);
}

HEARTH_PLUGIN(load, implement, dispose)
