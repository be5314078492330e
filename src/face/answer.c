/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "face/face_impl.h"

#include "kit/limits.h"

#define LITERAL(text)                                                                                                  \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

size_t answer_headers(const exchange *x, hearth_header out[EXCHANGE_HEADERS])
{
    size_t n = 0;
    out[n++] = (hearth_header){ LITERAL("x-request-id"), { x->id, EXCHANGE_ID - 4 } };
    out[n++] = (hearth_header){ LITERAL("x-content-type-options"), LITERAL("nosniff") };
    if (x->pass.is_foreign) {
        out[n++] = (hearth_header){ LITERAL("access-control-allow-origin"), x->h.origin };
        out[n++] = (hearth_header){ LITERAL("access-control-expose-headers"), LITERAL("x-request-id") };
        out[n++] = (hearth_header){ LITERAL("vary"), LITERAL("origin") };
    }
    return n;
}

static size_t json_headers(const exchange *x, hearth_header out[EXCHANGE_HEADERS + 3])
{
    size_t n = answer_headers(x, out);
    out[n++] = (hearth_header){ LITERAL("content-type"), LITERAL("application/json") };
    out[n++] = (hearth_header){ LITERAL("cache-control"), LITERAL("no-store") };
    return n;
}

void answer_json(const exchange *x, int status, hearth_str body)
{
    hearth_header headers[EXCHANGE_HEADERS + 3];
    http_reply(x->req, status, headers, json_headers(x, headers), body);
}

void answer_json_static(const exchange *x, int status, hearth_str body)
{
    hearth_header headers[EXCHANGE_HEADERS + 3];
    http_reply_static(x->req, status, headers, json_headers(x, headers), body);
}

/* The members that OpenAI's clients look for; `type` and `code` are both our stable name. */
void answer_error_text(hearth_buf *out, const hearth_err *err, const hearth_value *details)
{
    const char *name = hearth_code_name(err->code);
    hearth_buf_puts(out, "{\"error\":{\"message\":");
    hearth_json_put_string(out, hearth_cstr(err->msg[0] ? err->msg : hearth_code_text(err->code)));
    hearth_buf_printf(out, ",\"type\":\"%s\",\"code\":\"%s\",\"param\":", name, name);
    hearth_str param = hearth_get_str(details, "param");
    if (param.p)
        hearth_json_put_string(out, param);
    else
        hearth_buf_puts(out, "null");
    hearth_buf_puts(out, "}}");
}

void answer_error(const exchange *x, int status, const hearth_err *err, const hearth_value *details)
{
    hearth_header headers[EXCHANGE_HEADERS + 3];
    size_t        n = json_headers(x, headers);
    hearth_buf    body;
    hearth_buf_init(&body, LIMIT_KIB(64));
    answer_error_text(&body, err, details);
    if (err->code == HEARTH_UNAUTHENTICATED)
        headers[n++] = (hearth_header){ LITERAL("www-authenticate"), LITERAL("Bearer") };
    http_reply(x->req, status ? status : hearth_code_http(err->code), headers, n, hearth_buf_str(&body));
    hearth_buf_deinit(&body);
}
