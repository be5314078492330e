/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sampler.h: from a row of logits to a token.
 *
 * What looks at the whole vocabulary happens once, here, on the raw row: biases, penalties, and then either the
 * largest logit (temperature 0) or the k largest. llama.cpp's own samplers see at most k candidates. The order is
 * llama-server's: bias, penalties, top_k, typical_p, top_p, min_p, temperature, dist; a grammar is asked about the
 * chosen token first and filters the vocabulary only when it refuses (the same tokens come out, far cheaper).
 *
 * Thread: a sampler is made on a worker and used on the decode thread. */
#ifndef ENGINE_LLAMA_SAMPLER_H
#define ENGINE_LLAMA_SAMPLER_H

#include <hearth/engine.h>

#include "vocabulary.h"

#define SAMPLER_MAX_PROBS 20

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
