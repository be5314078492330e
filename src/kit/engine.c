/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine.c: between the methods engine.* and the structs that an engine's author sees (hearth/engine.h).
 *
 * Arguments are read once, with their kinds and ranges checked, into structs where every field has a value; what is
 * wrong is named in the error, in the sentence and as details.param. An engine thus never meets JSON that it did not
 * ask for, and all engines share one set of defaults. The schemas of methods.json check less on purpose: they serve
 * callers, this serves the C below it, and an engine may be reached by a caller that no schema stands before.
 *
 * null is the same as absent. Views and tokens are borrowed for the call of the operation. */
#include <hearth/engine.h>

#include <math.h>

#include "kit/describe.h"
#include "kit/limits.h"

/* What a method gets as `self`. The host keeps it until dispose, and dispose is the plugin's, which does not know of
 * it: so it is not allocated. In a child there is one; in one process two generations may overlap while the old one
 * drains, never as many as this. */
struct engine {
    const hearth_engine_ops *ops;
    void                    *self;
};

enum { ENGINES = 16 };

static struct engine engines[ENGINES];
static unsigned      engines_used;

#define CAN(e, op) ((e)->ops->size >= offsetof(hearth_engine_ops, op) + sizeof((e)->ops->op) && (e)->ops->op)

/* -- reading arguments ---------------------------------------------------------------------------------------------- */

/* One request's arguments; the first failure answers the request, after it everything reads as its default. */
struct reader {
    hearth_req         *req;
    const hearth_value *params;
    bool                has_failed;
};

static void refuse(struct reader *r, const char *name, const char *fmt, ...) HEARTH_PRINTF(3, 4);
static void refuse(struct reader *r, const char *name, const char *fmt, ...)
{
    char          text[400];
    va_list       args;
    hearth_value *details = NULL;

    if (r->has_failed)
        return;
    r->has_failed = true;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    details = hearth_object(hearth_ctx_of(r->req));
    hearth_put_cstr(details, "param", name);
    hearth_fail_detailed(r->req, HEARTH_INVALID_ARGUMENT, hearth_cstr(text), details);
}

static const hearth_value *find(struct reader *r, const char *name)
{
    const hearth_value *v = r->has_failed ? NULL : hearth_get(r->params, name);

    return hearth_kind_of(v) == HEARTH_NULL ? NULL : v;
}

static double read_number(struct reader *r, const char *name, double otherwise, double low, double high)
{
    const hearth_value *v = find(r, name);
    double              x = hearth_as_f64(v, NAN);
    char                got[DESCRIBE_BYTES];

    if (!v)
        return otherwise;
    if (!(x >= low && x <= high)) {
        refuse(r, name, "\"%s\" must be a number between %g and %g, got %s", name, low, high, describe_value(got, v));
        return otherwise;
    }
    return x;
}

static int64_t read_integer(struct reader *r, const char *name, int64_t otherwise, int64_t low, int64_t high)
{
    const hearth_value *v = find(r, name);
    int64_t             x = hearth_as_i64(v, INT64_MIN);
    char                got[DESCRIBE_BYTES];

    if (!v)
        return otherwise;
    if (x < low || x > high || x == INT64_MIN) {
        refuse(r, name, "\"%s\" must be a whole number between %lld and %lld, got %s", name, (long long)low,
               (long long)high, describe_value(got, v));
        return otherwise;
    }
    return x;
}

static bool read_bool(struct reader *r, const char *name, bool otherwise)
{
    const hearth_value *v = find(r, name);
    char                got[DESCRIBE_BYTES];

    if (v && hearth_kind_of(v) != HEARTH_BOOL)
        refuse(r, name, "\"%s\" must be true or false, got %s", name, describe_value(got, v));
    return hearth_as_bool(v, otherwise);
}

static hearth_str read_text(struct reader *r, const char *name)
{
    const hearth_value *v = find(r, name);
    char                got[DESCRIBE_BYTES];

    if (v && hearth_kind_of(v) != HEARTH_STRING)
        refuse(r, name, "\"%s\" must be a text, got %s", name, describe_value(got, v));
    return hearth_as_str(v);
}

