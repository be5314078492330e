/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "openai_chunk.h"

#include <inttypes.h>

enum { WRITER_CAP = 16 << 10 };

hearth_code openai_writer_init(openai_writer *w, openai_kind kind, const char *id, uint64_t created_s, hearth_str model,
                               hearth_str version, bool wants_usage)
{
    *w = (openai_writer){ .kind = kind };
    hearth_buf_init(&w->head, WRITER_CAP);
    hearth_buf_init(&w->tail, WRITER_CAP);
    hearth_buf_init(&w->facts, WRITER_CAP);
    hearth_buf_printf(&w->facts,
                      "\"id\":\"%s-%s\",\"created\":%" PRIu64 ",\"model\":", kind == OPENAI_CHAT ? "chatcmpl" : "cmpl",
                      id, created_s);
    hearth_json_put_string(&w->facts, model);
    hearth_buf_puts(&w->facts, ",\"system_fingerprint\":\"hearth-");
    hearth_json_put_escaped(&w->facts, version);
    hearth_buf_puts(&w->facts, "\"");

    hearth_buf_printf(&w->head, "data: {\"object\":\"%s\",",
                      kind == OPENAI_CHAT ? "chat.completion.chunk" : "text_completion");
    hearth_buf_put(&w->head, hearth_buf_str(&w->facts));
    hearth_buf_puts(&w->head, ",\"choices\":[");
    hearth_buf_puts(&w->tail, wants_usage ? "],\"usage\":null}\n\n" : "]}\n\n");
    return w->head.failed || w->tail.failed || w->facts.failed ? HEARTH_NO_MEMORY : HEARTH_OK;
}

void openai_writer_deinit(openai_writer *w)
{
    hearth_buf_deinit(&w->head);
    hearth_buf_deinit(&w->tail);
    hearth_buf_deinit(&w->facts);
}

/* -- pieces -------------------------------------------------------------------------------------------------------------- */

/* Decimal, without printf: this is written for each token. */
static void put_u32(hearth_buf *out, uint32_t x)
{
    char   digits[10];
    size_t n = sizeof digits;
    do
        digits[--n] = (char)('0' + x % 10);
    while (x /= 10);
    hearth_buf_append(out, digits + n, sizeof digits - n);
}

static void begin(hearth_buf *out, const openai_writer *w, uint32_t index)
{
    hearth_buf_put(out, hearth_buf_str(&w->head));
    hearth_buf_puts(out, "{\"index\":");
    put_u32(out, index);
}

static void put_logprobs(hearth_buf *out, hearth_str logprobs)
{
    if (logprobs.n == 0) {
        hearth_buf_puts(out, ",\"logprobs\":null");
        return;
    }
    hearth_buf_puts(out, ",\"logprobs\":{\"content\":[");
    hearth_buf_put(out, logprobs);
    hearth_buf_puts(out, "],\"refusal\":null}");
}

static void end(hearth_buf *out, const openai_writer *w, hearth_str logprobs)
{
    put_logprobs(out, logprobs);
    hearth_buf_puts(out, ",\"finish_reason\":null}");
    hearth_buf_put(out, hearth_buf_str(&w->tail));
}

static void put_usage(hearth_buf *out, const openai_usage *u)
{
    hearth_buf_printf(out,
                      "{\"prompt_tokens\":%" PRIu64 ",\"completion_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64
                      ",\"prompt_tokens_details\":{\"cached_tokens\":%" PRIu64
                      "},\"completion_tokens_details\":{\"reasoning_tokens\":%" PRIu64 "}}",
                      u->prompt, u->completion, u->prompt + u->completion, u->cached, u->reasoning);
}

/* Engines say "cancelled"; to a client that still listens it is an early stop. */
static const char *reason_of(hearth_str reason)
{
    return hearth_str_is(reason, "length") ? "length" : hearth_str_is(reason, "tool_calls") ? "tool_calls" : "stop";
}

/* -- chunks ---------------------------------------------------------------------------------------------------------------- */

void openai_put_role(hearth_buf *out, const openai_writer *w, uint32_t index)
{
    begin(out, w, index);
    hearth_buf_puts(out, ",\"delta\":{\"role\":\"assistant\",\"content\":\"\"}");
    end(out, w, (hearth_str){ NULL, 0 });
}

