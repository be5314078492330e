/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A request's way: find the method → gate → validate → dispatch → events → answer → sink.
 *
 * Two ends may leave at any time. The caller leaves by abandon (its callbacks are cleared) or by being disposed; the server
 * leaves by being disposed. The object itself ends when it was answered, dropped, or (for a child's call) when the channel
 * fails it, and not before the dispatch that made it has returned.
 *
 * A caller's callbacks run inside of its server's hearth_push and hearth_reply. A cancel that comes from there is noted at
 * once and acted on when the loop is free: no server is called back in the middle of its own work.
 *
 * An answer given inside the dispatch is held back until the loop is free, unless the caller said that it can take it at
 * once; so `done` never runs inside hearth_call. */
#include <stdlib.h>

#include "kernel/ctx.h"
#include "kernel/channel.h"
#include "kit/value.h"

/* -- life ------------------------------------------------------------------------------------------------------- */

static hearth_req *make(kernel *k, hearth_str name)
{
    hearth_req *req = calloc(1, sizeof *req + name.n + 1);
    if (!req)
        return NULL;
    if (name.n)
        memcpy(req->method, name.p, name.n);
    req->method_n = name.n;
    req->k = k;
    list_init(&req->in_server);
    list_init(&req->in_caller);
    list_init(&req->in_parent);
    list_init(&req->children);
    req->id = slots_add(&k->requests, req);
    if (!req->id) {
        free(req);
        return NULL;
    }
    return req;
}

/* Out of all lists: nobody finds it any more. */
static void detach(hearth_req *req)
{
    LIST_EACH_SAFE(&req->children, node, next) {
        hearth_req *child = LIST_ENTRY(node, hearth_req, in_parent);
        child->parent = NULL;
        list_remove(&child->in_parent);
    }
    list_remove(&req->in_server);
    list_remove(&req->in_caller);
    list_remove(&req->in_parent);
    slots_remove(&req->k->requests, req->id);
    loop_timer_stop(req->deadline);
    req->deadline = NULL;
}

void request_free(hearth_req *req)
{
    detach(req);
    principal_unref(req->who);
    for (size_t i = 0; i < req->via_count; i++)
        principal_unref(req->via[i]);
    hearth_value_unref(req->params);
    hearth_value_unref(req->result);
    free(req->err);
    free(req);
}

/* Takes the sink away, so that it is called at most once more. */
static hearth_done_fn take_sink(hearth_req *req, void **arg)
{
    hearth_done_fn done = req->done;
    *arg = req->arg;
    req->done = NULL;
    req->on_event = NULL;
    list_remove(&req->in_caller);
    req->caller = NULL;
    return done;
}

static void tell(hearth_req *req, hearth_code code, const hearth_value *value, const hearth_err *err)
{
    static const hearth_err none = { HEARTH_OK, "", "" };
    void                   *arg;
    const request_http     *http = req->http;
    kernel                 *k = req->k;
    hearth_done_fn          done = take_sink(req, &arg);
    k->telling++;
    if (http) {
        void *http_arg = req->http_arg;
        req->http = NULL;
        http->reply(http_arg, code, value, err ? err : &none);
    }
    if (done) {
        hearth_reply_view view = { code, value, err ? err : &none };
        done(arg, &view);
    }
    k->telling--;
}

static void finish(hearth_req *req)
{
    if (req->job)
        job_end(req->job, req->code, req->result, req->err);
    req->job = NULL;
    tell(req, req->code, req->result, req->err);
    request_free(req);
}

/* An answered request is ended by nobody else, so that it is still there. */
static void finish_soon(void *arg)
{
    finish(arg);
}

/* Keeps the answer and ends the request now, or after its dispatch. */
static void answer(hearth_req *req, hearth_code code, hearth_value *value, const hearth_err *err)
{
    if (req->is_answered) {
        hearth_value_unref(value);
        return;
    }
    req->is_answered = true;
    req->code = code;
    req->result = value;
    if (err && code < 0) {
        req->err = malloc(sizeof *err);
        if (req->err)
            *req->err = *err;
    }
    if (req->server && code < 0)
        req->server->counters.failures++;
    list_remove(&req->in_server); /* its plugin is done with it, and may be gone before finish */
    if (!req->is_dispatching) {
        finish(req);
        return;
    }
    if (req->may_be_sync)
        return; /* the dispatch ends it */
    loop_soon(req->k->l, finish_soon, req);
    req->is_dispatching = false;
}

void request_reply(hearth_req *req, hearth_value *value)
{
    if (!value)
        value = hearth_object(NULL);
    if (!hearth_is_bad(value)) {
        value_freeze(value);
        answer(req, HEARTH_OK, value, NULL);
        return;
    }
    hearth_value_unref(value);
    request_fail(req, HEARTH_NO_MEMORY, HEARTH_STR("memory ran out while the answer was built"), NULL);
}

void request_fail(hearth_req *req, hearth_code code, hearth_str msg, hearth_value *details)
{
    hearth_err err = { code < 0 ? code : HEARTH_INTERNAL, "", "" };
    size_t     n = req->method_n < sizeof err.where - 1 ? req->method_n : sizeof err.where - 1;
    memcpy(err.where, req->method, n);
    if (msg.n == 0)
        msg = hearth_cstr(hearth_code_text(err.code));
    hearth_str_copy(err.msg, sizeof err.msg, msg);
    answer(req, err.code, details, &err);
}

/* -- events -------------------------------------------------------------------------------------------------------- */

void request_deliver(hearth_req *req, const hearth_event *event)
{
    kernel *k = req->k;
    if (!req->on_event)
        return;
    k->telling++;
    req->on_event(req->arg, event);
    k->telling--;
}

void request_push(hearth_req *req, const hearth_event *event)
{
    if (req->is_answered)
        return;
    kernel      *k = req->k;
    hearth_id    id = req->id;
    hearth_event e = *event;
    e.seq = ++req->seq;
    if (req->job) {
        job_event(req->job, &e);
        req = slots_find(&k->requests, id); /* a listener may have called what ended it */
    }
    if (req)
        request_deliver(req, &e);
}

/* -- ends ------------------------------------------------------------------------------------------------------------ */

/* A child's end may end others, and the request itself: everything is looked up again after each. */
static hearth_req *cancel_children(kernel *k, hearth_id id)
{
    for (;;) {
        hearth_req *req = slots_find(&k->requests, id), *child = NULL;
        if (!req || req->is_answered)
            return NULL;
        LIST_EACH(&req->children, node)
            if (!atomic_load(&LIST_ENTRY(node, hearth_req, in_parent)->is_cancelled)) {
                child = LIST_ENTRY(node, hearth_req, in_parent);
                break;
            }
        if (!child)
            return req;
        request_cancel(child);
    }
}

static void cancel_now(hearth_req *req)
{
    kernel   *k = req->k;
    hearth_id id = req->id;
    if (req->remote)
        channel_cancel(req->remote, req);
    hearth_fn fn = req->on_cancel;
    req->on_cancel = NULL;
    if (fn)
        fn(req->on_cancel_arg);
    req = cancel_children(k, id);
    if (!req || fn || req->remote || req->job)
        return;
    /* Nobody acts on it: the caller need not wait for the server. */
    hearth_err err = { HEARTH_CANCELLED, "request", "the call was cancelled" };
    if (req->done || req->http)
        tell(req, HEARTH_CANCELLED, NULL, &err);
}

typedef struct later {
    kernel   *k;
    hearth_id id;
} later;

static void cancel_later(void *arg)
{
    const later one = *(later *)arg;
    hearth_req *req = slots_find(&one.k->requests, one.id);
    free(arg);
    if (req && !req->is_answered)
        cancel_now(req);
}

static void cancel_soon(hearth_req *req)
{
    later *one = malloc(sizeof *one);
    if (!one) {
        cancel_now(req); /* early rather than never */
        return;
    }
    *one = (later){ req->k, req->id };
    loop_soon(req->k->l, cancel_later, one);
}

void request_cancel(hearth_req *req)
{
    if (req->is_answered || atomic_exchange(&req->is_cancelled, true))
        return;
    if (req->k->telling || req->is_dispatching)
        cancel_soon(req);
    else
        cancel_now(req);
}

void request_cancel_again(hearth_req *req)
{
    if (!req->is_answered && atomic_load(&req->is_cancelled))
        cancel_soon(req);
}

void request_abandon(hearth_req *req)
{
    void *ignored;
    take_sink(req, &ignored);
    req->http = NULL;
    bool goes_on = req->keeps || (req->job && job_has_listeners(req->job));
    if (!goes_on)
        request_cancel(req);
}

void request_drop(hearth_req *req, hearth_code code, const char *why)
{
    if (req->is_answered)
        return;
    hearth_err err = { code, "", "" };
    hearth_str_copy(err.where, sizeof err.where, (hearth_str){ req->method, req->method_n });
    hearth_str_copy(err.msg, sizeof err.msg, hearth_cstr(why));
    answer(req, code, NULL, &err);
}

void request_strand(hearth_req *req, const char *why)
{
    hearth_ctx *server = req->server;
    hearth_err  err = { HEARTH_UNAVAILABLE, "", "" };
    hearth_str_copy(err.where, sizeof err.where, (hearth_str){ req->method, req->method_n });
    hearth_str_copy(err.msg, sizeof err.msg, hearth_cstr(why));
    req->is_answered = true;
    req->on_cancel = NULL;
    atomic_store(&req->is_cancelled, true);
    server->counters.failures++;
    if (req->job)
        job_end(req->job, err.code, NULL, &err);
    req->job = NULL;
    tell(req, err.code, NULL, &err);
    detach(req);
    list_add(&server->stranded, &req->in_server);
}

static void on_deadline(void *arg)
{
    hearth_req *req = arg;
    loop_timer_stop(req->deadline);
    req->deadline = NULL;
    hearth_err err = { HEARTH_DEADLINE, "request", "" };
    hearth_buf text;
    hearth_buf_init(&text, sizeof err.msg);
    hearth_buf_printf(&text, "%s took longer than its caller allowed", req->method);
    hearth_str_copy(err.msg, sizeof err.msg, hearth_buf_str(&text));
    hearth_buf_deinit(&text);
    kernel   *k = req->k;
    hearth_id id = req->id;
    tell(req, HEARTH_DEADLINE, NULL, &err);
    req = slots_find(&k->requests, id);
    if (req)
        request_cancel(req);
}

/* -- begin -------------------------------------------------------------------------------------------------------------- */

static hearth_req *begin(kernel *k, const request_args *a)
{
    hearth_req *req = make(k, a->method);
    if (!req)
        return NULL;
    req->who = principal_ref(a->who);
    for (size_t i = 0; i < a->via_count && i < REQUEST_MAX_VIA; i++)
        req->via[req->via_count++] = principal_ref(a->via[i]);
    req->params = a->params ? a->params : hearth_object(NULL);
    value_freeze(req->params);
    req->on_event = a->on_event;
    req->done = a->done;
    req->arg = a->arg;
    req->may_be_sync = a->may_be_sync;
    req->wire = a->wire;
    req->wire_id = a->wire_id;
    req->caller = a->caller;
    if (a->caller)
        list_add(&a->caller->calling, &req->in_caller);
    if (a->parent && !a->parent->is_answered) {
        req->parent = a->parent;
        list_add(&a->parent->children, &req->in_parent);
    }
    if (a->deadline_ms)
        req->deadline = loop_timer_start(k->l, a->deadline_ms, 0, on_deadline, req);
    return req;
}

static void refuse(hearth_req *req, const hearth_err *err, hearth_value *details)
{
    req->is_dispatching = true;
    answer(req, err->code, details, err);
}

static hearth_code too_many_via(const request_args *a, hearth_err *err)
{
    return a->via_count > REQUEST_MAX_VIA ? hearth_err_set(err, HEARTH_DENIED, "request", "%.*s was called through more than %u plugins",
                                                            HEARTH_FMT(a->method), REQUEST_MAX_VIA)
                                          : HEARTH_OK;
}

static hearth_code admit(kernel *k, const request_args *a, method **found, hearth_value **details, const hearth_value *params,
                         hearth_err *err)
{
    HEARTH_TRY(too_many_via(a, err));
    method *m = registry_find(k->registry, a->method);
    if (!m)
        return hearth_err_set(err, HEARTH_UNKNOWN_METHOD, "request", "there is no method %.*s; /openrpc.json lists what there is",
                              HEARTH_FMT(a->method));
    *found = m;
    HEARTH_TRY(gate_check(k->gate, a->who, a->via, a->via_count, m->permission, m->name, err));
    if (m->is_audited)
        gate_audit(k->gate, a->who, m->name, m->permission, HEARTH_OK);
    if (!m->fn)
        return hearth_err_set(err, HEARTH_UNAVAILABLE, "request", "the plugin that serves %.*s is not running", HEARTH_FMT(m->name));
    if (hearth_kind_of(params) != HEARTH_OBJECT)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "request", "the params of %.*s must be an object", HEARTH_FMT(m->name));
    if (!m->params)
        return HEARTH_OK;
    hearth_buf path;
    hearth_buf_init(&path, 1024);
    hearth_code code = schema_check(m->params, params, err, &path);
    if (code < 0 && path.n) {
        *details = hearth_object(NULL);
        hearth_put_str(*details, "param", hearth_buf_str(&path));
    }
    hearth_buf_deinit(&path);
    return code;
}

