/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "openai_request.h"

#include <math.h>

typedef enum field_kind { NUMBER = 1, INTEGER, BOOL, STRING, OBJECT, ARRAY } field_kind;

/* A field that needs no more than a look at its kind and range. `to`: what inference calls it; NULL: dropped. */
typedef struct field {
    const char *name, *to;
    field_kind  kind;
    double      low, high;
} field;

#define INT_HIGH 2147483647.0

static const field sampling_fields[] = {
    { "temperature", "temperature", NUMBER, 0, 2 },
    { "top_p", "top_p", NUMBER, 0, 1 },
    { "presence_penalty", "presence_penalty", NUMBER, -2, 2 },
    { "frequency_penalty", "frequency_penalty", NUMBER, -2, 2 },
    { "user", NULL, STRING, 0, 0 },
    /* what llama.cpp's server adds */
    { "top_k", "top_k", INTEGER, 0, INT_HIGH },
    { "min_p", "min_p", NUMBER, 0, 1 },
    { "typical_p", "typical_p", NUMBER, 0, 1 },
    { "repeat_penalty", "repeat_penalty", NUMBER, 0.01, 10 },
    { "repeat_last_n", "repeat_last_n", INTEGER, -1, INT_HIGH },
    { "ignore_eos", "ignore_eos", BOOL, 0, 0 },
    { "grammar", "grammar", STRING, 0, 0 },
    { "cache_prompt", NULL, BOOL, 0, 0 },
};

static const field chat_fields[] = {
    { "prompt_cache_key", "cache_hint", STRING, 0, 0 },
    { "chat_template_kwargs", "template_arguments", OBJECT, 0, 0 },
    { "store", NULL, BOOL, 0, 0 },
    { "metadata", NULL, OBJECT, 0, 0 },
    { "service_tier", NULL, STRING, 0, 0 },
    { "safety_identifier", NULL, STRING, 0, 0 },
    { "parallel_tool_calls", NULL, BOOL, 0, 0 },
    { "reasoning_effort", NULL, STRING, 0, 0 },
    { "verbosity", NULL, STRING, 0, 0 },
    { "prediction", NULL, OBJECT, 0, 0 },
    { "web_search_options", NULL, OBJECT, 0, 0 },
    { "logprobs", NULL, BOOL, 0, 0 },
    { "top_logprobs", NULL, INTEGER, 0, 20 },
    { "json_schema", NULL, OBJECT, 0, 0 },
};

static const field completion_fields[] = {
    { "echo", NULL, BOOL, 0, 0 },
    { "best_of", NULL, INTEGER, 1, 20 },
    { "logprobs", NULL, INTEGER, 0, 5 },
    { "suffix", NULL, STRING, 0, 0 },
};

static const field common_fields[] = {
    { "stream", NULL, BOOL, 0, 0 },
    { "stream_options", NULL, OBJECT, 0, 0 },
    { "n", NULL, INTEGER, 1, OPENAI_MAX_CHOICES },
    { "max_tokens", NULL, INTEGER, -1, INT_HIGH },
    { "max_completion_tokens", NULL, INTEGER, -1, INT_HIGH },
    { "n_predict", NULL, INTEGER, -1, INT_HIGH },
    { "seed", NULL, INTEGER, -9223372036854775808.0, 18446744073709551615.0 },
    { "logit_bias", NULL, OBJECT, 0, 0 },
};

/* -- helpers ----------------------------------------------------------------------------------------------------------- */

hearth_code openai_refuse(openai_problem *p, const char *param, const char *fmt, ...)
{
    va_list args;
    if (p->err.code < 0)
        return p->err.code;
    p->err = (hearth_err){ .code = HEARTH_INVALID_ARGUMENT, .where = "api-openai" };
    va_start(args, fmt);
    vsnprintf(p->err.msg, sizeof p->err.msg, fmt, args);
    va_end(args);
    p->err.msg[hearth_utf8_whole(hearth_cstr(p->err.msg))] = 0; /* what was quoted may have been cut */
    snprintf(p->param, sizeof p->param, "%s", param);
    return HEARTH_INVALID_ARGUMENT;
}