void openai_put_text(hearth_buf *out, const openai_writer *w, uint32_t index, hearth_str text, hearth_str logprobs)
{
    begin(out, w, index);
    hearth_buf_puts(out, w->kind == OPENAI_CHAT ? ",\"delta\":{\"content\":\"" : ",\"text\":\"");
    hearth_json_put_escaped(out, text);
    hearth_buf_puts(out, w->kind == OPENAI_CHAT ? "\"}" : "\"");
    end(out, w, logprobs);
}

void openai_put_reasoning(hearth_buf *out, const openai_writer *w, uint32_t index, hearth_str text)
{
    begin(out, w, index);
    hearth_buf_puts(out, ",\"delta\":{\"reasoning_content\":\"");
    hearth_json_put_escaped(out, text);
    hearth_buf_puts(out, "\"}");
    end(out, w, (hearth_str){ NULL, 0 });
}

void openai_put_tool_call(hearth_buf *out, const openai_writer *w, uint32_t index, const hearth_value *call)
{
    hearth_str id = hearth_get_str(call, "id"), name = hearth_get_str(call, "name");
    begin(out, w, index);
    hearth_buf_puts(out, ",\"delta\":{\"tool_calls\":[{\"index\":");
    put_u32(out, (uint32_t)hearth_get_u64(call, "index", 0));
    if (id.n > 0) {
        hearth_buf_puts(out, ",\"id\":");
        hearth_json_put_string(out, id);
        hearth_buf_puts(out, ",\"type\":\"function\"");
    }
    hearth_buf_puts(out, ",\"function\":{");
    if (name.n > 0) {
        hearth_buf_puts(out, "\"name\":");
        hearth_json_put_string(out, name);
        hearth_buf_puts(out, ",");
    }
    hearth_buf_puts(out, "\"arguments\":");
    hearth_json_put_string(out, hearth_get_str(call, "arguments"));
    hearth_buf_puts(out, "}}]}");
    end(out, w, (hearth_str){ NULL, 0 });
}

/* As llama.cpp's server names them: its clients and benches read the speed from here. */
static void put_timings(hearth_buf *out, const hearth_value *timings)
{
    hearth_buf_puts(out, ",\"timings\":");
    hearth_json_put_value(out, timings);
}

void openai_put_finish(hearth_buf *out, const openai_writer *w, uint32_t index, const char *reason, hearth_str logprobs,
                       const hearth_value *timings)
{
    begin(out, w, index);
    hearth_buf_puts(out, w->kind == OPENAI_CHAT ? ",\"delta\":{}" : ",\"text\":\"\"");
    put_logprobs(out, logprobs);
    hearth_buf_printf(out, ",\"finish_reason\":\"%s\"}", reason_of(hearth_cstr(reason)));
    if (!timings) {
        hearth_buf_put(out, hearth_buf_str(&w->tail));
        return;
    }
    hearth_buf_puts(out, "]");
    put_timings(out, timings);
    hearth_buf_append(out, w->tail.p + 1, w->tail.n - 1); /* its "]" is written already */
}

void openai_put_usage_chunk(hearth_buf *out, const openai_writer *w, const openai_usage *u)
{
    hearth_buf_put(out, hearth_buf_str(&w->head));
    hearth_buf_puts(out, "],\"usage\":");
    put_usage(out, u);
    hearth_buf_puts(out, "}\n\n");
}

void openai_put_done(hearth_buf *out) { hearth_buf_puts(out, "data: [DONE]\n\n"); }

void openai_put_logprob(hearth_buf *out, const hearth_value *data, int32_t top)
{
    static const char *const keys[] = { "token", "logprob", "bytes" };
    const hearth_value      *others = hearth_get(data, "top_logprobs");
    if (out->n > 0)
        hearth_buf_putc(out, ',');
    for (size_t i = 0; i < HEARTH_COUNT(keys); i++) {
        const hearth_value *v = hearth_get(data, keys[i]);
        hearth_buf_printf(out, "%c\"%s\":", i == 0 ? '{' : ',', keys[i]);
        if (v)
            hearth_json_put_value(out, v);
        else
            hearth_buf_puts(out, "null");
    }
    hearth_buf_puts(out, ",\"top_logprobs\":[");
    for (size_t i = 0; i < hearth_count(others) && i < (size_t)top; i++) {
        hearth_buf_puts(out, i ? "," : "");
        hearth_json_put_value(out, hearth_at(others, i));
    }
    hearth_buf_puts(out, "]}");
}

