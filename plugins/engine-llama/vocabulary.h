/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vocabulary.h: the words of a model: text to tokens, tokens to bytes, which tokens end a turn, and the scratch memory
 * that is as long as the vocabulary. */
#ifndef ENGINE_LLAMA_VOCABULARY_H
#define ENGINE_LLAMA_VOCABULARY_H

#include <hearth/kit.h>

#include "llama.h"

/* Read-only after load, except for the scratch memory, which is the decode thread's. */
typedef struct vocabulary {
    const struct llama_vocab *vocab;
    int32_t                   size;
    llama_token              *ends; /* the tokens that end a turn */
    int32_t                   end_count;
    const llama_token        *suppressed; /* the model's own: never sampled */
    int32_t                   suppressed_count;
    llama_token_data         *candidates; /* scratch of the decode thread: `size` of them */
    uint16_t                 *counts;     /* scratch, all zero between calls */
    float                    *row;        /* scratch: the logits before biases and penalties */
} vocabulary;

/* Owner: the caller's memory. Errors: no_memory. Thread: decode. */
hearth_code vocabulary_init(vocabulary *v, const struct llama_vocab *vocab, hearth_err *err);
void        vocabulary_deinit(vocabulary *v);

/* Appends the bytes of a token; those of control tokens only when `is_special`. Errors: as hearth_buf_append.
 * Thread: any. */
hearth_code vocabulary_put(const vocabulary *v, llama_token token, bool is_special, hearth_buf *out);

/* The tokens of a text: `*tokens` is new memory of `alloc(arg, bytes)`. Errors: no_memory when that gives NULL.
 * Thread: any. */
hearth_code vocabulary_tokenize(const vocabulary *v, hearth_str from, bool add_special, bool parse_special,
                                void *(*alloc)(void *arg, size_t bytes), void *arg, llama_token **tokens, size_t *count);

#endif
