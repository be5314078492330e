/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* generation.h: one request, from engine.submit to its answer.
 *
 * Who holds it, in this order, and never two at a time but for the two atomics:
 *
 *     loop     generation_new: copies what it needs of the request
 *     worker   generation_prepare: template, tokens, grammar, sampler
 *     loop     fails it, or gives it to the scheduler
 *     decode   in the queue, then in a slot; its `req` may be pushed to here, because only the loop answers and
 *              gets the generation back only after the last push
 *     loop     generation_answer, generation_free
 *
 * The loop keeps a list of all of them, so that dispose can free what a host that ends early leaves behind. */
#ifndef ENGINE_LLAMA_GENERATION_H
#define ENGINE_LLAMA_GENERATION_H

#include <stdatomic.h>

#include <hearth/engine.h>

#include "chat_c.h"
#include "model.h"
#include "queue.h"
#include "sampler.h"
#include "text.h"

#define GENERATION_MAX_TEXT (64u << 20) /* bytes of one request, and of one answer */

typedef struct generation {
    queue_entry        entry; /* first: the queue gives this back */
    struct generation *next, **back; /* the loop's list */
    hearth_ctx        *ctx;
    hearth_req        *req; /* the loop's; see above */
    const model       *model;
    struct scheduler  *scheduler; /* set when it comes back from there */
    atomic_bool        is_cancelled; /* set by the loop, read by everybody */
    atomic_bool        is_reading;   /* its prompt is in the step under way: worth an abort */

    /* the request */
    hearth_arena    arena;
    hearth_value   *asked; /* an object: messages, tools, tool_choice, json_schema, chat_template_kwargs; or NULL */
    hearth_str      prompt, grammar, cache_hint;
    hearth_value   *json_schema;
    hearth_sampling sampling;
    sampler_bias   *biases;
    size_t          bias_count;
    hearth_str     *stops;
    size_t          stop_count;
    int32_t         max_tokens; /* -1: no limit */
    bool            ignore_eos;

    /* prepared */
    llama_token *tokens;
    size_t       token_count;
    chat_plan   *plan; /* NULL for a plain prompt */
    sampler     *sampler;
    text_writer  text;
    hearth_buf   piece; /* the bytes of one token */

    /* under way */
    int64_t  started_us, first_us, ended_us, read_us, read_cost_us; /* read: the last parsing of the answer */
    uint32_t cached, written;
    size_t   told; /* bytes of a plain answer that went out */

    /* the end */
    hearth_finish finish; /* INVALID: it failed with `err` */
    hearth_err    err;
    bool          is_overflow;
    bool          is_unreadable; /* the answer is not in the model's format: told as it is */
} generation;

/* Owner: the caller, generation_free. NULL with `err` filled: no_memory, invalid_argument, unsupported, too_large.
 * Thread: loop. */
generation *generation_new(hearth_ctx *ctx, hearth_req *req, const model *m, const hearth_engine_request *r,
                           hearth_err *err);
/* NULL is fine. Thread: loop. */
void generation_free(generation *g);

/* Fills the prepared fields, or `err`. Thread: worker. */
void generation_prepare(generation *g);

/* The prompt that the request's messages become, borrowed; empty with `err` filled. Thread: worker. */
hearth_str generation_prompt(generation *g);

/* Answers the request with its result or its failure; `req` is gone afterwards. Thread: loop. */
void generation_answer(generation *g);

static inline bool generation_is_plain(const generation *g)
{
    return !g->plan || chat_plan_view(g->plan)->is_plain;
}

#endif
