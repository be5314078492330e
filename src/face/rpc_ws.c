/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* JSON-RPC over a WebSocket: one message per text frame. */
#include <stdlib.h>

#include "face/face_impl.h"
#include "kernel/list.h"
#include "kit/limits.h"

enum { WS_GOING_AWAY = 1001, WS_TRY_LATER = 1013 };

typedef struct ws_link {
    list         node; /* face.sockets */
    http_ws     *ws;
    rpc_session *s;
} ws_link;

static void send_text(void *arg, rpc_kind kind, hearth_code code, hearth_str text)
{
    (void)kind;
    (void)code;
    ws_link *v = arg;
    if (http_ws_send(v->ws, text) < 0)
        http_ws_close(v->ws, WS_TRY_LATER, "the connection reads too slowly");
}

static size_t queued(void *arg) { return http_ws_queued(((ws_link *)arg)->ws); }

static void drop(void *arg, const char *why) { http_ws_close(((ws_link *)arg)->ws, WS_TRY_LATER, why); }

static const rpc_sink sink = { send_text, queued, drop, true, true };

static void on_message(void *arg, http_ws *ws, hearth_str text)
{
    (void)ws;
    rpc_receive(((ws_link *)arg)->s, text);
}

static void on_close(void *arg, http_ws *ws)
{
    (void)ws;
    ws_link *v = arg;
    list_remove(&v->node);
    rpc_gone(v->s);
    free(v);
}

static const http_ws_handlers handlers = { on_message, on_close };

void rpc_ws_take(const exchange *x)
{
    static const hearth_err no_memory = { HEARTH_NO_MEMORY, "rpc", "" };
    static const hearth_err stopping = { HEARTH_UNAVAILABLE, "rpc", "Hearth is stopping" };
    ws_link                *v = x->f->is_stopping ? NULL : calloc(1, sizeof *v);
    if (v)
        v->s = rpc_open(x->f->rpc, x->who, &sink, v);
    if (!v || !v->s) {
        free(v);
        answer_error(x, 0, x->f->is_stopping ? &stopping : &no_memory, NULL);
        return;
    }
    list_add(&x->f->sockets, &v->node);
    v->ws = http_accept_ws(x->req, &handlers, LIMIT_WS_MESSAGE_BYTES, v);
    if (v->ws)
        return;
    list_remove(&v->node);
    rpc_gone(v->s);
    free(v);
}

void rpc_ws_close_all(face *f)
{
    LIST_EACH_SAFE (&f->sockets, node, next)
        http_ws_close(LIST_ENTRY(node, ws_link, node)->ws, WS_GOING_AWAY, "Hearth is stopping");
}
