/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* frame: messages between the daemon and a child, over one socketpair.
 *
 * A frame is {u32 length of the payload, u16 kind, u16 flags, u64 id} little-endian, then the payload, at most
 * 8 MiB. This file knows lengths and ids, not what the kinds mean (kernel/channel.c does). */
#ifndef HEARTH_IO_FRAME_H
#define HEARTH_IO_FRAME_H

#include "io/loop.h"

#define FRAME_HEADER 16u
#define FRAME_MAX    (8u << 20)

typedef struct frame {
    uint16_t   kind, flags;
    uint64_t   id;
    hearth_str payload; /* borrowed for the callback */
} frame;

typedef struct frame_stream frame_stream;

typedef struct frame_handlers {
    void (*on_frame)(void *arg, const frame *f);
    /* Once: the other side is gone (code OK) or broke the rules (damaged). The stream is dead then. */
    void (*on_end)(void *arg, hearth_code code, const char *why);
} frame_handlers;

/* Takes over a connected stream socket, also when it fails. Owner: the caller, frame_close. Thread: loop. */
frame_stream *frame_open(loop *l, int fd, const frame_handlers *handlers, void *arg, hearth_err *err);
void          frame_close(frame_stream *s); /* no callback after it; NULL is fine */

/* Sends one frame; the bytes are copied or written at once, in order among all threads. The calling thread writes
 * straight to the socket when nothing waits; what does not fit waits for the loop (cap 64 MiB, then `busy`).
 * Thread: any. Errors: too_large, busy, unavailable (ended). */
hearth_code frame_send(frame_stream *s, uint16_t kind, uint16_t flags, uint64_t id, hearth_str payload);
/* The same for bytes that already hold whole frames, headers included: one write for many. Thread: any. */
hearth_code frame_send_raw(frame_stream *s, hearth_str frames);
size_t      frame_queued(const frame_stream *s);

/* Writes a header into 16 bytes. */
void frame_put_header(void *to, uint32_t length, uint16_t kind, uint16_t flags, uint64_t id);

#endif
