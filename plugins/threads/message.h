/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* message: the shapes in which threads and messages are told, and what is drawn from their text. */
#ifndef THREADS_MESSAGE_H
#define THREADS_MESSAGE_H

#include <hearth/plugin.h>

#include "merge.h"

#define MESSAGE_MAX_BYTES     (4u << 20) /* of the parts of one message, as JSON */
#define MESSAGE_MAX_PARTS     256u
#define MESSAGE_TITLE_WORDS   12u
#define MESSAGE_TITLE_BYTES   72u
#define MESSAGE_PREVIEW_BYTES 160u

/* The Message of an entity. Owner: the caller. Thread: any. Since: 1.0 */
hearth_value *message_value(hearth_ctx *ctx, hearth_str thread, hearth_str id, const merge_entity *m);

/* Whether the message was added (not only changed by an operation that came early) and not deleted. */
bool message_is_visible(const merge_entity *m);

/* Appends the text of the parts that are text, an empty line between them. Thread: any. Since: 1.0 */
void message_put_text(hearth_buf *out, const hearth_value *parts);

/* A title from the beginning of a question: its first words. A preview: the beginning of a text. Both on one line.
 * Thread: any. Since: 1.0 */
void message_put_title(hearth_buf *out, hearth_str text);
void message_put_preview(hearth_buf *out, hearth_str text);

/* What a caller gave as content: `parts`, or `text` for a single one. `out` stays NULL when neither was given.
 * Owner: `out` is the caller's. Thread: any. Errors: invalid_argument, too_large. Since: 1.0 */
hearth_code message_take_parts(hearth_ctx *ctx, const hearth_value *params, hearth_value **out, hearth_err *err);

#endif
