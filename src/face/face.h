/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* face: everything by which the outside reaches the kernel: one HTTP listener and one unix socket.
 *
 * It owns the listener, who a caller is (session), what a browser may send (guard), the routes of its own (router), JSON-RPC
 * on its three carriers (rpc*), the page (static_page) and the live descriptions (openrpc). It knows no feature: a path that
 * is not its own is a route of a plugin or a document of the page.
 *
 *     face *f = face_new(k, &(face_options){ .host = "127.0.0.1", .port = 1337 }, &err);
 *     kernel_start(k, ready, f);
 *     ...                       // once ready:
 *     face_listen(f, &err);     // from here on requests come; face_url(f) names the port that was picked
 *     ...
 *     face_stop(f, stopped, arg);   // requests under way may finish for two seconds
 *
 * Threads: everything is called and calls back on the loop. Failure: what a peer does wrong ends in a typed answer to that
 * peer; only face_new and face_listen can fail, at start, with a sentence for the person who started the daemon. */
#ifndef HEARTH_FACE_FACE_H
#define HEARTH_FACE_FACE_H

#include "kernel/kernel.h"

typedef struct face face;
struct asset;

typedef struct face_options {
    const char         *host;         /* NULL: no HTTP at all */
    uint16_t            port;         /* 0 picks one */
    const char         *socket_path;  /* of the unix socket for JSON lines; NULL: none */
    const char *const  *hosts;        /* further names in Host: that are ours; ends with NULL; may be NULL */
    const char *const  *origins;      /* pages of others that may use us; ends with NULL; may be NULL */
    bool                allow_remote; /* listen beyond loopback; then everybody needs a credential */
    bool                log_requests;
    const struct asset *assets; /* the page; ends with a path of NULL. What it points to outlives the face */
} face_options;

/* Reads or makes the install token. `o` and its strings are borrowed until face_stop. Owner: the caller, face_stop.
 * Errors: denied (a listener beyond loopback without allow_remote), damaged, read_only, io. */
face *face_new(kernel *k, const face_options *o, hearth_err *err);

/* Binds both. Errors: conflict (the port is in use), denied, invalid_argument. */
hearth_code face_listen(face *f, hearth_err *err);

/* "http://127.0.0.1:1337"; empty while there is no HTTP listener. */
const char *face_url(const face *f);

/* An address that signs one browser in, within ten minutes. Errors: unavailable (no HTTP listener). */
hearth_code face_make_link(face *f, hearth_buf *out, hearth_err *err);

/* Stops accepting, closes WebSockets and unix connections, lets requests finish for 2 s; then frees `f` and calls done(arg).
 * The kernel must still be there. */
void face_stop(face *f, loop_fn done, void *arg);

#endif
