/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "answer.h"

#include <stdlib.h>

#define WHERE          "engine-llama.generate"
#define READ_LEAST_US  30000 /* between two readings of an answer */
#define READ_COST_TIME 10    /* a reading may take a tenth of the time */

/* -- outbox ------------------------------------------------------------------------------------------------------ */

void outbox_deinit(outbox *o)
{
    free(o->items);
    *o = (outbox){ 0 };
}

void outbox_add(outbox *o, hearth_req *req, const hearth_event *event)
{
    if (o->count == o->size) {
        size_t            size = o->size ? 2 * o->size : 32;
        hearth_push_item *items = realloc(o->items, size * sizeof *items);
        if (!items) {
            o->failed = true;
            hearth_value_unref((hearth_value *)(uintptr_t)event->data);
            return;
        }
        o->items = items;
        o->size = size;
    }
    o->items[o->count++] = (hearth_push_item){ req, *event };
}

void outbox_send(outbox *o, hearth_ctx *ctx)
{
    if (o->count == 0)
        return;
    hearth_push_many(ctx, o->items, o->count);
    for (size_t i = 0; i < o->count; i++)
        hearth_value_unref((hearth_value *)(uintptr_t)o->items[i].event.data);
    o->count = 0;
}

static void add_text(outbox *o, generation *g, hearth_event_kind kind, hearth_str text)
{
    if (text.n > 0)
        outbox_add(o, g->req, &(hearth_event){ .kind = (uint32_t)kind, .text = text });
}

/* Tells what is new of a plain answer. Once a step: the text moves when it grows. */
static void tell_text(generation *g, outbox *o)
{
    hearth_str whole = hearth_buf_str(&g->text.whole);
    if (whole.n > g->told)
        add_text(o, g, HEARTH_TEXT, (hearth_str){ whole.p + g->told, whole.n - g->told });
    g->told = whole.n;
}

/* -- reading reasoning and tool calls -------------------------------------------------------------------------------- */

static hearth_value *tool_fragment(const generation *g, const chat_delta *d)
{
    hearth_value *v = hearth_object(g->ctx);
    hearth_put_u64(v, "index", d->index);
    if (d->id)
        hearth_put_cstr(v, "id", d->id);
    if (d->name)
        hearth_put_cstr(v, "name", d->name);
    hearth_put_str(v, "arguments", (hearth_str){ d->text, d->text_n });
    return v;
}

/* Reads all text so far and tells what is new in it. Only once a step: the deltas live until the next reading. */
static bool read_answer(generation *g, outbox *o, bool is_whole)
{
    const chat_delta *deltas = NULL;
    int64_t           before = ggml_time_us();
    hearth_str        whole = hearth_buf_str(&g->text.whole);
    int n = chat_plan_read(g->plan, whole.n ? whole.p : "", whole.n, is_whole, &deltas);
    g->read_us = ggml_time_us();
    g->read_cost_us = g->read_us - before;
    for (int i = 0; i < n; i++) {
        hearth_str text = { deltas[i].text, deltas[i].text_n };
        if (deltas[i].kind == CHAT_DELTA_TOOL_CALL)
            outbox_add(o, g->req, &(hearth_event){ .kind = HEARTH_TOOL_CALL, .data = tool_fragment(g, &deltas[i]) });
        else
            add_text(o, g, deltas[i].kind == CHAT_DELTA_TEXT ? HEARTH_TEXT : HEARTH_REASONING, text);
    }
    return n >= 0;
}

static bool is_time_to_read(const generation *g)
{
    int64_t wait = g->read_cost_us * READ_COST_TIME;
    return ggml_time_us() - g->read_us >= (wait > READ_LEAST_US ? wait : READ_LEAST_US);
}

/* -- probabilities ----------------------------------------------------------------------------------------------------- */

