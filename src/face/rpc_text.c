/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "face/rpc_text.h"

#include "kit/limits.h"

#define PUT(out, literal) hearth_buf_append(out, literal, sizeof(literal) - 1)

static const char *const kinds[HEARTH_EVENT_KINDS] = {
    [HEARTH_STARTED] = "started",     [HEARTH_TEXT] = "text",       [HEARTH_REASONING] = "reasoning",
    [HEARTH_TOOL_CALL] = "tool_call", [HEARTH_LOGPROB] = "logprob", [HEARTH_PROGRESS] = "progress",
    [HEARTH_DATA] = "data",           [HEARTH_RESET] = "reset",
};

const char *rpc_text_kind(uint32_t kind) { return kind < HEARTH_EVENT_KINDS ? kinds[kind] : NULL; }

hearth_event_kind rpc_text_kind_of(hearth_str name)
{
    for (uint32_t i = 1; i < HEARTH_EVENT_KINDS; i++)
        if (hearth_str_is(name, kinds[i]))
            return (hearth_event_kind)i;
    return HEARTH_EVENT_INVALID;
}

bool rpc_text_id(hearth_buf *out, const hearth_value *id)
{
    switch (hearth_kind_of(id)) {
    case HEARTH_STRING:
        if (hearth_as_str(id).n > LIMIT_RPC_ID_BYTES)
            return false;
        hearth_json_put_string(out, hearth_as_str(id));
        return true;
    case HEARTH_NULL:
    case HEARTH_INT:
    case HEARTH_UINT:
        hearth_json_put_value(out, id);
        return true;
    default:
        return false;
    }
}

static void put_u64(hearth_buf *out, uint64_t x)
{
    char  text[20];
    char *p = text + sizeof text;
    do
        *--p = (char)('0' + x % 10);
    while (x /= 10);
    hearth_buf_append(out, p, (size_t)(text + sizeof text - p));
}

static void put_head(hearth_buf *out, hearth_str id, uint32_t kind)
{
    PUT(out, "{\"jsonrpc\":\"2.0\",\"method\":\"rpc.event\",\"params\":{\"id\":");
    hearth_buf_put(out, id);
    PUT(out, ",\"kind\":\"");
    hearth_buf_puts(out, kinds[kind]);
    hearth_buf_putc(out, '"');
}

void rpc_text_open(hearth_buf *out, hearth_str id, const hearth_event *e)
{
    put_head(out, id, e->kind);
    PUT(out, ",\"text\":\"");
    hearth_json_put_escaped(out, e->text);
}

/* The number stands behind the text, so that it can be that of the last piece: whoever attaches again asks for what
 * follows it. */
void rpc_text_close(hearth_buf *out, uint64_t seq)
{
    PUT(out, "\",\"seq\":");
    put_u64(out, seq);
    PUT(out, "}}");
}

void rpc_text_event(hearth_buf *out, hearth_str id, const hearth_event *e)
{
    if (!rpc_text_kind(e->kind))
        return;
    if (e->kind == HEARTH_TEXT || e->kind == HEARTH_REASONING) {
        rpc_text_open(out, id, e);
        rpc_text_close(out, e->seq);
        return;
    }
    put_head(out, id, e->kind);
    if (e->kind == HEARTH_PROGRESS) {
        PUT(out, ",\"done\":");
        put_u64(out, e->done);
        PUT(out, ",\"total\":");
        put_u64(out, e->total);
        PUT(out, ",\"text\":");
        hearth_json_put_string(out, e->text);
    } else {
        PUT(out, ",\"data\":");
        if (e->data)
            hearth_json_put_value(out, e->data);
        else
            PUT(out, "null");
    }
    PUT(out, ",\"seq\":");
    put_u64(out, e->seq);
    PUT(out, "}}");
}

void rpc_text_result(hearth_buf *out, hearth_str id, const hearth_value *result)
{
    PUT(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    hearth_buf_put(out, id);
    PUT(out, ",\"result\":");
    if (result)
        hearth_json_put_value(out, result);
    else
        PUT(out, "{}");
    hearth_buf_putc(out, '}');
}

void rpc_text_error(hearth_buf *out, hearth_str id, hearth_code code, const char *message, const hearth_value *details)
{
    PUT(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    hearth_buf_put(out, id);
    hearth_buf_printf(out, ",\"error\":{\"code\":%d,\"message\":", hearth_code_rpc(code));
    hearth_json_put_string(out, hearth_cstr(message && *message ? message : hearth_code_text(code)));
    hearth_buf_printf(out, ",\"data\":{\"name\":\"%s\"", hearth_code_name(code));
    if (hearth_kind_of(details) == HEARTH_OBJECT) {
        for (size_t i = 0; i < hearth_count(details); i++) {
            if (hearth_str_is(hearth_key_at(details, i), "name"))
                continue;
            hearth_buf_putc(out, ',');
            hearth_json_put_string(out, hearth_key_at(details, i));
            hearth_buf_putc(out, ':');
            hearth_json_put_value(out, hearth_at(details, i));
        }
    } else if (details) {
        PUT(out, ",\"detail\":");
        hearth_json_put_value(out, details);
    }
    PUT(out, "}}}");
}
