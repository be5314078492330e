/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A call that leaves is a hearth_req of ours whose `remote` is this channel; its number on the wire is its id, so a late
 * answer to a call that is gone finds nothing. A call that arrives becomes a hearth_req whose sink is this channel: its events
 * are packed, its answer is sent under the number it came with.
 *
 * Only channel_send and channel_push may be used by other threads: they touch nothing but the frame stream. */
#include "kernel/channel.h"

#include <stdlib.h>

#include "io/frame.h"
#include "kernel/ctx.h"
#include "kernel/wire.h"

typedef struct incoming {
    list      node;
    channel  *l;
    uint64_t  number;  /* of the other end */
    hearth_id request; /* ours; 0 until it is known */
} incoming;

struct channel {
    kernel       *k;
    hearth_ctx   *plugin;
    frame_stream *fs;
    channel_handlers handlers;
    void         *arg;
    list          incoming;
    size_t        outgoing;
    uint64_t      heard_ms;
    bool          is_ended;
};

static void on_frame(void *arg, const frame *f);
static void on_end(void *arg, hearth_code code, const char *why);

channel *channel_new(kernel *k, hearth_ctx *plugin, int fd, const channel_handlers *handlers, void *arg, hearth_err *err)
{
    static const frame_handlers frames = { on_frame, on_end };
    channel                    *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->k = k;
    l->plugin = plugin;
    l->handlers = *handlers;
    l->arg = arg;
    l->heard_ms = loop_now_ms(k->l);
    list_init(&l->incoming);
    l->fs = frame_open(k->l, fd, &frames, l, err);
    if (!l->fs) {
        free(l);
        return NULL;
    }
    return l;
}

static void fail_outgoing(void *arg, hearth_id id, void *p)
{
    (void)id;
    hearth_req *req = p;
    if (req->remote == arg) {
        req->remote = NULL;
        request_drop(req, HEARTH_CRASHED, "the process that was working on this ended unexpectedly; try again");
    }
}

/* Every call that waits for this channel fails, every call that came by it is cancelled. */
static void end_calls(channel *l)
{
    l->outgoing = 0;
    slots_each(&l->k->requests, fail_outgoing, l);
    while (!list_is_empty(&l->incoming)) { /* one end may bring others with it */
        incoming *in = LIST_ENTRY(l->incoming.next, incoming, node);
        list_remove(&in->node);
        kernel_abandon(l->k, in->request);
        free(in);
    }
}

void channel_free(channel *l)
{
    if (!l)
        return;
    l->is_ended = true;
    end_calls(l);
    frame_close(l->fs);
    free(l);
}

static void on_end(void *arg, hearth_code code, const char *why)
{
    channel *l = arg;
    l->is_ended = true;
    end_calls(l);
    l->handlers.on_end(l->arg, code, why);
}

hearth_code channel_send(channel *l, channel_frame kind, uint16_t flags, hearth_str bytes)
{
    return frame_send(l->fs, (uint16_t)kind, flags, 0, bytes);
}

static hearth_code send_value(channel *l, channel_frame kind, uint64_t id, const hearth_value *v)
{
    size_t n = 0;
    char  *text = hearth_write(v, &n);
    if (!text)
        return HEARTH_NO_MEMORY;
    hearth_code code = frame_send(l->fs, (uint16_t)kind, 0, id, (hearth_str){ text, n });
    hearth_write_free(text);
    return code;
}

hearth_code channel_send_json(channel *l, channel_frame kind, const hearth_value *v)
{
    return send_value(l, kind, 0, v);
}

/* -- outgoing calls ---------------------------------------------------------------------------------------------- */

hearth_code channel_call(channel *l, hearth_req *req, hearth_err *err)
{
    if (l->is_ended)
        return hearth_err_set(err, HEARTH_CRASHED, "channel", "the process that serves %s has ended", req->method);
    hearth_value *v = hearth_object(NULL);
    hearth_put_str(v, "method", (hearth_str){ req->method, req->method_n });
    hearth_put_ref(v, "params", req->params);
    const hearth_req *origin = req->parent; /* a child asks on behalf of a call it serves, maybe through others of its own */
    while (origin && origin->wire != l)
        origin = origin->parent;
    if (origin)
        hearth_put_u64(v, "for", origin->wire_id);
    hearth_code code = send_value(l, CHANNEL_CALL, req->id, v);
    hearth_value_unref(v);
    if (code < 0) {
        req->remote = NULL;
        return hearth_err_set(err, code, "channel", "%s could not be passed on: %s", req->method, hearth_code_text(code));
    }
    if (l->outgoing++)
        return HEARTH_OK;
    l->heard_ms = loop_now_ms(l->k->l); /* silence while nothing was asked is no silence */
    if (l->handlers.on_busy)
        l->handlers.on_busy(l->arg);
    return HEARTH_OK;
}