/* `kind` HEARTH_NONE: any. */
static const hearth_value *read_value(struct reader *r, const char *name, hearth_kind kind)
{
    const hearth_value *v = find(r, name);
    char                got[DESCRIBE_BYTES];

    if (v && kind != HEARTH_NONE && hearth_kind_of(v) != kind) {
        refuse(r, name, "\"%s\" must be %s, got %s", name, kind == HEARTH_ARRAY ? "an array" : "an object",
               describe_value(got, v));
        return NULL;
    }
    return v;
}

/* An array whose every element has this kind. `least` elements or more, at most `most`. */
static const hearth_value *read_list(struct reader *r, const char *name, hearth_kind kind, size_t least, size_t most)
{
    const hearth_value *v = read_value(r, name, HEARTH_ARRAY);
    char                got[DESCRIBE_BYTES];

    if (!v)
        return NULL;
    if (hearth_count(v) < least || hearth_count(v) > most) {
        bool is_short = hearth_count(v) < least;
        refuse(r, name, "\"%s\" must have at %s %zu elements, got %zu", name, is_short ? "least" : "most",
               is_short ? least : most, hearth_count(v));
        return NULL;
    }
    for (size_t i = 0; i < hearth_count(v); i++) {
        if (hearth_kind_of(hearth_at(v, i)) != kind) {
            refuse(r, name, "\"%s[%zu]\" must be %s, got %s", name, i, kind == HEARTH_STRING ? "a text" : "an object",
                   describe_value(got, hearth_at(v, i)));
            return NULL;
        }
    }
    return v;
}

/* Token ids. Owner: the caller, hearth_free; NULL and *n = 0 when there are none or the request was answered. */
static int32_t *read_tokens(struct reader *r, const char *name, size_t *n)
{
    const hearth_value *v = read_value(r, name, HEARTH_ARRAY);
    int32_t            *tokens = NULL;
    char                got[DESCRIBE_BYTES];

    *n = 0;
    if (!v)
        return NULL;
    if (hearth_count(v) == 0 || hearth_count(v) > LIMIT_ENGINE_TOKENS) {
        refuse(r, name, "\"%s\" must have between 1 and %d tokens, got %zu", name, LIMIT_ENGINE_TOKENS,
               hearth_count(v));
        return NULL;
    }
    tokens = hearth_alloc(hearth_ctx_of(r->req), hearth_count(v) * sizeof *tokens);
    if (!tokens) {
        r->has_failed = true;
        hearth_fail(r->req, HEARTH_NO_MEMORY, "there is not enough memory for %zu tokens", hearth_count(v));
        return NULL;
    }
    for (size_t i = 0; i < hearth_count(v); i++) {
        int64_t token = hearth_as_i64(hearth_at(v, i), -1);
        if (token < 0 || token > INT32_MAX) {
            refuse(r, name, "\"%s[%zu]\" must be a token, a whole number from 0, got %s", name, i,
                   describe_value(got, hearth_at(v, i)));
            hearth_free(hearth_ctx_of(r->req), tokens);
            return NULL;
        }
        tokens[i] = (int32_t)token;
    }
    *n = hearth_count(v);
    return tokens;
}

static void read_sampling(struct reader *r, hearth_sampling *s)
{
    int64_t seed = read_integer(r, "seed", -1, -1, UINT32_MAX);

    *s = (hearth_sampling){ .size = sizeof *s };
    s->seed = seed < 0 ? HEARTH_SEED_RANDOM : (uint32_t)seed;
    s->top_k = (int32_t)read_integer(r, "top_k", 40, 0, INT32_MAX);
    s->repeat_last_n = (int32_t)read_integer(r, "repeat_last_n", 64, -1, INT32_MAX);
    s->n_probs = (int32_t)read_integer(r, "n_probs", 0, 0, LIMIT_ENGINE_PROBS);
    s->temperature = (float)read_number(r, "temperature", 0.8, 0, 100);
    s->top_p = (float)read_number(r, "top_p", 0.95, 0, 1);
    s->min_p = (float)read_number(r, "min_p", 0.05, 0, 1);
    s->typical_p = (float)read_number(r, "typical_p", 1, 0, 1);
    s->repeat_penalty = (float)read_number(r, "repeat_penalty", 1, 0.01, 10); /* logits are divided by it */
    s->presence_penalty = (float)read_number(r, "presence_penalty", 0, -2, 2);
    s->frequency_penalty = (float)read_number(r, "frequency_penalty", 0, -2, 2);
}