const hearth_value *openai_given(const hearth_value *object, const char *key)
{
    const hearth_value *v = hearth_get(object, key);
    return hearth_kind_of(v) == HEARTH_NULL ? NULL : v;
}

const char *openai_kind_words(const hearth_value *v)
{
    switch (hearth_kind_of(v)) {
    case HEARTH_NONE:
        return "nothing";
    case HEARTH_NULL:
        return "null";
    case HEARTH_BOOL:
        return "a boolean";
    case HEARTH_INT:
    case HEARTH_UINT:
        return "an integer";
    case HEARTH_DOUBLE:
        return "a number";
    case HEARTH_STRING:
        return "a string";
    case HEARTH_ARRAY:
        return "an array";
    default:
        return "an object";
    }
}

static bool is_whole(const hearth_value *v)
{
    hearth_kind k = hearth_kind_of(v);
    return k == HEARTH_INT || k == HEARTH_UINT;
}

static hearth_code check(const field *f, const hearth_value *v, openai_problem *p)
{
    static const char *const words[] = {
        "", "a number", "an integer", "a boolean", "a string", "an object", "an array"
    };
    static const hearth_kind kinds[] = { HEARTH_NONE,   HEARTH_DOUBLE, HEARTH_INT,  HEARTH_BOOL,
                                         HEARTH_STRING, HEARTH_OBJECT, HEARTH_ARRAY };
    bool                     is_number = f->kind == NUMBER || f->kind == INTEGER;
    bool                     fits = f->kind == NUMBER    ? is_whole(v) || hearth_kind_of(v) == HEARTH_DOUBLE
                                    : f->kind == INTEGER ? is_whole(v)
                                                         : hearth_kind_of(v) == kinds[f->kind];
    if (!fits)
        return openai_refuse(p, f->name, "%s must be %s, not %s", f->name, words[f->kind], openai_kind_words(v));
    double x = is_number ? hearth_as_f64(v, NAN) : f->low;
    if (!(x >= f->low && x <= f->high) && is_number)
        return openai_refuse(p, f->name, "%s must be from %g to %g, not %g", f->name, f->low, f->high, x);
    return HEARTH_OK;
}

static hearth_code read_fields(const field *fields, size_t n, const hearth_value *body, hearth_value *params,
                               openai_problem *p)
{
    for (size_t i = 0; i < n; i++) {
        const hearth_value *v = openai_given(body, fields[i].name);
        if (!v)
            continue;
        HEARTH_TRY(check(&fields[i], v, p));
        if (fields[i].to)
            hearth_put_ref(params, fields[i].to, v);
    }
    return HEARTH_OK;
}

/* -- single fields -------------------------------------------------------------------------------------------------------- */

static hearth_code read_model(const hearth_value *body, openai_request *r, openai_problem *p)
{
    const hearth_value *v = openai_given(body, "model");
    if (!v)
        return openai_refuse(p, "model", "model is missing; GET /v1/models lists the models there are");
    if (hearth_kind_of(v) != HEARTH_STRING)
        return openai_refuse(p, "model", "model must be a string, not %s", openai_kind_words(v));
    if (hearth_count(v) == 0 || hearth_count(v) > 512)
        return openai_refuse(p, "model", "model must have 1 to 512 bytes");
    hearth_put_ref(r->params, "model", v);
    r->model = hearth_as_str(v);
    return HEARTH_OK;
}

/* Stop strings may be one string or up to four; an empty one says nothing. */
static hearth_code read_stop(hearth_ctx *ctx, const hearth_value *body, hearth_value *params, openai_problem *p)
{
    const hearth_value *stop = openai_given(body, "stop");
    size_t              n = hearth_kind_of(stop) == HEARTH_ARRAY ? hearth_count(stop) : 1;
    char                where[96];
    if (!stop)
        return HEARTH_OK;
    if (hearth_kind_of(stop) != HEARTH_STRING && hearth_kind_of(stop) != HEARTH_ARRAY)
        return openai_refuse(p, "stop", "stop must be a string or an array of strings, not %s",
                             openai_kind_words(stop));
    if (n > OPENAI_MAX_STOPS)
        return openai_refuse(p, "stop", "stop may hold at most %d strings, not %zu", OPENAI_MAX_STOPS, n);
    hearth_value *list = hearth_array(ctx);
    for (size_t i = 0; i < n; i++) {
        const hearth_value *one = hearth_kind_of(stop) == HEARTH_ARRAY ? hearth_at(stop, i) : stop;
        snprintf(where, sizeof where, one == stop ? "stop" : "stop[%zu]", i);
        if (hearth_kind_of(one) != HEARTH_STRING || hearth_count(one) > OPENAI_MAX_STOP_BYTES) {
            hearth_value_unref(list);
            return openai_refuse(p, where, "%s must be a string of at most %d bytes", where, OPENAI_MAX_STOP_BYTES);
        }
        if (hearth_count(one) > 0)
            hearth_add_ref(list, one);
    }
    hearth_put(params, "stop", list);
    return HEARTH_OK;
}

