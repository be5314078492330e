/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/client.h"

typedef void (*event_fn)(void *arg, const hearth_event *event);

/* One call, while it blocks. */
typedef struct calling {
    hearth        *h;
    uint64_t       id;
    event_fn       on_event;
    void          *arg;
    hearth_value  *result;
    hearth_value **details;
    hearth_err    *err;
    bool           is_over;
} calling;

static hearth_event_kind kind_of(hearth_str name)
{
    static const char *const names[] = { "",        "started",  "text", "reasoning", "tool_call",
                                         "logprob", "progress", "data", "reset" };
    for (size_t i = 1; i < HEARTH_COUNT(names); i++)
        if (hearth_str_is(name, names[i]))
            return (hearth_event_kind)i;
    return HEARTH_EVENT_INVALID;
}

static void take_event(calling *c, const hearth_value *params)
{
    hearth_event e = { (uint32_t)kind_of(hearth_get_str(params, "kind")),
                       0,
                       hearth_get_u64(params, "seq", 0),
                       hearth_get_str(params, "text"),
                       hearth_get_u64(params, "done", 0),
                       hearth_get_u64(params, "total", 0),
                       hearth_get(params, "data") };
    if (c->on_event && e.kind != HEARTH_EVENT_INVALID && hearth_get_u64(params, "id", 0) == c->id)
        c->on_event(c->arg, &e);
}

