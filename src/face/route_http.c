/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A plugin's route: the kernel's request_http over an HTTP exchange. */
#include <stdlib.h>

#include "face/face_impl.h"
#include "kit/limits.h"

#define LITERAL(text)                                                                                                  \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

enum { ROUTE_HEADERS_MAX = 32 };

typedef struct routed {
    exchange    x;
    hearth_http view;
    hearth_id   call;
    bool       *has_ended; /* while kernel_route is on the stack: where to tell that the record is freed */
} routed;

static const hearth_http *get_view(void *arg) { return &((routed *)arg)->view; }

static hearth_str get_header(void *arg, hearth_str name)
{
    const http_request *r = ((routed *)arg)->x.r;
    for (size_t i = 0; i < r->header_count; i++)
        if (heads_same(r->headers[i].name, name))
            return r->headers[i].value;
    return (hearth_str){ NULL, 0 };
}

static void start(void *arg, int status, const hearth_header *headers, size_t n)
{
    routed       *v = arg;
    hearth_header all[EXCHANGE_HEADERS + ROUTE_HEADERS_MAX];
    size_t        have = answer_headers(&v->x, all);
    for (size_t i = 0; i < n && i < ROUTE_HEADERS_MAX; i++)
        all[have++] = headers[i];
    http_start(v->x.req, status, all, have);
}

static hearth_code write_bytes(void *arg, hearth_str bytes) { return http_write(((routed *)arg)->x.req, bytes); }

static size_t queued(void *arg) { return http_queued(((routed *)arg)->x.req); }

static void forget(routed *v)
{
    if (v->has_ended)
        *v->has_ended = true;
    http_on_gone(v->x.req, NULL, NULL);
    free(v);
}

static void end(void *arg)
{
    routed   *v = arg;
    http_req *req = v->x.req;
    forget(v);
    http_end(req);
}

static void whole(void *arg, int status, const hearth_header *headers, size_t n, hearth_str body)
{
    routed       *v = arg;
    exchange      x = v->x;
    hearth_header all[EXCHANGE_HEADERS + ROUTE_HEADERS_MAX];
    forget(v);
    size_t have = answer_headers(&x, all);
    for (size_t i = 0; i < n && i < ROUTE_HEADERS_MAX; i++)
        all[have++] = headers[i];
    http_reply(x.req, status, all, have, body);
}

static void reply(void *arg, hearth_code code, const hearth_value *value, const hearth_err *err)
{
    routed  *v = arg;
    exchange x = v->x;
    forget(v);
    if (code < 0) {
        hearth_err why = *err;
        why.code = code;
        answer_error(&x, 0, &why, value);
        return;
    }
    hearth_buf body;
    hearth_buf_init(&body, LIMIT_JSON_WRITE_BYTES);
    hearth_json_put_value(&body, value);
    if (body.failed)
        answer_error(&x, 0, &(hearth_err){ HEARTH_NO_MEMORY, "http", "" }, NULL);
    else
        answer_json(&x, 200, hearth_buf_str(&body));
    hearth_buf_deinit(&body);
}

static const request_http functions = {
    .get = get_view, .header = get_header, .start = start, .write = write_bytes, .end = end, .whole = whole, .queued = queued, .reply = reply
};

static void on_gone(void *arg)
{
    routed *v = arg;
    kernel_cancel(v->x.f->k, v->call);
}

void route_take(const exchange *x, const struct route *rt, hearth_str rest)
{
    static const hearth_err no_memory = { HEARTH_NO_MEMORY, "http", "" };
    routed                 *v = calloc(1, sizeof *v);
    bool                    has_ended = false;
    if (!v) {
        answer_error(x, 0, &no_memory, NULL);
        return;
    }
    v->x = *x;
    v->has_ended = &has_ended;
    v->view = (hearth_http){
        sizeof v->view, x->r->method, x->r->path, x->r->query, rest, x->r->body, { v->x.id, EXCHANGE_ID - 4 }
    };
    hearth_id call = kernel_route(x->f->k, rt, x->who, &functions, v);
    if (has_ended)
        return;
    v->has_ended = NULL;
    v->call = call;
    http_on_gone(v->x.req, on_gone, v);
}
