/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "generation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WHERE          "engine-llama.submit"
#define MAX_STOPS      64
#define MAX_STOP_BYTES 1024
#define MAX_BIASES     1024
#define SHOWN          100 /* characters of somebody's text in a message */

/* -- copying the request -------------------------------------------------------------------------------------------- */

static hearth_code copy_text(generation *g, hearth_str from, hearth_str *to, hearth_err *err)
{
    if (from.n == 0)
        return HEARTH_OK;
    *to = hearth_arena_dup(&g->arena, from);
    if (to->p)
        return HEARTH_OK;
    return hearth_err_set(err, HEARTH_TOO_LARGE, WHERE, "a prompt of %zu bytes is over the limit of %u", from.n,
                          GENERATION_MAX_TEXT);
}

static hearth_code copy_stops(generation *g, const hearth_value *stop, hearth_err *err)
{
    size_t n = hearth_kind_of(stop) == HEARTH_ARRAY ? hearth_count(stop) : 0;
    if (n > MAX_STOPS)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, WHERE, "stop has %zu strings, at most %d are allowed", n, MAX_STOPS);
    g->stops = hearth_arena_new(&g->arena, (n + 1) * sizeof *g->stops);
    if (!g->stops)
        return hearth_err_set(err, HEARTH_NO_MEMORY, WHERE, "no memory for the request");
    for (size_t i = 0; i < n; i++) {
        hearth_str s = hearth_as_str(hearth_at(stop, i));
        if (s.n > MAX_STOP_BYTES)
            return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, WHERE, "a stop string is over %d bytes", MAX_STOP_BYTES);
        if (s.n > 0)
            HEARTH_TRY(copy_text(g, s, &g->stops[g->stop_count++], err));
    }
    return HEARTH_OK;
}

static hearth_code copy_biases(generation *g, const hearth_value *from, hearth_err *err)
{
    size_t n = hearth_kind_of(from) == HEARTH_OBJECT ? hearth_count(from) : 0;
    if (n > MAX_BIASES)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, WHERE, "logit_bias has %zu tokens, at most %d are allowed", n, MAX_BIASES);
    g->biases = hearth_arena_new(&g->arena, (n + 1) * sizeof *g->biases);
    if (!g->biases)
        return hearth_err_set(err, HEARTH_NO_MEMORY, WHERE, "no memory for the request");
    for (size_t i = 0; i < n; i++) {
        uint64_t token = 0;
        double   bias = hearth_as_f64(hearth_at(from, i), NAN);
        if (hearth_str_u64(hearth_key_at(from, i), &token) < 0 || token >= (uint64_t)g->model->words.size || isnan(bias))
            return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, WHERE,
                                  "logit_bias maps token ids below %d to numbers; \"%.*s\" does not", g->model->words.size,
                                  (int)(hearth_key_at(from, i).n < 32 ? hearth_key_at(from, i).n : 32), hearth_key_at(from, i).p);
        g->biases[g->bias_count++] = (sampler_bias){ (llama_token)token, (float)bias };
    }
    return HEARTH_OK;
}

static hearth_code copy_tokens(generation *g, const int32_t *tokens, size_t n, hearth_err *err)
{
    g->tokens = hearth_arena_new(&g->arena, (n + 1) * sizeof *g->tokens);
    if (!g->tokens)
        return hearth_err_set(err, HEARTH_TOO_LARGE, WHERE, "a prompt of %zu tokens is over the limit", n);
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] < 0 || tokens[i] >= g->model->words.size)
            return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, WHERE, "token %d is not in the model's vocabulary of %d",
                                  tokens[i], g->model->words.size);
        g->tokens[i] = tokens[i];
    }
    g->token_count = n;
    return HEARTH_OK;
}

