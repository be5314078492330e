/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* queue.h: who is served next. Start-time fair queueing over lanes (Goyal et al. 1996) with a cost of one per
 * request: an entry's round is one after its lane's latest that still waits, or after the round that was served last
 * when none waits. A lane with a hundred waiting requests therefore takes turns with a lane that brings one.
 *
 * Intrusive and pure: no memory of its own, no threads. A scan per pop is fine: the queue is bounded and short. */
#ifndef ENGINE_LLAMA_QUEUE_H
#define ENGINE_LLAMA_QUEUE_H

#include <stddef.h>
#include <stdint.h>

typedef struct queue_entry {
    struct queue_entry *next;
    uint64_t            lane, round;
} queue_entry;

typedef struct queue {
    queue_entry *first, **end; /* in order of arrival */
    size_t       count;
    uint64_t     round; /* of the entry that was served last */
} queue;

/* Owner: the caller's memory. Thread: one at a time. */
void queue_init(queue *q);
/* Owner: borrowed until popped. Sets `round`; `lane` is the caller's. */
void queue_push(queue *q, queue_entry *e);
/* The entry whose turn it is, or NULL. */
queue_entry *queue_pop(queue *q);
/* Takes out the first entry that `is_gone` says so of, or NULL. */
queue_entry *queue_take(queue *q, int (*is_gone)(const queue_entry *e));

#endif