static hearth_code read_logit_bias(const hearth_value *body, hearth_value *params, openai_problem *p)
{
    const hearth_value *bias = openai_given(body, "logit_bias");
    for (size_t i = 0; i < hearth_count(bias); i++) {
        uint64_t token;
        double   x = hearth_as_f64(hearth_at(bias, i), NAN);
        if (hearth_str_u64(hearth_key_at(bias, i), &token) < 0 || token > INT32_MAX || !(x >= -100 && x <= 100))
            return openai_refuse(p, "logit_bias", "logit_bias must map token ids to numbers from -100 to 100");
    }
    if (bias)
        hearth_put_ref(params, "logit_bias", bias);
    return HEARTH_OK;
}

/* The newer name wins; -1, as some clients write it, is no limit. */
static hearth_code read_max_tokens(const hearth_value *body, hearth_value *params, openai_problem *p)
{
    static const char *const names[] = { "max_completion_tokens", "max_tokens", "n_predict" };
    for (size_t i = 0; i < HEARTH_COUNT(names); i++) {
        const hearth_value *v = openai_given(body, names[i]);
        if (!v)
            continue;
        if (hearth_as_i64(v, 0) == 0)
            return openai_refuse(p, names[i], "%s must be 1 or more", names[i]);
        hearth_put_ref(params, "max_tokens", v);
        return HEARTH_OK;
    }
    return HEARTH_OK;
}

/* Engines take 32 bits, and the highest number means "any"; OpenAI's seeds have 64. */
static void read_seed(const hearth_value *body, openai_request *r)
{
    const hearth_value *v = openai_given(body, "seed");
    int64_t             x = hearth_as_i64(v, 0);
    uint64_t            bits = hearth_kind_of(v) == HEARTH_UINT ? hearth_as_u64(v, 0) : (uint64_t)x;
    if (!v || x == -1)
        return;
    r->has_seed = true;
    r->seed = (uint32_t)(bits ^ bits >> 32) & 0x7fffffffu;
    if (bits <= 0x7fffffffu)
        r->seed = (uint32_t)bits;
}

static hearth_code read_stream(const hearth_value *body, openai_request *r, openai_problem *p)
{
    const hearth_value *options = openai_given(body, "stream_options");
    const hearth_value *usage = openai_given(options, "include_usage");
    r->is_stream = hearth_get_bool(body, "stream", false);
    if (options && !r->is_stream)
        return openai_refuse(p, "stream_options", "stream_options is only allowed with \"stream\": true");
    if (usage && hearth_kind_of(usage) != HEARTH_BOOL)
        return openai_refuse(p, "stream_options.include_usage",
                             "stream_options.include_usage must be a boolean, not %s", openai_kind_words(usage));
    r->wants_usage = hearth_as_bool(usage, false);
    return HEARTH_OK;
}

static hearth_code read_common(hearth_ctx *ctx, const hearth_value *body, openai_request *r, openai_problem *p)
{
    HEARTH_TRY(read_fields(sampling_fields, HEARTH_COUNT(sampling_fields), body, r->params, p));
    HEARTH_TRY(read_fields(common_fields, HEARTH_COUNT(common_fields), body, r->params, p));
    HEARTH_TRY(read_stop(ctx, body, r->params, p));
    HEARTH_TRY(read_logit_bias(body, r->params, p));
    HEARTH_TRY(read_max_tokens(body, r->params, p));
    HEARTH_TRY(read_stream(body, r, p));
    read_seed(body, r);
    r->n = (uint32_t)hearth_as_u64(openai_given(body, "n"), 1);
    return HEARTH_OK;
}

