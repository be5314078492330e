/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* rpc: JSON-RPC 2.0 between one peer and the kernel, whatever carries it.
 *
 * A carrier (rpc_ws, rpc_line, rpc_http) opens a session per connection, hands it each message it received and sends what
 * it is given. The session knows the calls that are under way: their events go out as `rpc.event` before their answer,
 * `rpc.cancel` ends one, and when the peer is gone all are abandoned (what that means is the method's business).
 *
 * Slow readers: what does not fit into RPC_SLOW_BYTES of waiting bytes stays here: the events of each call gather in a
 * buffer of its own, texts joined into one, and follow when the carrier has drained. A call whose buffer reaches RPC_CALL_BYTES is let go with the
 * error `busy` (a job goes on and can be attached to); a session that holds RPC_SESSION_BYTES is closed. So memory is
 * bounded and nobody else waits.
 *
 * The other way round, rpc.serve makes methods of the peer callable (rpc_serve.c). Thread: loop. */
#ifndef HEARTH_FACE_RPC_H
#define HEARTH_FACE_RPC_H

#include "kernel/kernel.h"

#define RPC_SLOW_BYTES    ((size_t)1 << 20)
#define RPC_CALL_BYTES    ((size_t)8 << 20)
#define RPC_SESSION_BYTES ((size_t)64 << 20)
#define RPC_LARGE_BYTES   ((size_t)64 << 10) /* messages over this are parsed on a worker */

typedef struct rpc         rpc;
typedef struct rpc_session rpc_session;

typedef enum rpc_kind { RPC_EVENT = 1, RPC_RESULT, RPC_ERROR, RPC_REQUEST } rpc_kind;

typedef struct rpc_sink {
    /* One message. `code` is that of an RPC_ERROR. A failure ends the session: the carrier must report its end. */
    void (*send)(void *arg, rpc_kind kind, hearth_code code, hearth_str text);
    size_t (*queued)(void *arg);
    /* Close the connection: the peer reads too slowly or sends too much. */
    void (*drop)(void *arg, const char *why);
    bool has_events; /* false: a plain answer is all that can be sent */
    bool has_calls;  /* requests can be sent to the peer */
} rpc_sink;

/* Owner: the caller. */
rpc *rpc_new(kernel *k, hearth_ctx *face);
/* After every session has ended; idle(arg) when the last worker has finished. */
void rpc_free(rpc *r, loop_fn idle, void *arg);

/* Runs after a front end began or ceased to serve methods. */
void rpc_on_change(rpc *r, loop_fn fn, void *arg);

/* Owner: the carrier, rpc_gone. `who` gets a reference. NULL without memory. */
rpc_session *rpc_open(rpc *r, principal *who, const rpc_sink *sink, void *arg);
/* One message as it came. */
void rpc_receive(rpc_session *s, hearth_str text);
/* The same, parsed; takes `message`. True when an answer has come or will come. */
bool rpc_take(rpc_session *s, hearth_value *message);
/* An answer that belongs to no call: the text was no JSON, a batch was empty. */
void rpc_refuse(rpc_session *s, hearth_code code, const char *why);
/* The connection has ended: no callback into the sink after this. `s` is dead. */
void rpc_gone(rpc_session *s);

/* Parses off the loop when the text is large, then done(arg, value, err); `value` is the receiver's. Returns false, and calls
 * nothing, when memory runs out. `text` is copied if it must outlive the call. */
typedef void (*rpc_parsed_fn)(void *arg, hearth_value *value, const hearth_err *err);
bool rpc_parse(rpc *r, hearth_str text, rpc_parsed_fn done, void *arg);

size_t rpc_session_count(const rpc *r);

#endif