void channel_cancel(channel *l, hearth_req *req)
{
    if (!l->is_ended)
        frame_send(l->fs, CHANNEL_CANCEL, 0, req->id, (hearth_str){ NULL, 0 });
}

static hearth_req *outgoing(channel *l, uint64_t id)
{
    hearth_req *req = slots_find(&l->k->requests, id);
    return req && req->remote == l ? req : NULL;
}

static void on_events(channel *l, hearth_str payload)
{
    hearth_event event;
    uint64_t     call;
    size_t       at = 0;
    while (wire_next(payload, &at, &call, &event, NULL) == 1) {
        hearth_req *req = outgoing(l, call);
        if (req)
            request_push(req, &event);
        hearth_value_unref((hearth_value *)(uintptr_t)event.data);
    }
}

static void on_reply(channel *l, const frame *f)
{
    hearth_req *req = outgoing(l, f->id);
    if (!req)
        return;
    l->outgoing--;
    req->remote = NULL;
    hearth_err    err = { 0 };
    hearth_value *v = hearth_parse(NULL, f->payload, &err);
    if (v)
        request_reply(req, v);
    else
        request_drop(req, HEARTH_CRASHED, "the process that served this sent a damaged answer");
}

static void on_fail(channel *l, const frame *f)
{
    hearth_req *req = outgoing(l, f->id);
    if (!req)
        return;
    l->outgoing--;
    req->remote = NULL;
    hearth_value       *v = hearth_parse(NULL, f->payload, NULL);
    const hearth_value *details = hearth_get(v, "details");
    hearth_code         code = (hearth_code)hearth_get_i64(v, "code", HEARTH_INTERNAL);
    request_fail(req, code, hearth_get_str(v, "msg"), details ? hearth_value_ref(details) : NULL);
    hearth_value_unref(v);
}

/* -- incoming calls ----------------------------------------------------------------------------------------------- */

static void on_event(void *arg, const hearth_event *event)
{
    incoming  *in = arg;
    hearth_buf out;
    hearth_buf_init(&out, FRAME_MAX);
    if (wire_put(&out, in->number, event) >= 0)
        channel_send(in->l, CHANNEL_EVENTS, 0, hearth_buf_str(&out));
    hearth_buf_deinit(&out);
}

static void on_done(void *arg, const hearth_reply_view *r)
{
    incoming *in = arg;
    if (r->code >= 0) {
        hearth_code code = send_value(in->l, CHANNEL_REPLY, in->number, r->value);
        if (code >= 0)
            goto out;
    }
    hearth_value *v = hearth_object(NULL);
    hearth_put_i64(v, "code", r->code < 0 ? r->code : HEARTH_TOO_LARGE);
    hearth_put_cstr(v, "msg", r->code < 0 ? r->err->msg : "the answer is larger than a frame may be");
    if (r->code < 0 && r->value)
        hearth_put_ref(v, "details", r->value);
    send_value(in->l, CHANNEL_FAIL, in->number, v);
    hearth_value_unref(v);
out:
    list_remove(&in->node);
    free(in);
}

static void on_call(channel *l, const frame *f)
{
    hearth_err    err = { 0 };
    hearth_value *v = hearth_parse(NULL, f->payload, &err);
    incoming     *in = calloc(1, sizeof *in);
    if (!v || !in) {
        hearth_value_unref(v);
        free(in);
        frame_send(l->fs, CHANNEL_FAIL, 0, f->id, HEARTH_STR("{\"code\":-20,\"msg\":\"the call could not be read\"}"));
        return;
    }
    in->l = l;
    in->number = f->id;
    list_add(&l->incoming, &in->node);
    const hearth_value *params = hearth_get(v, "params");
    /* On behalf of a call that this end made: it needs the rights of both. */
    uint64_t      number = f->id, behalf = hearth_get_u64(v, "for", 0);
    hearth_req   *origin = outgoing(l, behalf);
    principal    *via[REQUEST_MAX_VIA + 1];
    size_t        n = 0;
    request_args  a = { .who = l->plugin->as, .method = hearth_get_str(v, "method"), .params = params ? hearth_value_ref(params) : NULL,
                        .on_event = on_event, .done = on_done, .arg = in, .wire = l, .wire_id = f->id, .parent = origin };
    if (origin) {
        a.who = origin->who;
        for (; n < origin->via_count; n++)
            via[n] = origin->via[n];
        via[n++] = l->plugin->as;
        a.via = via;
        a.via_count = n;
    } else if (behalf) { /* must not become a call with the plugin's rights alone */
        hearth_reply_view view = { HEARTH_CANCELLED, NULL, &(hearth_err){ HEARTH_CANCELLED, "channel", "the call that this was asked for has ended" } };
        on_done(in, &view);
        hearth_value_unref(v);
        hearth_value_unref(a.params);
        return;
    }
    hearth_id id = request_start(l->k, &a);
    LIST_EACH(&l->incoming, node)
        if (LIST_ENTRY(node, incoming, node)->number == number)
            LIST_ENTRY(node, incoming, node)->request = id;
    hearth_value_unref(v);
}