/* -- bodies ------------------------------------------------------------------------------------------------------------------ */

/* {id, type, function} as OpenAI has it, from that or from the flat {id, name, arguments}. */
static void put_whole_call(hearth_buf *out, const hearth_value *call)
{
    const hearth_value *function = hearth_get(call, "function");
    const hearth_value *from = function ? function : call, *arguments = hearth_get(from, "arguments");
    hearth_buf_puts(out, "{\"id\":");
    hearth_json_put_string(out, hearth_get_str(call, "id"));
    hearth_buf_puts(out, ",\"type\":\"function\",\"function\":{\"name\":");
    hearth_json_put_string(out, hearth_get_str(from, "name"));
    hearth_buf_puts(out, ",\"arguments\":");
    if (hearth_kind_of(arguments) == HEARTH_OBJECT) { /* the one place where OpenAI wants JSON inside a string */
        size_t n = 0;
        char  *text = hearth_write(arguments, &n);
        hearth_json_put_string(out, (hearth_str){ text, n });
        hearth_write_free(text);
    } else {
        hearth_json_put_string(out, hearth_as_str(arguments));
    }
    hearth_buf_puts(out, "}}");
}

static void put_message(hearth_buf *out, const hearth_value *result)
{
    const hearth_value *calls = hearth_get(result, "tool_calls");
    hearth_str          text = hearth_get_str(result, "text"), reasoning = hearth_get_str(result, "reasoning");
    hearth_buf_puts(out, ",\"message\":{\"role\":\"assistant\",\"content\":");
    if (text.n == 0 && hearth_count(calls) > 0)
        hearth_buf_puts(out, "null");
    else
        hearth_json_put_string(out, text);
    if (reasoning.n > 0) {
        hearth_buf_puts(out, ",\"reasoning_content\":");
        hearth_json_put_string(out, reasoning);
    }
    for (size_t i = 0; i < hearth_count(calls); i++) {
        hearth_buf_puts(out, i ? "," : ",\"tool_calls\":[");
        put_whole_call(out, hearth_at(calls, i));
    }
    hearth_buf_puts(out, hearth_count(calls) > 0 ? "],\"refusal\":null}" : ",\"refusal\":null}");
}

static void put_choice(hearth_buf *out, const openai_writer *w, const openai_choice *c, uint32_t index,
                       bool has_logprobs)
{
    hearth_buf_puts(out, index ? ",{\"index\":" : "{\"index\":");
    put_u32(out, index);
    if (w->kind == OPENAI_CHAT) {
        put_message(out, c->result);
    } else {
        hearth_buf_puts(out, ",\"text\":\"");
        hearth_json_put_escaped(out, c->echo);
        hearth_json_put_escaped(out, hearth_get_str(c->result, "text"));
        hearth_buf_puts(out, "\"");
    }
    if (has_logprobs && c->logprobs.n == 0)
        hearth_buf_puts(out, ",\"logprobs\":{\"content\":[],\"refusal\":null}");
    else
        put_logprobs(out, c->logprobs);
    hearth_buf_printf(out, ",\"finish_reason\":\"%s\"}", reason_of(hearth_get_str(c->result, "finish_reason")));
}

void openai_put_answer(hearth_buf *out, const openai_writer *w, const openai_choice *choices, size_t n,
                       bool has_logprobs, const openai_usage *u)
{
    hearth_buf_printf(out, "{\"object\":\"%s\",", w->kind == OPENAI_CHAT ? "chat.completion" : "text_completion");
    hearth_buf_put(out, hearth_buf_str(&w->facts));
    hearth_buf_puts(out, ",\"choices\":[");
    for (size_t i = 0; i < n; i++)
        put_choice(out, w, &choices[i], (uint32_t)i, has_logprobs);
    hearth_buf_puts(out, "],\"usage\":");
    put_usage(out, u);
    if (n == 1 && hearth_get(choices[0].result, "timings"))
        put_timings(out, hearth_get(choices[0].result, "timings"));
    hearth_buf_puts(out, "}");
}