static void read_stop(struct reader *r, hearth_engine_request *q)
{
    q->stop = read_list(r, "stop", HEARTH_STRING, 0, LIMIT_ENGINE_STOPS);
    for (size_t i = 0; i < hearth_count(q->stop); i++) {
        size_t n = hearth_count(hearth_at(q->stop, i));
        if (n == 0 || n > LIMIT_ENGINE_STOP_BYTES)
            refuse(r, "stop", "\"stop[%zu]\" must have between 1 and %d bytes, got %zu", i, LIMIT_ENGINE_STOP_BYTES, n);
    }
}

static void read_tool_choice(struct reader *r, hearth_engine_request *q)
{
    char got[DESCRIBE_BYTES];

    q->tool_choice = read_value(r, "tool_choice", HEARTH_NONE);
    if (q->tool_choice && hearth_kind_of(q->tool_choice) != HEARTH_STRING &&
        hearth_kind_of(q->tool_choice) != HEARTH_OBJECT)
        refuse(r, "tool_choice", "\"tool_choice\" must be a text or an object, got %s",
               describe_value(got, q->tool_choice));
}

/* All that engine.submit and engine.apply_template take. *tokens is the caller's, hearth_free. */
static void read_request(struct reader *r, hearth_engine_request *q, int32_t **tokens)
{
    const hearth_value *lane = find(r, "lane");
    char                got[DESCRIBE_BYTES];
    int                 given = 0;

    *q = (hearth_engine_request){ .size = sizeof *q };
    *tokens = read_tokens(r, "tokens", &q->token_count);
    q->tokens = *tokens;
    q->messages = read_list(r, "messages", HEARTH_OBJECT, 1, SIZE_MAX);
    q->prompt = read_text(r, "prompt");
    given = !!find(r, "tokens") + !!find(r, "messages") + !!find(r, "prompt");
    if (given != 1)
        refuse(r, "messages", "give exactly one of \"messages\", \"prompt\" and \"tokens\", not %s",
               given ? "several" : "none");
    q->lane = hearth_as_u64(lane, 0);
    if (lane && hearth_as_u64(lane, 0) != hearth_as_u64(lane, 1))
        refuse(r, "lane", "\"lane\" must be a whole number from 0, got %s", describe_value(got, lane));
    q->tools = read_list(r, "tools", HEARTH_OBJECT, 0, SIZE_MAX);
    read_tool_choice(r, q);
    q->json_schema = read_value(r, "json_schema", HEARTH_OBJECT);
    q->logit_bias = read_value(r, "logit_bias", HEARTH_OBJECT);
    q->template_arguments = read_value(r, "template_arguments", HEARTH_OBJECT);
    q->grammar = read_text(r, "grammar");
    q->cache_hint = read_text(r, "cache_hint");
    q->max_tokens = (int32_t)read_integer(r, "max_tokens", -1, -1, INT32_MAX);
    q->ignore_eos = read_bool(r, "ignore_eos", false);
    if (q->json_schema && q->grammar.n)
        refuse(r, "grammar", "give \"json_schema\" or \"grammar\", not both");
    read_stop(r, q);
    read_sampling(r, &q->sampling);
}

static struct reader reader_of(hearth_req *req) { return (struct reader){ .req = req, .params = hearth_params(req) }; }

/* -- the methods ------------------------------------------------------------------------------------------------------ */

static bool is_absolute(hearth_str path)
{
    bool has_drive = path.n > 2 && path.p[1] == ':' && (path.p[2] == '\\' || path.p[2] == '/');

    return path.n > 0 && (path.p[0] == '/' || has_drive);
}

