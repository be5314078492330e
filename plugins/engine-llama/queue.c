/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "queue.h"

void queue_init(queue *q)
{
    *q = (queue){ 0 };
    q->end = &q->first;
}

void queue_push(queue *q, queue_entry *e)
{
    uint64_t latest = q->round;
    for (const queue_entry *other = q->first; other; other = other->next) {
        if (other->lane == e->lane && other->round > latest)
            latest = other->round;
    }
    e->round = latest + 1;
    e->next = NULL;
    *q->end = e;
    q->end = &e->next;
    q->count++;
}

static queue_entry *take_at(queue *q, queue_entry **at)
{
    queue_entry *e = *at;
    *at = e->next;
    if (!e->next)
        q->end = at;
    e->next = NULL;
    q->count--;
    return e;
}

queue_entry *queue_pop(queue *q)
{
    queue_entry **best = NULL;
    for (queue_entry **at = &q->first; *at; at = &(*at)->next) {
        if (!best || (*at)->round < (*best)->round) /* of equals the one that came first */
            best = at;
    }
    if (!best)
        return NULL;
    q->round = (*best)->round;
    return take_at(q, best);
}

queue_entry *queue_take(queue *q, int (*is_gone)(const queue_entry *e))
{
    for (queue_entry **at = &q->first; *at; at = &(*at)->next) {
        if (is_gone(*at))
            return take_at(q, at);
    }
    return NULL;
}