/* {token, logprob, bytes}: the bytes say what the text, repaired where a character is cut, cannot. */
static hearth_value *token_prob(const generation *g, llama_token token, float logprob)
{
    hearth_value *v = hearth_object(g->ctx), *bytes = hearth_array(g->ctx);
    hearth_buf    raw, whole;
    hearth_buf_init(&raw, GENERATION_MAX_TEXT);
    hearth_buf_init(&whole, GENERATION_MAX_TEXT);
    vocabulary_put(&g->model->words, token, true, &raw);
    hearth_utf8_repair(&whole, hearth_buf_str(&raw));
    hearth_put_str(v, "token", hearth_buf_str(&whole));
    hearth_put_i64(v, "id", token);
    hearth_put_f64(v, "logprob", logprob < -1e9f ? -1e9 : (double)logprob); /* JSON has no infinity */
    for (size_t i = 0; i < raw.n; i++)
        hearth_add_i64(bytes, (unsigned char)raw.p[i]);
    hearth_put(v, "bytes", bytes);
    hearth_buf_deinit(&raw);
    hearth_buf_deinit(&whole);
    return v;
}

static void add_probs(generation *g, outbox *o, llama_token token)
{
    sampler_prob top[SAMPLER_MAX_PROBS];
    size_t       n = (size_t)g->sampling.n_probs;
    float        logprob = sampler_probs(&g->model->words, token, top, n);
    hearth_value *v = token_prob(g, token, logprob), *list = hearth_array(g->ctx);
    for (size_t i = 0; i < n && i < (size_t)g->model->words.size; i++)
        hearth_add(list, token_prob(g, top[i].token, top[i].logprob));
    hearth_put(v, "top_logprobs", list);
    outbox_add(o, g->req, &(hearth_event){ .kind = HEARTH_LOGPROB, .data = v });
}

/* -- tokens -------------------------------------------------------------------------------------------------------------- */

static void put_token(generation *g, llama_token token)
{
    bool is_special = g->plan && chat_plan_keeps(g->plan, token);
    hearth_buf_reset(&g->piece);
    vocabulary_put(&g->model->words, token, is_special, &g->piece);
    text_put(&g->text, hearth_buf_str(&g->piece));
}

static bool is_end_of_turn(const generation *g, llama_token token)
{
    return !g->ignore_eos && llama_vocab_is_eog(g->model->words.vocab, token);
}

bool answer_token(generation *g, outbox *o, llama_token token, size_t room)
{
    if (g->written++ == 0)
        g->first_us = g->read_us = ggml_time_us();
    if (is_end_of_turn(g, token)) {
        g->finish = HEARTH_FINISH_STOP;
        return true;
    }
    put_token(g, token);
    if (g->sampling.n_probs > 0)
        add_probs(g, o, token);
    if (text_is_bad(&g->text) || g->piece.failed) {
        hearth_err_set(&g->err, HEARTH_TOO_LARGE, WHERE, "the answer is over %u bytes", GENERATION_MAX_TEXT);
        return true;
    }
    if (text_is_stopped(&g->text))
        g->finish = HEARTH_FINISH_STOP;
    else if (room == 0 || (g->max_tokens >= 0 && g->written >= (uint32_t)g->max_tokens))
        g->finish = HEARTH_FINISH_LENGTH;

    if (g->finish != HEARTH_FINISH_INVALID)
        return true; /* answer_end tells the rest */
    if (generation_is_plain(g))
        tell_text(g, o);
    else if (is_time_to_read(g))
        read_answer(g, o, false); /* what cannot be read yet is read later */
    return false;
}

void answer_end(generation *g, outbox *o)
{
    g->ended_us = ggml_time_us();
    if (g->err.code < 0)
        return;
    text_end(&g->text);
    if (generation_is_plain(g)) {
        tell_text(g, o);
        return;
    }
    bool is_cut = g->finish == HEARTH_FINISH_CANCELLED || g->finish == HEARTH_FINISH_LENGTH;
    if (read_answer(g, o, !is_cut) || read_answer(g, o, false)) {
        if (g->finish == HEARTH_FINISH_STOP && chat_plan_call_count(g->plan) > 0)
            g->finish = HEARTH_FINISH_TOOL_CALLS;
        return;
    }
    /* The model left its own format. If nothing was told yet, its words are told as they are. */
    size_t told = 0, thought = 0;
    chat_plan_text(g->plan, &told);
    chat_plan_reasoning(g->plan, &thought);
    if (told + thought + chat_plan_call_count(g->plan) == 0) {
        add_text(o, g, HEARTH_TEXT, hearth_buf_str(&g->text.whole));
        g->is_unreadable = true;
    }
}
