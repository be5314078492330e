/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sampler.h: from a row of logits to a token.
 *
 * What looks at the whole vocabulary happens once, here, on the raw row: biases, penalties, and then either the
 * largest logit (temperature 0) or the k largest. llama.cpp's own samplers see at most k candidates. The order is
 * llama-server's: bias, penalties, top_k, typical_p, top_p, min_p, temperature, dist; a grammar is asked about the
 * chosen token first and filters the vocabulary only when it refuses (the same tokens come out, far cheaper).
 *
 * Thread: the vocabulary view is read-only after load except for its scratch memory, which is the decode thread's;
 * a sampler is made on a worker and used on the decode thread. */
#ifndef ENGINE_LLAMA_SAMPLER_H
#define ENGINE_LLAMA_SAMPLER_H

#include <hearth/engine.h>
#include <hearth/kit.h>

#include "llama.h"

#define SAMPLER_MAX_PROBS 20

/* What every sampler of a model shares. */
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

typedef struct sampler sampler;

typedef struct sampler_bias {
    llama_token token;
    float       bias;
} sampler_bias;

typedef struct sampler_options {
    const hearth_sampling *sampling;
    const sampler_bias    *biases; /* copied */
    size_t                 bias_count;
    bool                   ignore_eos;
    struct llama_sampler  *grammar; /* taken, also on failure; or NULL */
} sampler_options;

/* Owner: the caller, sampler_free. NULL when memory runs out. Thread: worker. */
sampler *sampler_new(const vocabulary *v, const sampler_options *options);
void     sampler_free(sampler *s);

/* Chooses a token and tells the grammar of it. `row` is the model's logits, which this changes; `tokens` are all
 * tokens so far, prompt included. Errors: a negative hearth_code when the grammar cannot go on.
 * Thread: decode. */
int32_t sampler_pick(sampler *s, vocabulary *v, float *row, const llama_token *tokens, size_t token_count);

typedef struct sampler_prob {
    llama_token token;
    float       logprob;
} sampler_prob;

/* Log probabilities of the row that the last sampler_pick saw, before biases and penalties: of `token`, and of the
 * `n` likeliest into `top` (likeliest first). Only for samplers whose n_probs is over 0. Thread: decode. */
float sampler_probs(const vocabulary *v, llama_token token, sampler_prob *top, size_t n);

#endif
