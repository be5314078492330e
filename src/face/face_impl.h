/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* face_impl: the face as its own files see it. Private to src/face. */
#ifndef HEARTH_FACE_FACE_IMPL_H
#define HEARTH_FACE_FACE_IMPL_H

#include "face/face.h"
#include "face/guard.h"
#include "face/heads.h"
#include "face/rpc.h"
#include "face/session.h"
#include "io/http.h"
#include "io/line.h"
#include "kernel/list.h"

struct openrpc;

struct face {
    kernel         *k;
    face_options    o;
    guard           guard;
    hearth_ctx     *ctx;
    sessions       *sessions;
    rpc            *rpc;
    struct openrpc *openrpc;
    http_server    *http;
    line_server    *lines;
    char            url[280];
    list            sockets; /* rpc_ws.c: to be closed at stop */
    uint32_t        boot;    /* half of every request's id */
    uint32_t        next_request;
    bool            is_stopping;
    unsigned        waiting; /* parts that have not ended yet */
    loop_fn         stopped;
    void           *stopped_arg;
};

#define EXCHANGE_ID      20u
#define EXCHANGE_HEADERS 6u

/* One HTTP request on its way through the face. Lives on the stack of the router; who answers later keeps a copy of what it
 * needs. */
typedef struct exchange {
    face               *f;
    http_req           *req;
    const http_request *r;
    heads               h;
    guard_pass          pass;
    principal          *who;             /* borrowed */
    char                id[EXCHANGE_ID]; /* also sent as x-request-id */
} exchange;

/* -- answer.c -- */
/* The headers that every answer carries (x-request-id, nosniff, CORS for an allowed origin); returns how many. Views into
 * `x`, except for static text. */
size_t answer_headers(const exchange *x, hearth_header out[EXCHANGE_HEADERS]);
void   answer_json(const exchange *x, int status, hearth_str body);
/* `body` is static. */
void answer_json_static(const exchange *x, int status, hearth_str body);
/* {"error":{"message","type","code","param"}}; status 0: that of the code. */
void answer_error(const exchange *x, int status, const hearth_err *err, const hearth_value *details);
void answer_error_text(hearth_buf *out, const hearth_err *err, const hearth_value *details);

/* -- router.c -- */
void router_take(void *arg, http_req *req, const http_request *r);

/* -- route_http.c -- */
void route_take(const exchange *x, const struct route *rt, hearth_str rest);

/* -- static_page.c -- */
/* False when the path is no document of the page. */
bool static_page_take(const exchange *x);

/* -- rpc_http.c, rpc_ws.c, rpc_line.c -- */
void        rpc_http_take(const exchange *x);
void        rpc_ws_take(const exchange *x);
void        rpc_ws_close_all(face *f);
hearth_code rpc_line_listen(face *f, hearth_err *err);

/* -- openrpc.c -- */
struct openrpc *openrpc_new(kernel *k);
void            openrpc_free(struct openrpc *o);
void            openrpc_changed(void *o); /* something was registered or is gone: written anew at the next question */
hearth_code     openrpc_text(struct openrpc *o, const char *url, hearth_str *out);
hearth_code     openapi_text(struct openrpc *o, const char *url, hearth_str *out);

#endif
