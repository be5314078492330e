/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The way of an HTTP request: id → guard → the paths that need nobody's name → the documents of the page → who asks →
 * the face's own paths and the routes of plugins. */
#include "face/face_impl.h"

#define LITERAL(text)                                                                                                  \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

static void name_request(exchange *x)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t          n = (uint64_t)x->f->boot << 32 | ++x->f->next_request;
    for (int i = 15; i >= 0; i--, n >>= 4)
        x->id[i] = digits[n & 15];
    x->id[16] = 0;
}

static bool is_get(const http_request *r)
{
    return hearth_str_is(r->method, "GET") || hearth_str_is(r->method, "HEAD");
}

/* A browser asks whether a page of another origin may send what it wants to send. The guard has let an allowed one pass. */
static void answer_preflight(const exchange *x)
{
    hearth_header headers[EXCHANGE_HEADERS + 4];
    size_t        n = answer_headers(x, headers);
    if (!x->pass.is_foreign) {
        headers[n++] = (hearth_header){ LITERAL("allow"), LITERAL("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS") };
    } else {
        headers[n++] =
            (hearth_header){ LITERAL("access-control-allow-methods"), LITERAL("GET, POST, PUT, PATCH, DELETE") };
        headers[n++] =
            (hearth_header){ LITERAL("access-control-allow-headers"),
                             LITERAL("authorization, content-type, x-api-key, anthropic-version, anthropic-beta, "
                                     "openai-organization, openai-project, openai-beta") };
        headers[n++] = (hearth_header){ LITERAL("access-control-max-age"), LITERAL("600") };
        if (x->h.preflight_private.p)
            headers[n++] = (hearth_header){ LITERAL("access-control-allow-private-network"), LITERAL("true") };
    }
    http_reply(x->req, 204, headers, n, (hearth_str){ NULL, 0 });
}

static void refuse(const exchange *x, int status, hearth_code code, const char *msg)
{
    hearth_err err = { 0 };
    hearth_err_set(&err, code, "http", "%s", msg);
    answer_error(x, status, &err, NULL);
}

static void answer_health(const exchange *x, bool is_ready)
{
    if (!is_get(x->r))
        refuse(x, 405, HEARTH_INVALID_REQUEST, "only GET works here");
    else if (is_ready)
        answer_json_static(x, 200, HEARTH_STR("{\"status\":\"ok\"}"));
    else
        answer_json_static(x, 503, HEARTH_STR("{\"status\":\"stopping\"}"));
}

/* Paths that tell nothing about anybody. True when `x` was answered. */
static bool take_open(const exchange *x)
{
    hearth_str path = x->r->path;
    if (hearth_str_is(path, "/livez"))
        answer_health(x, true);
    else if (hearth_str_is(path, "/readyz"))
        answer_health(x, !x->f->is_stopping);
    else if (hearth_str_is(x->r->method, "OPTIONS"))
        answer_preflight(x);
    else
        return false;
    return true;
}

static void take_description(const exchange *x, hearth_code (*text)(struct openrpc *, const char *, hearth_str *))
{
    hearth_str body = { NULL, 0 };
    if (!is_get(x->r))
        refuse(x, 405, HEARTH_INVALID_REQUEST, "only GET works here");
    else if (text(x->f->openrpc, x->f->url, &body) < 0)
        refuse(x, 0, HEARTH_NO_MEMORY, "no memory to describe what is served");
    else
        answer_json(x, 200, body);
}

static void take_rpc(const exchange *x)
{
    if (x->r->wants_ws)
        rpc_ws_take(x);
    else if (hearth_str_is(x->r->method, "POST"))
        rpc_http_take(x);
    else
        refuse(x, 405, HEARTH_INVALID_REQUEST, "/rpc takes a POST with a JSON-RPC request, or a WebSocket");
}

/* What can be reached only by a known somebody (who may be `local`). */
static void take_named(exchange *x)
{
    hearth_err  err = { 0 };
    hearth_str  path = x->r->path, rest = { NULL, 0 };
    bool        has_other_verb = false;
    hearth_code code = sessions_who(x->f->sessions, &x->h, &x->who, &err);
    if (code < 0) {
        answer_error(x, 0, &err, NULL);
        return;
    }
    if (hearth_str_is(path, "/rpc")) {
        take_rpc(x);
        return;
    }
    if (hearth_str_is(path, "/openrpc.json")) {
        take_description(x, openrpc_text);
        return;
    }
    if (hearth_str_is(path, "/openapi.json")) {
        take_description(x, openapi_text);
        return;
    }
    route *rt = registry_match(kernel_registry(x->f->k), x->r->method, path, &rest, &has_other_verb);
    if (rt)
        route_take(x, rt, rest);
    else if (has_other_verb)
        refuse(x, 405, HEARTH_INVALID_REQUEST,
               "this path does not know this method; /openapi.json lists what there is");
    else
        refuse(x, 404, HEARTH_NOT_FOUND, "there is nothing at this path; /openapi.json lists what there is");
}

/* Whether a path belongs to a plugin's route: then the page must not answer it. */
static bool is_routed(const exchange *x)
{
    hearth_str rest;
    bool       has_other_verb = false;
    return registry_match(kernel_registry(x->f->k), x->r->method, x->r->path, &rest, &has_other_verb) || has_other_verb;
}

void router_take(void *arg, http_req *req, const http_request *r)
{
    exchange x = { .f = arg, .req = req, .r = r };
    heads_read(&x.h, r);
    name_request(&x);
    hearth_err err = { 0 };
    int        status = guard_check(&x.f->guard, r, &x.h, &x.pass, &err);
    if (x.f->o.log_requests)
        kernel_log(x.f->k, HEARTH_LOG_DEBUG, "face", "%s %.*s %.*s from %s%s%s", x.id, HEARTH_FMT(r->method),
                   (int)(r->path.n < 200 ? r->path.n : 200), r->path.p, r->peer, status ? ": " : "",
                   status ? err.msg : "");
    if (status) {
        answer_error(&x, status, &err, NULL);
        return;
    }
    if (take_open(&x))
        return;
    /* The page holds nothing of anybody, and a browser whose session has ended must still get it. */
    if (is_get(r) && !is_routed(&x) && static_page_take(&x))
        return;
    if (x.pass.is_page_only) {
        refuse(&x, 403, HEARTH_DENIED, "a link on another site led here, which is good for the page only");
        return;
    }
    take_named(&x);
}
