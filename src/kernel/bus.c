/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An emit queues the event and asks the loop to deliver it after the present callbacks, so that nobody is called back in the
 * middle of its own work. A subscription remembers how many events there were when it began and gets only later ones. */
#include "kernel/bus.h"

#include <stdlib.h>

#include <hearth/kit.h>

#include "kernel/list.h"
#include "kernel/slots.h"
#include "kit/value.h"

typedef struct event {
    list          node;
    hearth_value *value;
    size_t        n;
    char          topic[];
} event;

typedef struct subscription {
    list            node;
    hearth_id       id;
    void           *owner;
    hearth_topic_fn fn; /* NULL: ended while events are delivered */
    void           *self;
    uint64_t        since;
    bool            is_prefix;
    size_t          n;
    char            pattern[]; /* without the star */
} subscription;

typedef struct watch {
    list        node;
    hearth_id   id;
    void       *owner;
    loop_timer *timer;
    uint32_t    every_ms;
    hearth_fn   tick;
    void       *self;
    size_t      n;
    char        topic[];
} watch;

struct bus {
    loop    *l;
    list     subscriptions, watches, events;
    slots    ids;
    uint64_t emitted, delivered;
    bool     is_scheduled, is_delivering;
};

bus *bus_new(loop *l)
{
    bus *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->l = l;
    list_init(&b->subscriptions);
    list_init(&b->watches);
    list_init(&b->events);
    slots_init(&b->ids);
    return b;
}

static void drop_event(event *e)
{
    list_remove(&e->node);
    hearth_value_unref(e->value);
    free(e);
}

static void drop_watch(bus *b, watch *w)
{
    slots_remove(&b->ids, w->id);
    loop_timer_stop(w->timer);
    list_remove(&w->node);
    free(w);
}

void bus_free(bus *b)
{
    if (!b)
        return;
    LIST_EACH_SAFE(&b->events, node, next)
        drop_event(LIST_ENTRY(node, event, node));
    LIST_EACH_SAFE(&b->watches, node, next)
        drop_watch(b, LIST_ENTRY(node, watch, node));
    LIST_EACH_SAFE(&b->subscriptions, node, next)
        free(LIST_ENTRY(node, subscription, node));
    slots_deinit(&b->ids);
    free(b);
}

static bool covers(const subscription *s, hearth_str topic)
{
    if (s->is_prefix)
        return topic.n >= s->n && memcmp(topic.p, s->pattern, s->n) == 0;
    return topic.n == s->n && memcmp(topic.p, s->pattern, s->n) == 0;
}

static bool is_watched(const bus *b, hearth_str topic)
{
    for (const list *node = b->subscriptions.next; node != &b->subscriptions; node = node->next) {
        const subscription *s = LIST_ENTRY(node, const subscription, node);
        if (s->fn && covers(s, topic))
            return true;
    }
    return false;
}

/* Starts and stops the timers of the watches after the set of subscriptions changed. */
static void update_watches(bus *b)
{
    LIST_EACH(&b->watches, node) {
        watch *w = LIST_ENTRY(node, watch, node);
        bool   wanted = is_watched(b, (hearth_str){ w->topic, w->n });
        if (wanted && !w->timer) {
            w->timer = loop_timer_start(b->l, 0, w->every_ms, w->tick, w->self);
        } else if (!wanted && w->timer) {
            loop_timer_stop(w->timer);
            w->timer = NULL;
        }
    }
}

hearth_id bus_subscribe(bus *b, void *owner, hearth_str pattern, hearth_topic_fn fn, void *self)
{
    bool is_prefix = pattern.n > 0 && pattern.p[pattern.n - 1] == '*';
    if (is_prefix)
        pattern.n--;
    subscription *s = calloc(1, sizeof *s + pattern.n + 1);
    if (!s)
        return 0;
    if (pattern.n)
        memcpy(s->pattern, pattern.p, pattern.n);
    s->n = pattern.n;
    s->is_prefix = is_prefix;
    s->owner = owner;
    s->fn = fn;
    s->self = self;
    s->since = b->emitted;
    s->id = slots_add(&b->ids, s);
    if (!s->id) {
        free(s);
        return 0;
    }
    list_add(&b->subscriptions, &s->node);
    update_watches(b);
    return s->id;
}

