/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* wire: events, packed.
 *
 * One event is {u64 call, u16 kind, u16 flags, u32 length} little-endian and `length` bytes: text kinds carry the text,
 * progress {u64 done, u64 total} and the text, all others JSON. A CHANNEL_EVENTS payload is any number of them. */
#ifndef HEARTH_KERNEL_WIRE_H
#define HEARTH_KERNEL_WIRE_H

#include <hearth/kit.h>

#define WIRE_HEADER 16u

/* Appends one event of call `call`. Thread: any. Errors: too_large, no_memory. */
hearth_code wire_put(hearth_buf *out, uint64_t call, const hearth_event *event);

/* Reads the next event at *at. `event->data` is owned by the caller when set (hearth_value_unref).
 * Returns 1 with an event, 0 at the end. Errors: damaged. Thread: any. */
int wire_next(hearth_str payload, size_t *at, uint64_t *call, hearth_event *event, hearth_err *err);

#endif