int openai_status(hearth_code code)
{
    switch (code) {
    case HEARTH_CONTEXT_OVERFLOW:
    case HEARTH_PARSE:
        return 400;
    case HEARTH_LOADING:
        return 503;
    default:
        return hearth_code_http(code);
    }
}

static const char *error_type(hearth_code code)
{
    if (code == HEARTH_CONTEXT_OVERFLOW)
        return "exceed_context_size_error";
    switch (openai_status(code)) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 429:
        return "rate_limit_error";
    case 501:
        return "not_supported_error";
    case 503:
        return "unavailable_error";
    case 400:
    case 413:
    case 422:
        return "invalid_request_error";
    default:
        return "server_error";
    }
}

void openai_put_error(hearth_buf *out, hearth_code code, hearth_str message, hearth_str param,
                      const hearth_value *details)
{
    static const char *const numbers[] = { "n_prompt_tokens", "n_ctx" };
    const char              *name = code == HEARTH_NOT_FOUND          ? "model_not_found"
                                    : code == HEARTH_CONTEXT_OVERFLOW ? "context_length_exceeded"
                                                                      : hearth_code_name(code);
    hearth_buf_puts(out, "{\"error\":{\"message\":");
    hearth_json_put_string(out, message.n ? message : hearth_cstr(hearth_code_text(code)));
    hearth_buf_printf(out, ",\"type\":\"%s\",\"param\":", error_type(code));
    if (param.n > 0)
        hearth_json_put_string(out, param);
    else
        hearth_buf_puts(out, "null");
    hearth_buf_printf(out, ",\"code\":\"%s\"", name);
    for (size_t i = 0; i < HEARTH_COUNT(numbers); i++)
        if (hearth_get(details, numbers[i]))
            hearth_buf_printf(out, ",\"%s\":%" PRIu64, numbers[i], hearth_get_u64(details, numbers[i], 0));
    hearth_buf_puts(out, "}}");
}

void openai_put_model(hearth_buf *out, const hearth_value *model, uint64_t created_s)
{
    static const struct {
        const char *name, *from;
    } meta[] = { { "n_ctx_train", "context_train" }, { "n_params", "parameters" }, { "size", "size_bytes" } };
    hearth_buf_puts(out, "{\"id\":");
    hearth_json_put_string(out, hearth_get_str(model, "id"));
    hearth_buf_printf(out, ",\"object\":\"model\",\"created\":%" PRIu64 ",\"owned_by\":\"hearth\",\"meta\":{",
                      created_s);
    for (size_t i = 0; i < HEARTH_COUNT(meta); i++)
        hearth_buf_printf(out, "%s\"%s\":%" PRIu64, i ? "," : "", meta[i].name, hearth_get_u64(model, meta[i].from, 0));
    hearth_buf_puts(out, "}}");
}

static void put_vector(hearth_buf *out, const hearth_value *row, bool is_base64)
{
    if (!is_base64) {
        hearth_json_put_value(out, row);
        return;
    }
    hearth_buf raw;
    hearth_buf_init(&raw, 4 << 20);
    for (size_t i = 0; i < hearth_count(row); i++) {
        float    x = (float)hearth_as_f64(hearth_at(row, i), 0);
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        const unsigned char bytes[] = { bits & 255, bits >> 8 & 255, bits >> 16 & 255, bits >> 24 & 255 };
        hearth_buf_append(&raw, bytes, sizeof bytes);
    }
    hearth_buf_puts(out, "\"");
    hearth_base64_put(out, raw.p, raw.n);
    hearth_buf_puts(out, "\"");
    out->failed |= raw.failed;
    hearth_buf_deinit(&raw);
}

void openai_put_embeddings(hearth_buf *out, hearth_str model, const hearth_value *result, bool is_base64)
{
    const hearth_value *rows = hearth_get(result, "embeddings");
    uint64_t            tokens = hearth_get_u64(result, "prompt_tokens", 0);
    hearth_buf_puts(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < hearth_count(rows); i++) {
        hearth_buf_printf(out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i ? "," : "", i);
        put_vector(out, hearth_at(rows, i), is_base64);
        hearth_buf_puts(out, "}");
    }
    hearth_buf_puts(out, "],\"model\":");
    hearth_json_put_string(out, model);
    hearth_buf_printf(out, ",\"usage\":{\"prompt_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64 "}}", tokens, tokens);
}