/* -- chat --------------------------------------------------------------------------------------------------------------- */

static hearth_code refuse_what_we_lack(const hearth_value *body, openai_problem *p)
{
    const hearth_value *modalities = openai_given(body, "modalities");
    if (openai_given(body, "functions") || openai_given(body, "function_call"))
        return openai_refuse(p, openai_given(body, "functions") ? "functions" : "function_call",
                             "functions and function_call are deprecated and not served; use tools and tool_choice");
    if (modalities && hearth_kind_of(modalities) != HEARTH_ARRAY)
        return openai_refuse(p, "modalities", "modalities must be an array, not %s", openai_kind_words(modalities));
    for (size_t i = 0; i < hearth_count(modalities); i++)
        if (!hearth_str_is(hearth_as_str(hearth_at(modalities, i)), "text"))
            return openai_refuse(p, "modalities", "only text can be answered: modalities must be [\"text\"]");
    if (openai_given(body, "audio"))
        return openai_refuse(p, "audio", "only text can be answered: audio is not served");
    return HEARTH_OK;
}

static hearth_code read_logprobs(const hearth_value *body, openai_request *r, openai_problem *p)
{
    const hearth_value *top = openai_given(body, "top_logprobs");
    r->wants_logprobs = hearth_get_bool(body, "logprobs", false);
    if (top && !r->wants_logprobs)
        return openai_refuse(p, "top_logprobs", "top_logprobs needs \"logprobs\": true");
    r->top_logprobs = (int32_t)hearth_as_i64(top, 0);
    if (r->wants_logprobs) /* the token itself is told with one alternative or more */
        hearth_put_i64(r->params, "n_probs", r->top_logprobs > 0 ? r->top_logprobs : 1);
    return HEARTH_OK;
}

static hearth_code read_chat(hearth_ctx *ctx, const hearth_value *body, openai_request *r, openai_problem *p)
{
    HEARTH_TRY(read_fields(chat_fields, HEARTH_COUNT(chat_fields), body, r->params, p));
    HEARTH_TRY(refuse_what_we_lack(body, p));
    HEARTH_TRY(openai_messages_read(ctx, body, r->params, p));
    HEARTH_TRY(openai_tools_read(body, r->params, p));
    HEARTH_TRY(openai_format_read(body, r->params, p));
    return read_logprobs(body, r, p);
}

/* -- completion and embedding -------------------------------------------------------------------------------------------- */

static bool are_tokens(const hearth_value *v)
{
    bool ok = hearth_kind_of(v) == HEARTH_ARRAY && hearth_count(v) > 0;
    for (size_t i = 0; ok && i < hearth_count(v); i++) {
        int64_t x = hearth_as_i64(hearth_at(v, i), -1);
        ok = x >= 0 && x <= INT32_MAX;
    }
    return ok;
}

static bool is_prompt(const hearth_value *v) { return hearth_kind_of(v) == HEARTH_STRING || are_tokens(v); }

/* "text", [1, 2], ["text", "text"], [[1, 2], [3]] */
static hearth_code read_prompts(const hearth_value *body, openai_request *r, openai_problem *p)
{
    const hearth_value *v = openai_given(body, "prompt");
    r->prompts = v;
    r->prompt_count = is_prompt(v) ? 1 : hearth_kind_of(v) == HEARTH_ARRAY ? hearth_count(v) : 0;
    bool ok = r->prompt_count > 0;
    for (size_t i = 0; ok && !is_prompt(v) && i < hearth_count(v); i++)
        ok = is_prompt(hearth_at(v, i));
    if (!ok)
        return openai_refuse(p, "prompt", "prompt must be a string, an array of strings, or token ids");
    if (r->prompt_count > OPENAI_MAX_CHOICES / r->n)
        return openai_refuse(p, "prompt", "prompts times n may be at most %d", OPENAI_MAX_CHOICES);
    return HEARTH_OK;
}

