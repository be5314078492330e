/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* JSON-RPC over POST /rpc: one request, or a batch of up to 64. The answer is JSON, with the HTTP status of the error when a
 * single request failed. With `Accept: text/event-stream` every message is an SSE event instead: `event` (an rpc.event),
 * `result` or `error`, each with the JSON-RPC message as its data, and the stream ends after the last answer. */
#include <stdlib.h>

#include "face/face_impl.h"
#include "kit/limits.h"

#define LITERAL(text)                                                                                                  \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

typedef struct post {
    exchange     x;
    rpc_session *s;
    hearth_buf   out;
    size_t       waiting; /* answers that are still to come */
    int          status;
    bool         is_batch, is_stream;
    bool         is_parsing, is_gone; /* gone while a worker parses: on_parsed cleans up */
    bool         is_taking;           /* the requests are being handed over: not finished before that is done */
} post;

static void free_post(post *p)
{
    http_on_gone(p->x.req, NULL, NULL);
    hearth_buf_deinit(&p->out);
    free(p);
}

static void finish(post *p)
{
    exchange x = p->x;
    rpc_gone(p->s);
    http_on_gone(x.req, NULL, NULL);
    if (p->is_stream) {
        http_end(x.req);
    } else if (p->out.failed) {
        answer_error(&x, 0, &(hearth_err){ HEARTH_TOO_LARGE, "rpc", "the answers of the batch are too large together" },
                     NULL);
    } else if (p->out.n == 0) {
        hearth_header headers[EXCHANGE_HEADERS];
        http_reply(x.req, 204, headers, answer_headers(&x, headers), (hearth_str){ NULL, 0 });
    } else {
        if (p->is_batch)
            hearth_buf_putc(&p->out, ']');
        answer_json(&x, p->is_batch ? 200 : p->status, hearth_buf_str(&p->out));
    }
    hearth_buf_deinit(&p->out);
    free(p);
}

static void send_event(post *p, rpc_kind kind, hearth_str text)
{
    hearth_buf_reset(&p->out);
    hearth_buf_puts(&p->out, kind == RPC_EVENT    ? "event: event\ndata: "
                             : kind == RPC_RESULT ? "event: result\ndata: "
                                                  : "event: error\ndata: ");
    hearth_buf_put(&p->out, text); /* JSON text holds no newline */
    hearth_buf_puts(&p->out, "\n\n");
    if (p->out.failed || http_write(p->x.req, hearth_buf_str(&p->out)) < 0)
        p->out.failed = true; /* gone, or it would not take what is_slow had allowed: on_gone or the end follows */
}

static void send_message(void *arg, rpc_kind kind, hearth_code code, hearth_str text)
{
    post *p = arg;
    if (p->is_stream) {
        send_event(p, kind, text);
    } else {
        hearth_buf_puts(&p->out, !p->is_batch ? "" : p->out.n ? ",\n" : "[");
        hearth_buf_put(&p->out, text);
        p->status = code < 0 ? hearth_code_http(code) : 200;
    }
    if (kind == RPC_EVENT)
        return;
    p->waiting -= p->waiting > 0;
    if (p->waiting == 0 && !p->is_taking)
        finish(p);
}

static size_t queued(void *arg)
{
    post *p = arg;
    return p->is_stream ? http_queued(p->x.req) : 0;
}

static void drop(void *arg, const char *why)
{
    (void)why;
    post *p = arg;
    p->out.failed = true;
    p->waiting = 0;
    if (!p->is_taking)
        finish(p);
}

static void leave(post *p)
{
    http_req *req = p->x.req;
    free_post(p);
    http_end(req);
}

static void on_gone(void *arg)
{
    post *p = arg;
    rpc_gone(p->s);
    if (p->is_parsing)
        p->is_gone = true;
    else
        leave(p);
}

/* Hands the message or the batch over; everything that can be answered at once is. */
static void take_all(post *p, hearth_value *message)
{
    p->is_taking = true;
    if (!p->is_batch) {
        p->waiting = 1;
        if (!rpc_take(p->s, message))
            p->waiting = 0;
    } else {
        size_t n = hearth_count(message);
        p->waiting = n;
        for (size_t i = 0; i < n; i++)
            if (!rpc_take(p->s, hearth_value_ref(hearth_at(message, i))))
                p->waiting--;
        hearth_value_unref(message);
    }
    p->is_taking = false;
    if (p->waiting == 0)
        finish(p);
}

static void start_stream(post *p)
{
    hearth_header headers[EXCHANGE_HEADERS + 2];
    size_t        n = answer_headers(&p->x, headers);
    headers[n++] = (hearth_header){ LITERAL("content-type"), LITERAL("text/event-stream") };
    headers[n++] = (hearth_header){ LITERAL("cache-control"), LITERAL("no-store") };
    http_start(p->x.req, 200, headers, n);
}

static void on_parsed(void *arg, hearth_value *message, const hearth_err *err)
{
    post  *p = arg;
    size_t n = hearth_count(message);
    p->is_parsing = false;
    if (p->is_gone) {
        hearth_value_unref(message);
        leave(p);
        return;
    }
    p->is_batch = hearth_kind_of(message) == HEARTH_ARRAY;
    if (p->is_stream)
        start_stream(p);
    if (message && !(p->is_batch && (n == 0 || n > LIMIT_RPC_BATCH))) {
        take_all(p, message);
        return;
    }
    p->waiting = 1;
    p->is_batch = false;
    if (!message)
        rpc_refuse(p->s, err->code, err->msg);
    else if (n == 0)
        rpc_refuse(p->s, HEARTH_INVALID_REQUEST, "the batch is empty");
    else
        rpc_refuse(p->s, HEARTH_TOO_LARGE, "a batch holds at most 64 requests; send several");
    hearth_value_unref(message);
}

void rpc_http_take(const exchange *x)
{
    static const hearth_err no_memory = { HEARTH_NO_MEMORY, "rpc", "" };
    bool                    is_stream = heads_lists(x->h.accept, "text/event-stream");
    const rpc_sink          sink = { send_message, queued, drop, is_stream, false };
    post                   *p = calloc(1, sizeof *p);
    if (p)
        p->s = rpc_open(x->f->rpc, x->who, &sink, p);
    if (!p || !p->s) {
        free(p);
        answer_error(x, 0, &no_memory, NULL);
        return;
    }
    p->x = *x;
    p->is_stream = is_stream;
    hearth_buf_init(&p->out, LIMIT_JSON_WRITE_BYTES);
    p->is_parsing = true;
    http_on_gone(x->req, on_gone, p);
    if (!rpc_parse(x->f->rpc, x->r->body, on_parsed, p)) {
        rpc_gone(p->s);
        free_post(p);
        answer_error(x, 0, &no_memory, NULL);
    }
}
