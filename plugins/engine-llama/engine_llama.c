/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine-llama: runs one GGUF model with llama.cpp, in a child process of its own.
 *
 * Reading order: this file (what the loop does), scheduler.c (the decode thread and its step), slots.c (what the
 * model holds in memory), generation.c (one request from submit to answer), answer.c and text.c (tokens to events),
 * sampler.c, model.c (settings, loading), queue.c (whose turn), chat.cpp (templates and tool calls; the one C++ file).
 *
 * Owns: the model, its context, one decode thread, and every request until it is answered. Knows tokens, text and
 * samplers; not threads, users or HTTP. `lane` is only a number that takes turns with other numbers.
 *
 * Threads: the functions of the table run on the loop and return at once. A request is prepared on a worker
 * (template, tokenizer, grammar: milliseconds), generates on the decode thread and is answered on the loop. Only the
 * loop touches a hearth_req, but for hearth_push_many, which the decode thread calls while it holds the generation;
 * it gives the generation back with hearth_post after its last push, and only then the loop answers. A cancel is a
 * flag that the decode thread looks at between steps, so it can race with nothing.
 *
 * Fails: a damaged or unknown file makes engine.open answer with llama.cpp's reason; what aborts inside ggml ends
 * this process, which the daemon sees as `crashed`. */
#include <hearth/plugin.h>

#include <hearth/engine.h>

#include "generation.h"
#include "scheduler.h"

typedef struct engine {
    hearth_ctx  *ctx;
    scheduler   *scheduler;
    hearth_req  *open_req; /* while the model loads */
    const model *model;    /* NULL until it is there */
    generation  *all;      /* every request that is not answered */
    size_t       count;
} engine;

/* -- opening -------------------------------------------------------------------------------------------------------- */

static void on_open(void *self, hearth_code code, const hearth_err *err)
{
    engine     *e = self;
    hearth_req *req = e->open_req;
    e->open_req = NULL;
    if (code >= 0) {
        e->model = scheduler_model(e->scheduler);
        hearth_reply(req, model_describe(e->model, e->ctx));
        return;
    }
    hearth_err why = *err; /* it dies with the scheduler */
    scheduler_stop(e->scheduler);
    e->scheduler = NULL;
    hearth_fail_with(req, code, &why);
}

static void cancel_open(void *arg)
{
    engine *e = arg;
    if (e->scheduler && e->open_req)
        scheduler_cancel_load(e->scheduler);
}

static void on_end(void *self, generation *g);

static void open_model(void *self, hearth_req *req, const hearth_engine_open *o)
{
    engine        *e = self;
    hearth_err     err = { 0 };
    hearth_buf     libraries;
    model_settings settings;

    if (e->scheduler) {
        hearth_fail(req, HEARTH_CONFLICT, "this engine already %s a model; start another one for another model",
                    e->model ? "serves" : "loads");
        return;
    }
    if (o->file_count == 0 || o->files[0].n == 0 || memchr(o->files[0].p, '\0', o->files[0].n)) {
        hearth_fail(req, HEARTH_INVALID_ARGUMENT, "no model file was named; give the path of a GGUF file in files");
        return;
    }
    hearth_buf_init(&libraries, 1 << 16);
    if (model_settings_read(&settings, o->settings, &err) < 0 ||
        hearth_path(e->ctx, HEARTH_DIR_PACKAGE, HEARTH_STR("llama"), &libraries, &err) < 0) {
        hearth_buf_deinit(&libraries);
        hearth_fail_with(req, err.code, &err);
        return;
    }
    e->open_req = req;
    e->scheduler = scheduler_start(&(scheduler_options){ .ctx = e->ctx, .open_req = req, .path = o->files[0],
                                                         .libraries = hearth_buf_str(&libraries), .settings = settings,
                                                         .on_open = on_open, .on_end = on_end, .self = e }, &err);
    hearth_buf_deinit(&libraries);
    if (!e->scheduler) {
        e->open_req = NULL;
        hearth_fail_with(req, err.code, &err);
        return;
    }
    hearth_on_cancel(req, cancel_open, e);
}

/* False when the request was answered: there is no model to serve it. */
static bool has_model(const engine *e, hearth_req *req)
{
    if (e->model)
        return true;
    hearth_fail(req, e->scheduler ? HEARTH_LOADING : HEARTH_UNAVAILABLE, "%s",
                e->scheduler ? "the model is still loading; retry in a moment" : "no model is open; call engine.open first");
    return false;
}