static hearth_code read_completion(const hearth_value *body, openai_request *r, openai_problem *p)
{
    HEARTH_TRY(read_fields(completion_fields, HEARTH_COUNT(completion_fields), body, r->params, p));
    if (hearth_as_i64(openai_given(body, "logprobs"), 0) > 0)
        return openai_refuse(p, "logprobs", "logprobs is served on /v1/chat/completions only");
    if (hearth_count(openai_given(body, "suffix")) > 0)
        return openai_refuse(p, "suffix", "suffix is not served: put what is to be continued into prompt");
    if (hearth_as_i64(openai_given(body, "best_of"), 1) > (int64_t)r->n)
        return openai_refuse(p, "best_of", "best_of is not served: ask for n choices and choose");
    r->wants_echo = hearth_get_bool(body, "echo", false);
    return read_prompts(body, r, p);
}

static hearth_code read_embedding(hearth_ctx *ctx, const hearth_value *body, openai_request *r, openai_problem *p)
{
    const hearth_value *input = openai_given(body, "input"), *format = openai_given(body, "encoding_format");
    hearth_str          name = hearth_as_str(format);
    if (format && !hearth_str_is(name, "float") && !hearth_str_is(name, "base64"))
        return openai_refuse(p, "encoding_format", "encoding_format must be \"float\" or \"base64\"");
    if (openai_given(body, "dimensions"))
        return openai_refuse(p, "dimensions", "dimensions is not served: a local model has the length it has");
    r->wants_base64 = hearth_str_is(name, "base64");
    size_t n = hearth_kind_of(input) == HEARTH_ARRAY ? hearth_count(input) : hearth_kind_of(input) == HEARTH_STRING;
    if (n == 0 || n > OPENAI_MAX_INPUTS)
        return openai_refuse(p, "input", "input must be a string or an array of 1 to %d strings", OPENAI_MAX_INPUTS);
    hearth_value *list = hearth_array(ctx);
    for (size_t i = 0; i < n; i++) {
        const hearth_value *one = hearth_kind_of(input) == HEARTH_ARRAY ? hearth_at(input, i) : input;
        if (hearth_kind_of(one) != HEARTH_STRING || hearth_count(one) == 0) {
            hearth_value_unref(list);
            return openai_refuse(p, "input", "input[%zu] must be a string that is not empty (token ids are not taken)",
                                 i);
        }
        hearth_add_ref(list, one);
    }
    hearth_put(r->params, "inputs", list);
    return HEARTH_OK;
}

/* -- the whole --------------------------------------------------------------------------------------------------------------- */

hearth_code openai_request_read(hearth_ctx *ctx, openai_kind kind, const hearth_value *body, openai_request *r,
                                openai_problem *problem)
{
    *r = (openai_request){ .kind = kind, .n = 1 };
    *problem = (openai_problem){ .err = { .code = HEARTH_OK } };
    if (hearth_kind_of(body) != HEARTH_OBJECT)
        return openai_refuse(problem, "", "the body must be a JSON object, not %s", openai_kind_words(body));
    r->params = hearth_object(ctx);
    HEARTH_TRY(read_model(body, r, problem));
    if (kind == OPENAI_EMBEDDING)
        return read_embedding(ctx, body, r, problem);
    HEARTH_TRY(read_common(ctx, body, r, problem));
    HEARTH_TRY(kind == OPENAI_CHAT ? read_chat(ctx, body, r, problem) : read_completion(body, r, problem));
    return hearth_is_bad(r->params)
               ? hearth_err_set(&problem->err, HEARTH_NO_MEMORY, "api-openai", "no memory for this request")
               : HEARTH_OK;
}

void openai_request_deinit(openai_request *r)
{
    hearth_value_unref(r->params);
    *r = (openai_request){ 0 };
}

hearth_value *openai_request_choice(hearth_ctx *ctx, const openai_request *r, uint32_t index)
{
    hearth_value *v = hearth_object(ctx);
    for (size_t i = 0; i < hearth_count(r->params); i++)
        hearth_values()->put_ref(v, hearth_key_at(r->params, i), hearth_at(r->params, i));
    if (r->kind == OPENAI_COMPLETION)
        hearth_put_ref(v, "prompt", is_prompt(r->prompts) ? r->prompts : hearth_at(r->prompts, index / r->n));
    if (r->has_seed)
        hearth_put_i64(v, "seed", (int64_t)((r->seed + index) & 0x7fffffffu));
    return v;
}