/* After the dispatch: an answer that came meanwhile is delivered here if the caller takes it at once. */
static hearth_id settle(kernel *k, hearth_id id)
{
    hearth_req *req = slots_find(&k->requests, id);
    if (!req)
        return 0;
    req->is_dispatching = false;
    if (req->is_answered && req->may_be_sync) {
        finish(req);
        return 0;
    }
    return id;
}

static hearth_id no_memory(const request_args *a)
{
    static const hearth_err err = { HEARTH_NO_MEMORY, "request", "memory ran out; close something and try again" };
    hearth_value_unref(a->params);
    hearth_reply_view view = { HEARTH_NO_MEMORY, NULL, &err };
    if (a->done)
        a->done(a->arg, &view);
    return 0;
}

hearth_id request_start(kernel *k, const request_args *a)
{
    hearth_req *req = begin(k, a);
    if (!req)
        return no_memory(a);
    hearth_id id = req->id;
    req->is_dispatching = true;
    hearth_err err = { 0 };
    if (a->child_is_gone) {
        hearth_err_set(&err, HEARTH_CRASHED, "request", "the process that serves %.*s has ended", HEARTH_FMT(a->method));
        refuse(req, &err, NULL);
        return settle(k, id);
    }
    if (a->child) {
        req->remote = a->child;
        if (channel_call(a->child, req, &err) < 0)
            refuse(req, &err, NULL);
        return settle(k, id);
    }
    method       *m = NULL;
    hearth_value *details = NULL;
    hearth_code   code = admit(k, a, &m, &details, req->params, &err);
    if (code == HEARTH_UNKNOWN_METHOD && k->upstream && !a->wire) { /* a child asks its daemon */
        req->remote = k->upstream;
        err = (hearth_err){ 0 };
        code = channel_call(k->upstream, req, &err);
    }
    if (code < 0) {
        if (err.code >= 0)
            err.code = code;
        refuse(req, &err, details);
        return settle(k, id);
    }
    if (req->remote)
        return settle(k, id);
    req->keeps = m->keeps;
    req->server = m->ctx;
    m->ctx->counters.calls++;
    list_add(&m->ctx->serving, &req->in_server);
    hearth_ctx *ctx = m->ctx;
    uint64_t    began_ms = loop_now_ms(k->l);
    m->fn(req, m->self);
    ctx_count_slow(ctx, began_ms, "a method");
    return settle(k, id);
}