/* -- generating ------------------------------------------------------------------------------------------------------ */

static void end(engine *e, generation *g)
{
    generation_answer(g);
    generation_free(g);
    e->count--;
}

static void on_end(void *self, generation *g)
{
    end(self, g);
}

static void cancel_generation(void *arg)
{
    generation *g = arg;
    atomic_store(&g->is_cancelled, true);
    if (g->scheduler)
        scheduler_cancel(g->scheduler, g);
}

static void prepare(void *arg)
{
    generation_prepare(arg);
}

static void on_prepared(void *arg, void *self)
{
    engine     *e = self;
    generation *g = arg;
    if (atomic_load(&g->is_cancelled))
        g->finish = HEARTH_FINISH_CANCELLED;
    if (g->finish != HEARTH_FINISH_INVALID || g->err.code < 0) {
        end(e, g);
        return;
    }
    g->scheduler = e->scheduler;
    scheduler_give(e->scheduler, g);
}

/* Makes a generation and remembers it. NULL when the request was answered. */
static generation *begin(engine *e, hearth_req *req, const hearth_engine_request *r)
{
    hearth_err  err = { 0 };
    generation *g = generation_new(e->ctx, req, e->model, r, &err);
    if (!g) {
        hearth_fail_with(req, err.code, &err);
        return NULL;
    }
    g->next = e->all;
    if (g->next)
        g->next->back = &g->next;
    g->back = &e->all;
    e->all = g;
    e->count++;
    return g;
}

static bool has_room(const engine *e, hearth_req *req)
{
    size_t most = (size_t)e->model->settings.slots + (size_t)e->model->settings.queue;
    if (e->count < most)
        return true;
    hearth_fail(req, HEARTH_BUSY, "%zu requests run or wait already; retry later, or load the model with a larger queue", e->count);
    return false;
}

static void submit(void *self, hearth_req *req, const hearth_engine_request *r)
{
    engine *e = self;
    if (!has_model(e, req) || !has_room(e, req))
        return;
    generation *g = begin(e, req, r);
    if (!g)
        return;
    hearth_on_cancel(req, cancel_generation, g);
    hearth_work(e->ctx, prepare, on_prepared, g, e);
}

/* -- templates and tokens ----------------------------------------------------------------------------------------------- */

static void render(void *arg)
{
    generation *g = arg;
    g->prompt = generation_prompt(g);
}

static void on_rendered(void *arg, void *self)
{
    engine     *e = self;
    generation *g = arg;
    if (g->err.code < 0) {
        end(e, g);
        return;
    }
    hearth_value *v = hearth_object(e->ctx);
    hearth_put_str(v, "prompt", g->prompt);
    hearth_reply(g->req, v);
    generation_free(g);
    e->count--;
}

static void apply_template(void *self, hearth_req *req, const hearth_engine_request *r)
{
    engine *e = self;
    if (!has_model(e, req) || !has_room(e, req))
        return;
    generation *g = begin(e, req, r);
    if (g)
        hearth_work(e->ctx, render, on_rendered, g, e);
}

/* A text on its way to tokens, or back: long ones take milliseconds, so a worker does it. */
typedef struct conversion {
    hearth_req   *req;
    const model  *model;
    hearth_ctx   *ctx;
    bool          add_special, parse_special;
    bool          is_failed;
    llama_token  *tokens;
    size_t        token_count;
    hearth_buf    text;
} conversion;

static conversion *conversion_new(engine *e, hearth_req *req)
{
    conversion *c = hearth_new(e->ctx, conversion);
    if (!c) {
        hearth_fail(req, HEARTH_NO_MEMORY, "no memory for the request");
        return NULL;
    }
    c->req = req;
    c->model = e->model;
    c->ctx = e->ctx;
    hearth_buf_init(&c->text, GENERATION_MAX_TEXT);
    return c;
}

static void conversion_free(conversion *c)
{
    hearth_free(c->ctx, c->tokens);
    hearth_buf_deinit(&c->text);
    hearth_free(c->ctx, c);
}

static void *alloc_tokens(void *arg, size_t bytes)
{
    conversion *c = arg;
    hearth_free(c->ctx, c->tokens);
    c->tokens = hearth_alloc(c->ctx, bytes);
    return c->tokens;
}

static void run_tokenize(void *arg)
{
    conversion *c = arg;
    c->is_failed = vocabulary_tokenize(&c->model->words, hearth_buf_str(&c->text), c->add_special, c->parse_special,
                                       alloc_tokens, c, &c->tokens, &c->token_count) < 0;
}