static void on_cancel(channel *l, uint64_t number)
{
    LIST_EACH(&l->incoming, node) {
        incoming *in = LIST_ENTRY(node, incoming, node);
        if (in->number == number) {
            kernel_cancel(l->k, in->request);
            return;
        }
    }
}

void channel_push(channel *l, const hearth_push_item *items, size_t n)
{
    hearth_buf out;
    hearth_buf_init(&out, FRAME_MAX);
    for (size_t i = 0; i < n; i++)
        wire_put(&out, items[i].req->wire_id, &items[i].event);
    if (out.n)
        channel_send(l, CHANNEL_EVENTS, 0, hearth_buf_str(&out));
    hearth_buf_deinit(&out);
}

/* -- both ways ------------------------------------------------------------------------------------------------------ */

static void on_ready(channel *l, hearth_str payload)
{
    hearth_err    err = { 0 };
    hearth_value *v = hearth_parse(NULL, payload, &err);
    hearth_code   code = v ? (hearth_code)hearth_get_i64(v, "code", 0) : HEARTH_DAMAGED;
    if (v && code < 0) {
        err.code = code;
        hearth_str_copy(err.where, sizeof err.where, hearth_get_str(v, "where"));
        hearth_str_copy(err.msg, sizeof err.msg, hearth_get_str(v, "msg"));
    }
    hearth_value_unref(v);
    if (l->handlers.on_ready)
        l->handlers.on_ready(l->arg, code, &err);
}

static void on_hello(channel *l, hearth_str payload)
{
    hearth_value *v = hearth_parse(NULL, payload, NULL);
    if (v && l->handlers.on_hello)
        l->handlers.on_hello(l->arg, v);
    hearth_value_unref(v);
}

static void on_emit(channel *l, hearth_str payload)
{
    hearth_value       *v = hearth_parse(NULL, payload, NULL);
    const hearth_value *value = hearth_get(v, "value");
    if (value && l->handlers.on_emit)
        l->handlers.on_emit(l->arg, hearth_get_str(v, "topic"), hearth_value_ref(value));
    hearth_value_unref(v);
}

static void on_frame(void *arg, const frame *f)
{
    channel *l = arg;
    l->heard_ms = loop_now_ms(l->k->l);
    switch ((channel_frame)f->kind) {
    case CHANNEL_CALL: on_call(l, f); break;
    case CHANNEL_EVENTS: on_events(l, f->payload); break;
    case CHANNEL_REPLY: on_reply(l, f); break;
    case CHANNEL_FAIL: on_fail(l, f); break;
    case CHANNEL_CANCEL: on_cancel(l, f->id); break;
    case CHANNEL_PING: frame_send(l->fs, CHANNEL_PONG, 0, f->id, (hearth_str){ NULL, 0 }); break;
    case CHANNEL_PONG: break;
    case CHANNEL_LOG:
        if (l->handlers.on_log) /* an unknown level reads as a warning */
            l->handlers.on_log(l->arg, f->flags >= HEARTH_LOG_DEBUG && f->flags <= HEARTH_LOG_ERROR ? (hearth_level)f->flags : HEARTH_LOG_WARN,
                               f->payload);
        break;
    case CHANNEL_HELLO: on_hello(l, f->payload); break;
    case CHANNEL_READY: on_ready(l, f->payload); break;
    case CHANNEL_EMIT: on_emit(l, f->payload); break;
    case CHANNEL_DISPOSE:
        if (l->handlers.on_dispose)
            l->handlers.on_dispose(l->arg);
        break;
    }
}

uint64_t channel_silence_ms(const channel *l)
{
    uint64_t now = loop_now_ms(l->k->l);
    return now > l->heard_ms ? now - l->heard_ms : 0;
}

void channel_ping(channel *l)
{
    if (!l->is_ended)
        frame_send(l->fs, CHANNEL_PING, 0, 0, (hearth_str){ NULL, 0 });
}

size_t channel_calls(const channel *l)
{
    return l->outgoing;
}
