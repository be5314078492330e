/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bus: topics, who listens, and who wants to know whether anybody does. */
#ifndef HEARTH_KERNEL_BUS_H
#define HEARTH_KERNEL_BUS_H

#include <hearth/host.h>

#include "io/loop.h"

typedef struct bus bus;

bus *bus_new(loop *l);
void bus_free(bus *b);

/* `pattern`: a topic, or a prefix that ends in *. `owner` groups subscriptions. Delivery happens on the loop right after
 * the present callbacks, in the order of the emits; a subscriber never sees an event of before it subscribed. */
hearth_id bus_subscribe(bus *b, void *owner, hearth_str pattern, hearth_topic_fn fn, void *self);
void      bus_unsubscribe(bus *b, hearth_id id);
size_t    bus_drop_owner(bus *b, void *owner); /* subscriptions and watches; returns how many there were */
void      bus_emit(bus *b, hearth_str topic, hearth_value *value); /* takes value */

/* fn(self) every so often while somebody subscribes to a pattern that covers `topic`. */
hearth_id bus_watch(bus *b, void *owner, hearth_str topic, uint32_t every_ms, hearth_fn tick, void *self);
size_t    bus_count(const bus *b, const void *owner);

#endif