/* What the template is asked, under llama.cpp's names. */
static hearth_value *ask(const generation *g, const hearth_engine_request *r)
{
    hearth_value *o = hearth_object(g->ctx);
    hearth_put_ref(o, "messages", r->messages);
    if (hearth_count(r->tools) > 0)
        hearth_put_ref(o, "tools", r->tools);
    if (hearth_kind_of(r->tool_choice) == HEARTH_STRING || hearth_kind_of(r->tool_choice) == HEARTH_OBJECT)
        hearth_put_ref(o, "tool_choice", r->tool_choice);
    if (hearth_kind_of(r->json_schema) == HEARTH_OBJECT)
        hearth_put_ref(o, "json_schema", r->json_schema);
    if (hearth_kind_of(r->template_arguments) == HEARTH_OBJECT)
        hearth_put_ref(o, "chat_template_kwargs", r->template_arguments);
    return o;
}

static hearth_code check_sampling(const hearth_sampling *s, hearth_err *err)
{
    const struct { const char *name; float x, least, most; } ranges[] = {
        { "temperature", s->temperature, 0.0f, 100.0f },
        { "top_p", s->top_p, 0.0f, 1.0f },
        { "min_p", s->min_p, 0.0f, 1.0f },
        { "typical_p", s->typical_p, 0.0f, 1.0f },
        { "repeat_penalty", s->repeat_penalty, 0.01f, 100.0f },
        { "presence_penalty", s->presence_penalty, -100.0f, 100.0f },
        { "frequency_penalty", s->frequency_penalty, -100.0f, 100.0f },
        { "n_probs", (float)s->n_probs, 0.0f, (float)SAMPLER_MAX_PROBS },
        { "repeat_last_n", (float)s->repeat_last_n, -1.0f, 1e9f },
    };
    for (size_t i = 0; i < HEARTH_COUNT(ranges); i++) {
        if (!(ranges[i].x >= ranges[i].least && ranges[i].x <= ranges[i].most)) /* refuses NaN too */
            return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, WHERE, "%s must be a number from %g to %g",
                                  ranges[i].name, (double)ranges[i].least, (double)ranges[i].most);
    }
    return HEARTH_OK;
}

static hearth_code fill(generation *g, const hearth_engine_request *r, hearth_err *err)
{
    if (r->messages && !g->model->chat)
        return hearth_err_set(err, HEARTH_UNSUPPORTED, WHERE,
                              "the model's chat template cannot be read; send a prompt instead of messages");
    if (r->grammar.n > 0 && r->messages && hearth_count(r->tools) > 0)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, WHERE, "grammar and tools exclude each other; leave one out");
    if (r->grammar.n > 0 && hearth_kind_of(r->json_schema) == HEARTH_OBJECT)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, WHERE, "grammar and a JSON schema exclude each other; leave one out");
    HEARTH_TRY(check_sampling(&r->sampling, err));
    HEARTH_TRY(copy_text(g, r->prompt, &g->prompt, err));
    HEARTH_TRY(copy_text(g, r->grammar, &g->grammar, err));
    HEARTH_TRY(copy_text(g, r->cache_hint, &g->cache_hint, err));
    HEARTH_TRY(copy_stops(g, r->stop, err));
    HEARTH_TRY(copy_biases(g, r->logit_bias, err));
    if (r->tokens)
        HEARTH_TRY(copy_tokens(g, r->tokens, r->token_count, err));
    if (r->messages)
        g->asked = ask(g, r);
    else if (hearth_kind_of(r->json_schema) == HEARTH_OBJECT)
        g->json_schema = hearth_value_ref(r->json_schema);
    return HEARTH_OK;
}

generation *generation_new(hearth_ctx *ctx, hearth_req *req, const model *m, const hearth_engine_request *r,
                           hearth_err *err)
{
    generation *g = hearth_new(ctx, generation);
    if (!g) {
        hearth_err_set(err, HEARTH_NO_MEMORY, WHERE, "no memory for the request");
        return NULL;
    }
    g->ctx = ctx;
    g->req = req;
    g->model = m;
    g->entry.lane = r->lane;
    g->sampling = r->sampling;
    g->max_tokens = r->max_tokens;
    g->ignore_eos = r->ignore_eos;
    hearth_arena_init(&g->arena, GENERATION_MAX_TEXT);
    if (fill(g, r, err) < 0) {
        generation_free(g);
        return NULL;
    }
    return g;
}

