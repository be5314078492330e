/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* rpc_impl: what rpc.c and rpc_serve.c share. Private to the two. */
#ifndef HEARTH_FACE_RPC_IMPL_H
#define HEARTH_FACE_RPC_IMPL_H

#include "face/rpc.h"
#include "kernel/list.h"
#include "kernel/slots.h"

struct rpc {
    kernel     *k;
    hearth_ctx *face;
    hearth_buf  out; /* the message being written; sending copies it */
    slots       sessions;
    loop_queue *queue;
    list        parsing; /* parsing.node: on a worker */
    uint64_t    next_offer;
    loop_fn     on_change;
    void       *on_change_arg;
    loop_fn     idle;
    void       *idle_arg;
};

struct rpc_session {
    rpc        *r;
    hearth_id   id;
    principal  *who;
    rpc_sink    sink;
    void       *arg;
    list        calls; /* rpc_call.node: calls of the peer */
    size_t      call_count;
    size_t      held;    /* bytes in the buffers of calls */
    size_t      parsing; /* messages on a worker; later ones wait behind them */
    size_t      parsing_bytes;
    loop_timer *drain; /* runs only while something is held */
    bool        is_gone;
    list        offered; /* rpc_serve.c: groups of methods of the peer */
    list        served;  /* rpc_serve.c: calls to the peer */
    uint64_t    next_served;
};

/* Writes into r->out: begin, append, send. */
hearth_buf *rpc_begin(rpc_session *s);
void        rpc_send(rpc_session *s, rpc_kind kind, hearth_code code);

/* -- rpc_serve.c -- */
/* Offers the peer's methods. Errors: unsupported, denied, invalid_argument, conflict. */
hearth_code rpc_serve_offer(rpc_session *s, const hearth_value *params, hearth_err *err);
/* The peer answered a call, or tells of one; false when it knows none of that id. */
bool rpc_serve_answer(rpc_session *s, const hearth_value *message);
bool rpc_serve_event(rpc_session *s, const hearth_value *params);
void rpc_serve_end(rpc_session *s);

#endif