static void on_tokenized(void *arg, void *self)
{
    engine     *e = self;
    conversion *c = arg;
    if (c->is_failed) {
        hearth_fail(c->req, HEARTH_NO_MEMORY, "no memory for the tokens of %zu bytes", c->text.n);
    } else {
        hearth_value *list = hearth_array(e->ctx), *v = hearth_object(e->ctx);
        for (size_t i = 0; i < c->token_count; i++)
            hearth_add_i64(list, c->tokens[i]);
        hearth_put(v, "tokens", list);
        hearth_reply(c->req, v);
    }
    conversion_free(c);
}

static void tokenize(void *self, hearth_req *req, hearth_str text, bool add_special, bool parse_special)
{
    engine *e = self;
    if (!has_model(e, req))
        return;
    conversion *c = conversion_new(e, req);
    if (!c)
        return;
    c->add_special = add_special;
    c->parse_special = parse_special;
    if (hearth_buf_put(&c->text, text) < 0) {
        hearth_fail(req, HEARTH_TOO_LARGE, "a text of %zu bytes is over the limit of %u", text.n, GENERATION_MAX_TEXT);
        conversion_free(c);
        return;
    }
    hearth_work(e->ctx, run_tokenize, on_tokenized, c, e);
}

static void run_detokenize(void *arg)
{
    conversion *c = arg;
    hearth_buf  raw;
    hearth_buf_init(&raw, GENERATION_MAX_TEXT);
    for (size_t i = 0; i < c->token_count && !raw.failed; i++)
        vocabulary_put(&c->model->words, c->tokens[i], true, &raw);
    if (raw.failed || hearth_utf8_repair(&c->text, hearth_buf_str(&raw)) < 0)
        c->is_failed = true;
    hearth_buf_deinit(&raw);
}

static void on_detokenized(void *arg, void *self)
{
    engine     *e = self;
    conversion *c = arg;
    if (c->is_failed) {
        hearth_fail(c->req, HEARTH_TOO_LARGE, "the text of these tokens is over the limit of %u bytes", GENERATION_MAX_TEXT);
    } else {
        hearth_value *v = hearth_object(e->ctx);
        hearth_put_str(v, "text", hearth_buf_str(&c->text));
        hearth_reply(c->req, v);
    }
    conversion_free(c);
}

static void detokenize(void *self, hearth_req *req, const int32_t *tokens, size_t n)
{
    engine *e = self;
    if (!has_model(e, req))
        return;
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] < 0 || tokens[i] >= e->model->words.size) {
            hearth_fail(req, HEARTH_INVALID_ARGUMENT, "token %d is not in the model's vocabulary of %d", tokens[i], e->model->words.size);
            return;
        }
    }
    conversion *c = conversion_new(e, req);
    if (!c)
        return;
    c->tokens = hearth_alloc(e->ctx, n * sizeof *tokens + 1);
    if (!c->tokens) {
        hearth_fail(req, HEARTH_NO_MEMORY, "no memory for %zu tokens", n);
        conversion_free(c);
        return;
    }
    memcpy(c->tokens, tokens, n * sizeof *tokens);
    c->token_count = n;
    hearth_work(e->ctx, run_detokenize, on_detokenized, c, e);
}

static void stats(void *self, hearth_req *req)
{
    engine *e = self;
    if (has_model(e, req))
        hearth_reply(req, scheduler_stats(e->scheduler));
}

/* -- the plugin ----------------------------------------------------------------------------------------------------------- */

static hearth_code load(hearth_ctx *ctx, void **self, hearth_err *err)
{
    engine *e = hearth_new(ctx, engine);
    if (!e)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "engine-llama", "no memory for the engine");
    e->ctx = ctx;
    *self = e;
    return HEARTH_OK;
}

static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
{
    static const hearth_engine_ops ops = {
        .size = sizeof ops,
        .open = open_model,
        .submit = submit,
        .tokenize = tokenize,
        .detokenize = detokenize,
        .apply_template = apply_template,
        .stats = stats,
    };
    return hearth_engine_serve(ctx, &ops, self, err);
}

static void dispose(void *self)
{
    engine *e = self;
    if (!e)
        return;
    scheduler_stop(e->scheduler);
    while (e->all)
        generation_free(e->all); /* takes itself out of the list */
    hearth_free(e->ctx, e);
}

HEARTH_PLUGIN(load, implement, dispose)