static void end_subscription(bus *b, subscription *s)
{
    slots_remove(&b->ids, s->id);
    s->fn = NULL;
    if (!b->is_delivering) {
        list_remove(&s->node);
        free(s);
    }
}

void bus_unsubscribe(bus *b, hearth_id id)
{
    subscription *s = slots_find(&b->ids, id);
    if (!s)
        return;
    end_subscription(b, s);
    update_watches(b);
}

size_t bus_drop_owner(bus *b, void *owner)
{
    size_t n = 0;
    LIST_EACH_SAFE(&b->watches, node, next) {
        watch *w = LIST_ENTRY(node, watch, node);
        if (w->owner == owner) {
            drop_watch(b, w);
            n++;
        }
    }
    LIST_EACH_SAFE(&b->subscriptions, node, after) {
        subscription *s = LIST_ENTRY(node, subscription, node);
        if (s->owner == owner && s->fn) {
            end_subscription(b, s);
            n++;
        }
    }
    update_watches(b);
    return n;
}

size_t bus_count(const bus *b, const void *owner)
{
    size_t n = 0;
    LIST_EACH(&((bus *)(uintptr_t)b)->subscriptions, node) {
        const subscription *s = LIST_ENTRY(node, const subscription, node);
        n += s->owner == owner && s->fn;
    }
    LIST_EACH(&((bus *)(uintptr_t)b)->watches, node)
        n += LIST_ENTRY(node, const watch, node)->owner == owner;
    return n;
}

static void deliver(void *arg);

static void schedule(bus *b)
{
    if (b->is_scheduled || b->is_delivering || list_is_empty(&b->events))
        return;
    b->is_scheduled = true;
    loop_soon(b->l, deliver, b);
}

static void deliver_one(bus *b, const event *e)
{
    hearth_str topic = { e->topic, e->n };
    LIST_EACH(&b->subscriptions, node) {
        subscription *s = LIST_ENTRY(node, subscription, node);
        if (s->fn && s->since < b->delivered && covers(s, topic))
            s->fn(s->self, topic, e->value);
    }
}

/* What was there when it began: a subscriber that answers each event with another must not keep the loop from its sockets. */
static void deliver(void *arg)
{
    bus     *b = arg;
    uint64_t last = b->emitted;
    b->is_scheduled = false;
    b->is_delivering = true;
    while (b->delivered < last) {
        event *e = LIST_ENTRY(b->events.next, event, node);
        b->delivered++;
        deliver_one(b, e);
        drop_event(e);
    }
    b->is_delivering = false;
    LIST_EACH_SAFE(&b->subscriptions, node, next) {
        subscription *s = LIST_ENTRY(node, subscription, node);
        if (!s->fn) {
            list_remove(&s->node);
            free(s);
        }
    }
    schedule(b);
}

void bus_emit(bus *b, hearth_str topic, hearth_value *value)
{
    event *e = is_watched(b, topic) ? calloc(1, sizeof *e + topic.n + 1) : NULL;
    if (!e) {
        hearth_value_unref(value);
        return;
    }
    memcpy(e->topic, topic.p, topic.n);
    e->n = topic.n;
    e->value = value;
    value_freeze(value);
    list_add(&b->events, &e->node);
    b->emitted++;
    schedule(b);
}

hearth_id bus_watch(bus *b, void *owner, hearth_str topic, uint32_t every_ms, hearth_fn tick, void *self)
{
    watch *w = calloc(1, sizeof *w + topic.n + 1);
    if (!w)
        return 0;
    memcpy(w->topic, topic.p, topic.n);
    w->n = topic.n;
    w->owner = owner;
    w->every_ms = every_ms;
    w->tick = tick;
    w->self = self;
    w->id = slots_add(&b->ids, w);
    if (!w->id) {
        free(w);
        return 0;
    }
    list_add(&b->watches, &w->node);
    update_watches(b);
    return w->id;
}
