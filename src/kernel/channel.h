/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* channel: calls, events and answers between the daemon and a child, over frames. Both ends are the same code. */
#ifndef HEARTH_KERNEL_CHANNEL_H
#define HEARTH_KERNEL_CHANNEL_H

#include <hearth/host.h>

typedef struct kernel kernel;
typedef struct channel channel;

typedef enum channel_frame {
    CHANNEL_HELLO = 1, /* daemon → child: JSON, first of all */
    CHANNEL_READY,     /* child → daemon: JSON {ok} or {error} */
    CHANNEL_CALL,      /* {method, params} under the caller's number */
    CHANNEL_EVENTS,    /* packed events of any number of calls (wire.h) */
    CHANNEL_REPLY,     /* the answer's JSON */
    CHANNEL_FAIL,      /* {code, where, msg, details} */
    CHANNEL_CANCEL,
    CHANNEL_PING,
    CHANNEL_PONG,
    CHANNEL_LOG,       /* flags: level; the text */
    CHANNEL_EMIT,      /* {topic, value} */
    CHANNEL_DISPOSE    /* daemon → child: dispose the plugin, then exit */
} channel_frame;

#define CHANNEL_PROTOCOL 1

typedef struct channel_handlers {
    void (*on_hello)(void *arg, const hearth_value *hello);
    void (*on_ready)(void *arg, hearth_code code, const hearth_err *err);
    void (*on_log)(void *arg, hearth_level level, hearth_str text);
    void (*on_emit)(void *arg, hearth_str topic, hearth_value *value); /* value is given */
    void (*on_dispose)(void *arg);
    void (*on_busy)(void *arg); /* the first outgoing call after none */
    /* Once: the other end is gone or spoke nonsense. Calls under way have failed already. */
    void (*on_end)(void *arg, hearth_code code, const char *why);
} channel_handlers;

/* Takes over the socket. `server`: the context whose methods incoming calls reach with the daemon's rights (child) or
 * with the plugin's (daemon). Owner: the caller, channel_free. Thread: loop. */
channel *channel_new(kernel *k, hearth_ctx *plugin, int fd, const channel_handlers *handlers, void *arg, hearth_err *err);
void  channel_free(channel *l); /* fails the calls under way with `crashed` */

hearth_code channel_send_json(channel *l, channel_frame kind, const hearth_value *v);
hearth_code channel_send(channel *l, channel_frame kind, uint16_t flags, hearth_str bytes); /* Thread: any */

/* Sends a call whose events and answer go to `req`. */
hearth_code channel_call(channel *l, hearth_req *req, hearth_err *err);
void        channel_cancel(channel *l, hearth_req *req);
/* Events of requests that came over this channel, packed into one write. Thread: any. */
void        channel_push(channel *l, const hearth_push_item *items, size_t n);

/* Milliseconds since the other end said anything, and whether it owes an answer to a ping. */
uint64_t channel_silence_ms(const channel *l);
void     channel_ping(channel *l);
size_t   channel_calls(const channel *l); /* outgoing, not answered yet */

#endif
