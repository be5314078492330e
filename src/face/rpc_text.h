/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* rpc_text: the text of JSON-RPC messages, written by hand: an event costs one pass over its bytes and no value.
 * Pure. `id` is JSON text as the peer sent it. */
#ifndef HEARTH_FACE_RPC_TEXT_H
#define HEARTH_FACE_RPC_TEXT_H

#include <hearth/host.h>

/* Writes the JSON text of a request's id. False when it is neither a whole number, a short string nor null. */
bool rpc_text_id(hearth_buf *out, const hearth_value *id);

/* `text` and `reasoning` events can be left open, so that later text is joined to them. */
void rpc_text_event(hearth_buf *out, hearth_str id, const hearth_event *e);
void rpc_text_open(hearth_buf *out, hearth_str id, const hearth_event *e);
void rpc_text_close(hearth_buf *out, uint64_t seq);

void rpc_text_result(hearth_buf *out, hearth_str id, const hearth_value *result);
/* `details` (may be NULL): an object whose members join data.name, or anything else as data.detail. */
void rpc_text_error(hearth_buf *out, hearth_str id, hearth_code code, const char *message, const hearth_value *details);

/* "text" for HEARTH_TEXT …; NULL for no kind. And back, 0 for no name. */
const char       *rpc_text_kind(uint32_t kind);
hearth_event_kind rpc_text_kind_of(hearth_str name);

#endif