hearth_id kernel_call(kernel *k, const kernel_call_args *c)
{
    return request_start(k, &(request_args){ .who = c->who, .via = c->via, .via_count = c->via_count, .method = c->method,
                                             .params = c->params, .on_event = c->on_event, .done = c->done, .arg = c->arg,
                                             .deadline_ms = c->deadline_ms, .may_be_sync = c->may_be_sync });
}

void kernel_cancel(kernel *k, hearth_id call)
{
    hearth_req *req = slots_find(&k->requests, call);
    if (req)
        request_cancel(req);
}

void kernel_abandon(kernel *k, hearth_id call)
{
    hearth_req *req = slots_find(&k->requests, call);
    if (req)
        request_abandon(req);
}

hearth_id kernel_route(kernel *k, const struct route *rt, principal *who, const request_http *http, void *arg)
{
    hearth_err  err = { 0 };
    hearth_code code = gate_check(k->gate, who, NULL, 0, rt->permission, rt->path, &err);
    hearth_req *req = code < 0 ? NULL : make(k, rt->path);
    if (!req) {
        http->reply(arg, code < 0 ? code : HEARTH_NO_MEMORY, NULL, &err);
        return 0;
    }
    req->who = principal_ref(who);
    req->params = hearth_object(NULL);
    req->http = http;
    req->http_arg = arg;
    req->server = rt->ctx;
    req->may_be_sync = true;
    req->is_dispatching = true;
    rt->ctx->counters.calls++;
    list_add(&rt->ctx->serving, &req->in_server);
    hearth_id id = req->id;
    hearth_ctx *ctx = rt->ctx;
    uint64_t    began_ms = loop_now_ms(k->l);
    rt->fn(req, rt->self);
    ctx_count_slow(ctx, began_ms, "a route");
    return settle(k, id);
}

hearth_req *request_make(kernel *k, hearth_ctx *server, hearth_str name)
{
    hearth_req *req = make(k, name);
    if (!req)
        return NULL;
    req->who = principal_ref(server->as);
    req->params = hearth_object(NULL);
    req->server = server;
    req->keeps = true;
    list_add(&server->serving, &req->in_server);
    return req;
}
