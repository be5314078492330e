/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* answer.h: from tokens to events. Everything that one decode step tells, for all its streams, leaves in one
 * hearth_push_many. A plain answer goes out token by token without an allocation; an answer that may hold
 * reasoning or tool calls is read again in full now and then, never more than a tenth of the time.
 * Thread: decode. */
#ifndef ENGINE_LLAMA_ANSWER_H
#define ENGINE_LLAMA_ANSWER_H

#include "generation.h"

/* The events of one step. What they point to lives until outbox_send. */
typedef struct outbox {
    hearth_push_item *items;
    size_t            count, size;
    bool              failed; /* memory ran out: an event was lost */
} outbox;

/* Accepts a zeroed one. */
void outbox_deinit(outbox *o);
/* Takes `event.data`. */
void outbox_add(outbox *o, hearth_req *req, const hearth_event *event);
void outbox_send(outbox *o, hearth_ctx *ctx);

/* Tells of one more token; `room` is how many more the context holds. Returns true when it was the last: then
 * `finish` says why, or `err`. */
bool answer_token(generation *g, outbox *o, llama_token token, size_t room);

/* The last events of an answer, and its times. After this the generation gets no event any more. */
void answer_end(generation *g, outbox *o);

#endif