void generation_free(generation *g)
{
    if (!g)
        return;
    if (g->back) {
        *g->back = g->next;
        if (g->next)
            g->next->back = g->back;
    }
    sampler_free(g->sampler);
    chat_plan_free(g->plan);
    text_deinit(&g->text);
    hearth_buf_deinit(&g->piece);
    hearth_value_unref(g->asked);
    hearth_value_unref(g->json_schema);
    hearth_arena_deinit(&g->arena);
    hearth_free(g->ctx, g);
}

/* -- preparing, on a worker --------------------------------------------------------------------------------------------- */

hearth_str generation_prompt(generation *g)
{
    if (!g->asked)
        return g->prompt;
    size_t n = 0;
    char  *json = hearth_write(g->asked, &n);
    if (!json) {
        hearth_err_set(&g->err, HEARTH_NO_MEMORY, WHERE, "no memory for the messages");
        return (hearth_str){ NULL, 0 };
    }
    char reason[300] = "";
    g->plan = chat_apply(g->model->chat, json, n, reason, sizeof reason);
    hearth_write_free(json);
    if (!g->plan) {
        hearth_err_set(&g->err, HEARTH_INVALID_ARGUMENT, WHERE, "the model's chat template refuses these messages: %.280s", reason);
        return (hearth_str){ NULL, 0 };
    }
    const chat_view *view = chat_plan_view(g->plan);
    return (hearth_str){ view->prompt, view->prompt_n };
}

static void *alloc_in_arena(void *arg, size_t bytes)
{
    return hearth_arena_new(arg, bytes);
}

static hearth_code tokenize(generation *g, hearth_str prompt)
{
    if (vocabulary_tokenize(&g->model->words, prompt, true, true, alloc_in_arena, &g->arena, &g->tokens, &g->token_count) < 0)
        return hearth_err_set(&g->err, HEARTH_TOO_LARGE, WHERE, "the prompt of %zu bytes is over the limit", prompt.n);
    return HEARTH_OK;
}

static hearth_code check_length(generation *g)
{
    if (g->token_count == 0)
        return hearth_err_set(&g->err, HEARTH_INVALID_ARGUMENT, WHERE, "the prompt is empty; send some text");
    if (g->token_count < (size_t)g->model->context_max)
        return HEARTH_OK;
    g->is_overflow = true;
    return hearth_err_set(&g->err, HEARTH_CONTEXT_OVERFLOW, WHERE,
                          "the prompt has %zu tokens, the model's context holds %d; shorten it or load the model with a larger context",
                          g->token_count, g->model->context_max);
}

static hearth_code make_grammar(generation *g, struct llama_sampler **out)
{
    const struct llama_vocab *vocab = g->model->words.vocab;
    char  reason[300] = "";
    *out = NULL;
    if (g->grammar.n > 0) {
        *out = grammar_new(vocab, g->grammar.p);
        if (!*out)
            return hearth_err_set(&g->err, HEARTH_INVALID_ARGUMENT, WHERE, "the grammar is not valid GBNF or has no root rule: \"%.*s\"",
                                  (int)(g->grammar.n < SHOWN ? g->grammar.n : SHOWN), g->grammar.p);
        return HEARTH_OK;
    }
    if (g->json_schema) {
        char *schema = hearth_write(g->json_schema, NULL);
        *out = schema ? grammar_new_from_schema(vocab, schema, reason, sizeof reason) : NULL;
        hearth_write_free(schema);
        if (!*out)
            return hearth_err_set(&g->err, HEARTH_INVALID_ARGUMENT, WHERE, "the JSON schema cannot be followed: %.280s", reason);
        return HEARTH_OK;
    }
    if (g->plan && !chat_plan_grammar(g->plan, vocab, out, reason, sizeof reason))
        return hearth_err_set(&g->err, HEARTH_INVALID_ARGUMENT, WHERE, "tools or JSON schema cannot be followed: %.280s", reason);
    return HEARTH_OK;
}

