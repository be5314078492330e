/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http: an HTTP/1.1 and WebSocket server on TCP and unix sockets. It knows requests, replies and messages, not what they
 * mean; src/face does.
 *
 * Caps (kit/limits.h): head 16 KiB, 100 headers, body per server option, 10 s for a full head, 60 s idle, 30 s without a
 * byte of an announced body. Slow readers: writes are queued, http_write answers busy over 1 MiB. Malformed input gets a 4xx
 * with the JSON error of `hearth_code`, then the connection closes. Folded headers, TE+CL, duplicate CL are refused. HEAD,
 * pipelining, keep-alive, Expect: 100-continue, chunked bodies work. One shared read buffer; an idle stream costs < 4 KiB. */
#ifndef HEARTH_IO_HTTP_H
#define HEARTH_IO_HTTP_H

#include <hearth/host.h>

#include "io/loop.h"

typedef struct http_server http_server;
typedef struct http_req    http_req; /* lives until it was ended; one answer at a time per connection */
typedef struct http_ws     http_ws;

typedef struct http_request {
    hearth_str           method, target; /* target as sent */
    hearth_str           path;           /* percent-decoded, no NUL, normalised: "." and ".." parts are refused (400) */
    hearth_str           query;          /* after '?', not decoded */
    const hearth_header *headers;        /* names in lower case */
    size_t               header_count;
    hearth_str           body;
    bool                 is_unix;        /* came by the unix socket */
    bool                 wants_ws;       /* a valid WebSocket upgrade */
    uint32_t             peer_uid;       /* of the unix socket's other end, else UINT32_MAX */
    char                 peer[64];       /* "127.0.0.1:4711" or "unix" */
} http_request;

typedef struct http_handlers {
    /* A whole request. It must be ended with http_reply, http_end or http_accept_ws, now or later. */
    void (*on_request)(void *arg, http_req *req, const http_request *r);
    /* After the head, before the body: 0 to go on, else the status to refuse with. NULL: no check. */
    int (*on_head)(void *arg, const http_request *r, hearth_err *err);
} http_handlers;

typedef struct http_options {
    size_t max_body;        /* 0: 32 MiB */
    size_t max_connections; /* 0: 20,000 */
} http_options;

http_server *http_server_new(loop *l, const http_handlers *handlers, const http_options *options, void *arg);
/* Binds; port 0 picks one. *port receives it. Errors: conflict (in use), denied, invalid_argument. */
hearth_code http_listen(http_server *s, const char *host, uint16_t *port, hearth_err *err);
hearth_code http_listen_unix(http_server *s, const char *path, hearth_err *err); /* mode 0600, an old socket is replaced */
/* Line-delimited JSON on another unix socket is src/face's business: */
size_t http_connections(const http_server *s);
/* Stops accepting, closes idle connections, lets requests under way finish for grace_ms, then closes all; then idle(arg). */
void http_server_free(http_server *s, uint32_t grace_ms, loop_fn idle, void *arg);

const http_request *http_request_of(const http_req *req);
hearth_str          http_header_get(const http_request *r, const char *lower_name);
void               *http_user(const http_req *req); /* a pointer of the handler's */
void                http_set_user(http_req *req, void *user);
/* Runs when the other side goes away before the end of the answer. The req is still to be ended. */
void http_on_gone(http_req *req, loop_fn fn, void *arg);
bool http_is_gone(const http_req *req);

/* A whole answer in one write; ends the req. content-length and date are added. Body copied. */
void http_reply(http_req *req, int status, const hearth_header *headers, size_t n, hearth_str body);
/* The same without copying a body that is static. */
void http_reply_static(http_req *req, int status, const hearth_header *headers, size_t n, hearth_str body);
/* A streamed answer: chunked for HTTP/1.1, until close for 1.0. */
void        http_start(http_req *req, int status, const hearth_header *headers, size_t n);
hearth_code http_write(http_req *req, hearth_str bytes); /* busy over 1 MiB queued (not taken), cancelled when gone */
void        http_end(http_req *req);
size_t      http_queued(const http_req *req);
void        http_on_drain(http_req *req, loop_fn fn, void *arg); /* once, when the queue is empty again */

typedef struct http_ws_handlers {
    void (*on_message)(void *arg, http_ws *ws, hearth_str text); /* whole text messages; binary closes with 1003, invalid UTF-8 with 1007 */
    void (*on_close)(void *arg, http_ws *ws);                    /* once; ws is dead afterwards */
} http_ws_handlers;

/* Upgrades; ends the req. max_message: over it closes with 1009. Pings every 30 s of silence, gone after two. */
http_ws    *http_accept_ws(http_req *req, const http_ws_handlers *handlers, size_t max_message, void *arg);
hearth_code http_ws_send(http_ws *ws, hearth_str text); /* busy over 4 MiB queued */
void        http_ws_close(http_ws *ws, uint16_t status, const char *why);
size_t      http_ws_queued(const http_ws *ws);
void        http_ws_set_user(http_ws *ws, void *user);
void       *http_ws_user(const http_ws *ws);

#endif