static hearth_code code_named(hearth_str name, int64_t rpc)
{
#define XX(NAME, lower, code, http, rpc_code, text)                                                                    \
    if (hearth_str_is(name, #lower))                                                                                   \
        return HEARTH_##NAME;
    HEARTH_ERRORS(XX)
#undef XX
    hearth_code code = hearth_code_of_rpc(rpc);
    return code < 0 ? code : HEARTH_INTERNAL;
}

static void take_answer(calling *c, const hearth_value *message)
{
    const hearth_value *error = hearth_get(message, "error"), *data = hearth_get(error, "data");
    c->is_over = true;
    if (!error) {
        c->result = hearth_value_ref(hearth_get(message, "result"));
        return;
    }
    hearth_str text = hearth_get_str(error, "message");
    if (c->details && data)
        *c->details = hearth_value_ref(data);
    hearth_err_set(c->err, code_named(hearth_get_str(data, "name"), hearth_get_i64(error, "code", 0)), "hearth", "%.*s",
                   HEARTH_FMT(text));
}

/* We serve nothing; a request must still be answered, or its caller waits forever. */
static void refuse_request(calling *c, const hearth_value *id)
{
    hearth_buf *out = &c->h->out;
    hearth_buf_reset(out);
    hearth_buf_puts(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    hearth_json_put_value(out, id);
    hearth_buf_puts(out, ",\"error\":{\"code\":-32601,\"message\":\"this program serves no "
                         "methods\",\"data\":{\"name\":\"unknown_method\"}}}\n");
    if (!out->failed)
        client_link_send(&c->h->link, hearth_buf_str(out), NULL);
}

static hearth_code take_line(calling *c, hearth_str line)
{
    hearth_err    inner = { 0 };
    hearth_value *message = hearth_parse(NULL, line, &inner);
    if (!message)
        return hearth_err_set(c->err, HEARTH_INCOMPATIBLE, "hearth", "the daemon sent what is no JSON: %s", inner.msg);
    const hearth_value *id = hearth_get(message, "id");
    hearth_str          name = hearth_get_str(message, "method");
    if (hearth_str_is(name, "rpc.event"))
        take_event(c, hearth_get(message, "params"));
    else if (name.p && id)
        refuse_request(c, id);
    else if (!name.p && hearth_as_u64(id, 0) == c->id)
        take_answer(c, message);
    else if (!name.p && hearth_kind_of(id) == HEARTH_NULL && hearth_get(message, "error"))
        take_answer(c, message); /* our line could not be read at all: too long */
    hearth_value_unref(message);
    return HEARTH_OK;
}

static void drain(int fd)
{
    char bytes[64];
    while (read(fd, bytes, sizeof bytes) > 0)
        ;
}

static hearth_code send_cancel(calling *c)
{
    hearth_buf *out = &c->h->out;
    hearth_buf_reset(out);
    hearth_buf_printf(out, "{\"jsonrpc\":\"2.0\",\"method\":\"rpc.cancel\",\"params\":{\"id\":%" PRIu64 "}}\n", c->id);
    return client_link_send(&c->h->link, hearth_buf_str(out), c->err);
}

static hearth_code converse(calling *c)
{
    while (!c->is_over) {
        hearth_str line;
        bool       woken;
        HEARTH_TRY(client_link_read(&c->h->link, c->h->wake[0], &line, &woken, c->err));
        if (woken) {
            drain(c->h->wake[0]);
            HEARTH_TRY(send_cancel(c));
        } else if (line.n) {
            HEARTH_TRY(take_line(c, line));
        }
    }
    return HEARTH_OK;
}

static hearth_code send_request(calling *c, const char *name, hearth_str params)
{
    hearth_buf *out = &c->h->out;
    hearth_buf_reset(out);
    hearth_buf_printf(out, "{\"jsonrpc\":\"2.0\",\"id\":%" PRIu64 ",\"method\":", c->id);
    hearth_json_put_string(out, hearth_cstr(name));
    hearth_buf_puts(out, ",\"params\":");
    hearth_buf_put(out, params);
    hearth_buf_puts(out, "}\n");
    if (out->failed)
        return hearth_err_set(c->err, HEARTH_TOO_LARGE, "hearth", "the arguments of %s are too large", name);
    return client_link_send(&c->h->link, hearth_buf_str(out), c->err);
}

hearth_value *hearth_call_value(hearth *h, const char *name, hearth_value *params, event_fn on_event, void *arg,
                                hearth_value **details, hearth_err *err)
{
    hearth_err inner = { 0 };
    if (!err)
        err = &inner;
    *err = inner;
    if (details)
        *details = NULL;
    if (h->is_calling) {
        hearth_value_unref(params);
        hearth_err_set(err, HEARTH_CONFLICT, "hearth",
                       "another call is under way on this connection; open a second one");
        return NULL;
    }
    calling c = { .h = h, .id = ++h->next_id, .on_event = on_event, .arg = arg, .details = details, .err = err };
    size_t  n = 2;
    char   *text = params ? hearth_write(params, &n) : NULL;
    bool    is_lost = params && !text;
    hearth_value_unref(params);
    h->is_calling = true;
    drain(h->wake[0]); /* an interrupt belongs to the call that was under way */
    hearth_code code = is_lost
                           ? hearth_err_set(err, HEARTH_NO_MEMORY, "hearth", "no memory for the arguments of %s", name)
                           : send_request(&c, name, text ? (hearth_str){ text, n } : HEARTH_STR("{}"));
    hearth_write_free(text);
    if (code >= 0)
        code = converse(&c);
    h->is_calling = false;
    if (h->out.size > (1u << 20)) { /* one large request must not be kept forever */
        hearth_buf_deinit(&h->out);
        hearth_buf_init(&h->out, h->out.cap);
    }
    if (code >= 0)
        return c.result;
    hearth_value_unref(c.result);
    return NULL;
}

hearth_value *hearth_call(hearth *h, const char *name, const char *params, event_fn on_event, void *arg,
                          hearth_err *err)
{
    hearth_value *value = NULL;
    hearth_err    inner = { 0 };
    if (!err)
        err = &inner;
    *err = inner;
    if (params && *params) {
        value = hearth_parse(NULL, hearth_cstr(params), err);
        if (!value)
            return NULL;
    }
    return hearth_call_value(h, name, value, on_event, arg, NULL, err);
}