/* The template may bring stop strings of its own; both kinds live as long as the generation. */
static hearth_code add_template_stops(generation *g)
{
    const chat_view *view = g->plan ? chat_plan_view(g->plan) : NULL;
    if (!view || view->stop_count == 0)
        return HEARTH_OK;
    hearth_str *all = hearth_arena_new(&g->arena, (g->stop_count + view->stop_count) * sizeof *all);
    if (!all)
        return hearth_err_set(&g->err, HEARTH_NO_MEMORY, WHERE, "no memory for the request");
    memcpy(all, g->stops, g->stop_count * sizeof *all);
    for (size_t i = 0; i < view->stop_count; i++) {
        hearth_str stop = hearth_cstr(view->stops[i]);
        if (stop.n > 0)
            all[g->stop_count++] = stop;
    }
    g->stops = all;
    return HEARTH_OK;
}

void generation_prepare(generation *g)
{
    if (atomic_load(&g->is_cancelled))
        return;
    if (!g->tokens) {
        hearth_str prompt = generation_prompt(g);
        if (g->err.code < 0 || tokenize(g, prompt) < 0)
            return;
    }
    struct llama_sampler *grammar = NULL;
    if (check_length(g) < 0 || add_template_stops(g) < 0 || make_grammar(g, &grammar) < 0)
        return;
    if (g->sampling.seed == HEARTH_SEED_RANDOM)
        hearth_random(g->ctx, &g->sampling.seed, sizeof g->sampling.seed);
    g->sampler = sampler_new(&g->model->words,
                             &(sampler_options){ .sampling = &g->sampling, .biases = g->biases, .bias_count = g->bias_count,
                                                 .ignore_eos = g->ignore_eos, .grammar = grammar });
    if (!g->sampler)
        hearth_err_set(&g->err, HEARTH_NO_MEMORY, WHERE, "no memory for the request");
    text_init(&g->text, g->stops, g->stop_count, GENERATION_MAX_TEXT);
    hearth_buf_init(&g->piece, GENERATION_MAX_TEXT);
}

/* -- answering, on the loop ---------------------------------------------------------------------------------------------- */

static void answer_failure(generation *g)
{
    hearth_value *details = NULL;
    if (g->is_overflow) {
        details = hearth_object(g->ctx);
        hearth_put_u64(details, "n_prompt_tokens", g->token_count);
        hearth_put_i64(details, "n_ctx", g->model->context_max);
    }
    hearth_fail_detailed(g->req, g->err.code, hearth_cstr(g->err.msg), details);
}

static hearth_value *tool_calls(const generation *g)
{
    hearth_value *calls = hearth_array(g->ctx);
    for (size_t i = 0; i < chat_plan_call_count(g->plan); i++) {
        chat_call     call = chat_plan_call(g->plan, i);
        hearth_value *function = hearth_object(g->ctx);
        hearth_put_cstr(function, "name", call.name);
        hearth_put_cstr(function, "arguments", call.arguments);
        hearth_value *o = hearth_object(g->ctx);
        hearth_put_cstr(o, "id", call.id);
        hearth_put_cstr(o, "type", "function");
        hearth_put(o, "function", function);
        hearth_add(calls, o);
    }
    return calls;
}

void generation_answer(generation *g)
{
    if (g->finish == HEARTH_FINISH_INVALID) {
        answer_failure(g);
        return;
    }
    hearth_engine_result r = {
        .size = sizeof r,
        .finish = g->finish,
        .text = hearth_buf_str(&g->text.whole),
        .stop_string = g->text.stop ? *g->text.stop : (hearth_str){ NULL, 0 },
        .prompt_tokens = (uint32_t)g->token_count,
        .completion_tokens = g->written,
        .cached_tokens = g->cached,
    };
    int64_t first = g->first_us ? g->first_us : g->ended_us;
    if (g->started_us) {
        r.prompt_ms = (double)(first - g->started_us) / 1e3;
        r.predicted_ms = (double)(g->ended_us - first) / 1e3;
    }
    hearth_value *calls = NULL;
    if (!generation_is_plain(g) && !g->is_unreadable) {
        r.text.p = chat_plan_text(g->plan, &r.text.n);
        r.reasoning.p = chat_plan_reasoning(g->plan, &r.reasoning.n);
        if (chat_plan_call_count(g->plan) > 0)
            r.tool_calls = calls = tool_calls(g);
    }
    hearth_engine_finish(g->req, &r);
    hearth_value_unref(calls);
}