static void serve_open(hearth_req *req, void *self)
{
    struct engine      *e = self;
    struct reader       r = reader_of(req);
    hearth_ctx         *ctx = hearth_ctx_of(req);
    hearth_engine_open  open = { .size = sizeof open };
    hearth_str         *files = NULL;
    const hearth_value *names = read_list(&r, "files", HEARTH_STRING, 0, LIMIT_ENGINE_FILES);
    char                got[DESCRIBE_BYTES];

    open.settings = read_value(&r, "settings", HEARTH_OBJECT);
    open.file_count = hearth_count(names);
    for (size_t i = 0; i < open.file_count; i++)
        if (!is_absolute(hearth_as_str(hearth_at(names, i))))
            refuse(&r, "files", "\"files[%zu]\" must be an absolute path, got %s", i,
                   describe_value(got, hearth_at(names, i)));
    if (!r.has_failed && !CAN(e, open)) {
        hearth_fail(req, HEARTH_UNSUPPORTED, "this engine opens no models");
        return;
    }
    if (r.has_failed)
        return;
    if (open.file_count > 0) {
        files = hearth_alloc(ctx, open.file_count * sizeof *files);
        if (!files) {
            hearth_fail(req, HEARTH_NO_MEMORY, "there is not enough memory to open the model");
            return;
        }
        for (size_t i = 0; i < open.file_count; i++)
            files[i] = hearth_as_str(hearth_at(names, i));
    }
    open.files = files;
    e->ops->open(e->self, req, &open);
    hearth_free(ctx, files);
}

static void serve_submit(hearth_req *req, void *self)
{
    struct engine        *e = self;
    struct reader         r = reader_of(req);
    hearth_ctx           *ctx = hearth_ctx_of(req);
    hearth_engine_request q;
    int32_t              *tokens = NULL;

    read_request(&r, &q, &tokens);
    if (!r.has_failed && CAN(e, submit))
        e->ops->submit(e->self, req, &q);
    else if (!r.has_failed)
        hearth_fail(req, HEARTH_UNSUPPORTED, "this engine generates no text");
    hearth_free(ctx, tokens);
}

static void serve_apply_template(hearth_req *req, void *self)
{
    struct engine        *e = self;
    struct reader         r = reader_of(req);
    hearth_ctx           *ctx = hearth_ctx_of(req);
    hearth_engine_request q;
    int32_t              *tokens = NULL;

    read_request(&r, &q, &tokens);
    if (!r.has_failed && !q.messages)
        refuse(&r, "messages", "\"messages\" is missing: only messages have a template");
    if (!r.has_failed && CAN(e, apply_template))
        e->ops->apply_template(e->self, req, &q);
    else if (!r.has_failed)
        hearth_fail(req, HEARTH_UNSUPPORTED, "this engine has no chat template");
    hearth_free(ctx, tokens);
}

static void serve_tokenize(hearth_req *req, void *self)
{
    struct engine *e = self;
    struct reader  r = reader_of(req);
    hearth_str     text = read_text(&r, "text");
    bool           add_special = read_bool(&r, "add_special", false);
    bool           parse_special = read_bool(&r, "parse_special", true);

    if (!find(&r, "text"))
        refuse(&r, "text", "\"text\" is missing");
    if (r.has_failed)
        return;
    if (CAN(e, tokenize))
        e->ops->tokenize(e->self, req, text, add_special, parse_special);
    else
        hearth_fail(req, HEARTH_UNSUPPORTED, "this engine does not show its tokens");
}

static void serve_detokenize(hearth_req *req, void *self)
{
    struct engine *e = self;
    struct reader  r = reader_of(req);
    hearth_ctx    *ctx = hearth_ctx_of(req);
    size_t         n = 0;
    int32_t       *tokens = read_tokens(&r, "tokens", &n);

    if (!tokens)
        refuse(&r, "tokens", "\"tokens\" is missing");
    if (!r.has_failed && CAN(e, detokenize))
        e->ops->detokenize(e->self, req, tokens, n);
    else if (!r.has_failed)
        hearth_fail(req, HEARTH_UNSUPPORTED, "this engine does not show its tokens");
    hearth_free(ctx, tokens);
}

static void serve_embed(hearth_req *req, void *self)
{
    struct engine      *e = self;
    struct reader       r = reader_of(req);
    const hearth_value *inputs = read_list(&r, "inputs", HEARTH_STRING, 1, LIMIT_ENGINE_INPUTS);

    if (!inputs)
        refuse(&r, "inputs", "\"inputs\" is missing: an array of texts");
    if (r.has_failed)
        return;
    if (CAN(e, embed))
        e->ops->embed(e->self, req, inputs);
    else
        hearth_fail(req, HEARTH_UNSUPPORTED, "this engine makes no embeddings");
}

