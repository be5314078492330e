/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* text.h: from the bytes of tokens to text that may be shown.
 *
 *     hearth_str shown = text_put(&t, piece);     // may be empty: the bytes wait
 *     if (text_is_stopped(&t)) ...                // a stop string came; nothing after it is shown
 *     hearth_str rest = text_end(&t);             // what waited in vain
 *
 * A token may end inside a character, and a stop string may come in several tokens. What could still turn into
 * either is held back; everything else is shown at once. Ill-formed bytes become U+FFFD. Pure: no threads, no I/O. */
#ifndef ENGINE_LLAMA_TEXT_H
#define ENGINE_LLAMA_TEXT_H

#include <hearth/kit.h>

typedef struct text_writer {
    hearth_buf        whole; /* everything shown so far, well-formed */
    hearth_buf        held;  /* raw bytes that are not shown yet */
    const hearth_str *stops; /* borrowed */
    size_t            stop_count;
    const hearth_str *stop; /* the one that came, or NULL */
} text_writer;

/* Owner: the caller's memory; `stops` (none of them empty) are borrowed until deinit. `cap` bounds the text. */
void text_init(text_writer *t, const hearth_str *stops, size_t stop_count, size_t cap);
/* Accepts a zeroed one. */
void text_deinit(text_writer *t);

/* Takes the bytes of one token; returns what became showable, borrowed until the next call. */
hearth_str text_put(text_writer *t, hearth_str piece);

/* Returns what was held back, repaired: no more bytes will come. */
hearth_str text_end(text_writer *t);

static inline bool text_is_stopped(const text_writer *t)
{
    return t->stop != NULL;
}

/* Memory ran out, or the text is over its cap. */
static inline bool text_is_bad(const text_writer *t)
{
    return t->whole.failed || t->held.failed;
}

#endif