static void serve_rerank(hearth_req *req, void *self)
{
    struct engine      *e = self;
    struct reader       r = reader_of(req);
    hearth_str          query = read_text(&r, "query");
    const hearth_value *documents = read_list(&r, "documents", HEARTH_STRING, 1, LIMIT_ENGINE_INPUTS);

    if (query.n == 0)
        refuse(&r, "query", "\"query\" is missing or empty");
    if (!documents)
        refuse(&r, "documents", "\"documents\" is missing: an array of texts");
    if (r.has_failed)
        return;
    if (CAN(e, rerank))
        e->ops->rerank(e->self, req, query, documents);
    else
        hearth_fail(req, HEARTH_UNSUPPORTED, "this engine does not rank documents");
}

static void serve_stats(hearth_req *req, void *self)
{
    struct engine *e = self;

    if (CAN(e, stats))
        e->ops->stats(e->self, req);
    else
        hearth_fail(req, HEARTH_UNSUPPORTED, "this engine counts nothing");
}

hearth_code hearth_engine_serve(hearth_ctx *ctx, const hearth_engine_ops *ops, void *self, hearth_err *err)
{
    static const hearth_method methods[] = {
        { "engine.open", serve_open },
        { "engine.submit", serve_submit },
        { "engine.tokenize", serve_tokenize },
        { "engine.detokenize", serve_detokenize },
        { "engine.apply_template", serve_apply_template },
        { "engine.embed", serve_embed },
        { "engine.rerank", serve_rerank },
        { "engine.stats", serve_stats },
    };
    struct engine *e = &engines[engines_used++ % ENGINES];

    if (!ops || ops->size < offsetof(hearth_engine_ops, open) + sizeof ops->open)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "engine", "the table of the engine has no size");
    *e = (struct engine){ ops, self };
    return hearth_serve(ctx, methods, HEARTH_COUNT(methods), e, err);
}

/* -- the result ---------------------------------------------------------------------------------------------------------- */

const char *hearth_finish_name(hearth_finish finish)
{
    switch (finish) {
    case HEARTH_FINISH_STOP:
        return "stop";
    case HEARTH_FINISH_LENGTH:
        return "length";
    case HEARTH_FINISH_TOOL_CALLS:
        return "tool_calls";
    case HEARTH_FINISH_CANCELLED:
        return "cancelled";
    default:
        return "invalid";
    }
}

static void put_text_or_null(hearth_value *o, const char *key, hearth_str text)
{
    if (text.n)
        hearth_put_str(o, key, text);
    else
        hearth_put_null(o, key);
}

static double per_second(uint32_t tokens, double ms) { return ms > 0 ? tokens / ms * 1000 : 0; }

void hearth_engine_finish(hearth_req *req, const hearth_engine_result *result)
{
    hearth_ctx   *ctx = hearth_ctx_of(req);
    hearth_value *v = hearth_object(ctx), *usage = hearth_object(ctx), *timings = hearth_object(ctx);
    uint32_t cached = result->cached_tokens < result->prompt_tokens ? result->cached_tokens : result->prompt_tokens;

    hearth_put_i64(usage, "prompt_tokens", result->prompt_tokens);
    hearth_put_i64(usage, "completion_tokens", result->completion_tokens);
    hearth_put_i64(usage, "cached_tokens", cached);

    /* Tokens that came from the cache took no time: they would make the prompt look faster than it was. */
    hearth_put_f64(timings, "prompt_ms", result->prompt_ms);
    hearth_put_f64(timings, "predicted_ms", result->predicted_ms);
    hearth_put_f64(timings, "prompt_per_second", per_second(result->prompt_tokens - cached, result->prompt_ms));
    hearth_put_f64(timings, "predicted_per_second", per_second(result->completion_tokens, result->predicted_ms));

    hearth_put_str(v, "text", result->text);
    put_text_or_null(v, "reasoning", result->reasoning);
    if (result->tool_calls)
        hearth_put_ref(v, "tool_calls", result->tool_calls);
    else
        hearth_put_null(v, "tool_calls");
    hearth_put_cstr(v, "finish_reason", hearth_finish_name(result->finish));
    put_text_or_null(v, "stop_string", result->stop_string);
    hearth_put(v, "usage", usage);
    hearth_put(v, "timings", timings);
    hearth_reply(req, v);
}
