/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The page: files inside the executable (tools/embed made the table), in the form that the browser takes, and the exchange
 * of a one-time key for a session's cookie on the way. An address that is no file is the page itself, which routes further
 * in the browser. */
#include <stdio.h>
#include <string.h>

#include "assets.h"
#include "face/face_impl.h"

#define LITERAL(text)                                                                                                  \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

enum { COOKIE_AGE_S = 30 * 24 * 60 * 60, PAGE_HEADERS = 12 };

static const struct asset *find_asset(const struct asset *all, hearth_str path)
{
    for (; all && all->path; all++)
        if (hearth_str_is(path, all->path))
            return all;
    return NULL;
}

/* An address of the page's own router: a browser asks for a document, and the last part is no file name. */
static bool is_document(const exchange *x)
{
    hearth_str path = x->r->path;
    if (hearth_str_is(path, "/") || hearth_str_is(path, "/index.html"))
        return true;
    if (!heads_lists(x->h.accept, "text/html") || hearth_str_starts(path, "/v1/") || hearth_str_starts(path, "/api/") ||
        hearth_str_starts(path, "/rpc") || hearth_str_starts(path, "/assets/"))
        return false;
    for (size_t i = path.n; i-- > 0 && path.p[i] != '/';)
        if (path.p[i] == '.')
            return false;
    return true;
}

/* -- signing in ----------------------------------------------------------------------------------------------- */

/* The value of `key` in a query; nothing is decoded: a key holds only characters that need no encoding. */
static hearth_str key_of(hearth_str query)
{
    for (size_t i = 0; i + 4 <= query.n; i++) {
        if ((i > 0 && query.p[i - 1] != '&') || memcmp(query.p + i, "key=", 4) != 0)
            continue;
        hearth_str  key = { query.p + i + 4, query.n - i - 4 };
        const char *end = memchr(key.p, '&', key.n);
        if (end)
            key.n = (size_t)(end - key.p);
        return key;
    }
    return (hearth_str){ NULL, 0 };
}

/* Only what cannot name another host or break a header: letters, digits, single slashes, - and _. */
static bool is_plain(hearth_str path)
{
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || (c == '/' && (i == 0 || path.p[i - 1] != '/'));
        if (!is_good)
            return false;
    }
    return path.n > 0;
}

/* Whatever the key was worth, the address without it follows: a key must not stay in the history. */
static void redeem(const exchange *x, hearth_str key)
{
    char          value[SESSION_TEXT], cookie[160];
    hearth_header headers[EXCHANGE_HEADERS + 4];
    size_t        n = answer_headers(x, headers);
    headers[n++] = (hearth_header){ LITERAL("location"), is_plain(x->r->path) ? x->r->path : HEARTH_STR("/") };
    headers[n++] = (hearth_header){ LITERAL("cache-control"), LITERAL("no-store") };
    headers[n++] = (hearth_header){ LITERAL("referrer-policy"), LITERAL("no-referrer") };
    if (sessions_redeem(x->f->sessions, key, value)) {
        snprintf(cookie, sizeof cookie, SESSION_COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict", value,
                 COOKIE_AGE_S);
        headers[n++] = (hearth_header){ LITERAL("set-cookie"), hearth_cstr(cookie) };
    }
    http_reply(x->req, 303, headers, n, (hearth_str){ NULL, 0 });
}

/* A cookie that has ended would be refused from now on; the browser is told to forget it, and the page then finds itself
 * signed out instead of locked out. */
static bool has_dead_cookie(const exchange *x)
{
    principal *who;
    return !x->h.authorization.p && !x->h.api_key.p && heads_cookie(&x->h, SESSION_COOKIE).p &&
           sessions_who(x->f->sessions, &x->h, &who, NULL) < 0;
}

/* -- files ------------------------------------------------------------------------------------------------------- */

static const struct asset_blob *pick_form(const struct asset *a, hearth_str accepted, hearth_str *encoding)
{
    *encoding = HEARTH_STR("identity");
    if (a->br.p && heads_lists(accepted, "br")) {
        *encoding = HEARTH_STR("br");
        return &a->br;
    }
    if (a->gzip.p && heads_lists(accepted, "gzip")) {
        *encoding = HEARTH_STR("gzip");
        return &a->gzip;
    }
    return &a->identity;
}

static bool names_tag(hearth_str tags, const char *etag)
{
    size_t n = strlen(etag);
    for (size_t i = 0; i + n <= tags.n; i++)
        if (memcmp(tags.p + i, etag, n) == 0)
            return true;
    return false;
}

static void send_asset(const exchange *x, const struct asset *a, bool is_page)
{
    hearth_header            headers[EXCHANGE_HEADERS + PAGE_HEADERS];
    hearth_str               encoding;
    char                     tag[48];
    size_t                   n = 0;
    const struct asset_blob *form = pick_form(a, x->h.accept_encoding, &encoding);
    bool                     is_named_by_hash = strncmp(a->path, "/assets/", 8) == 0;
    snprintf(tag, sizeof tag, "W/%s", a->etag); /* weak: the forms share it */
    headers[n++] = (hearth_header){ LITERAL("x-request-id"), { x->id, EXCHANGE_ID - 4 } };
    headers[n++] = (hearth_header){ LITERAL("etag"), hearth_cstr(tag) };
    headers[n++] = (hearth_header){ LITERAL("vary"), LITERAL("accept-encoding") };
    headers[n++] =
        (hearth_header){ LITERAL("cache-control"), is_named_by_hash ? HEARTH_STR("public, max-age=31536000, immutable")
                                                                    : HEARTH_STR("no-cache") };
    if (is_page && has_dead_cookie(x))
        headers[n++] = (hearth_header){ LITERAL("set-cookie"),
                                        LITERAL(SESSION_COOKIE "=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict") };
    for (size_t i = 0; i < guard_page_header_count; i++)
        headers[n++] = guard_page_headers[i];
    if (names_tag(x->h.if_none_match, a->etag)) {
        http_reply(x->req, 304, headers, n, (hearth_str){ NULL, 0 });
        return;
    }
    headers[n++] = (hearth_header){ LITERAL("content-type"), hearth_cstr(a->mime) };
    if (form != &a->identity)
        headers[n++] = (hearth_header){ LITERAL("content-encoding"), encoding };
    http_reply_static(x->req, 200, headers, n, (hearth_str){ (const char *)form->p, form->n });
}

/* What stands in for the page in an executable that was built without it. */
static const char plain_page[] =
    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Hearth</title>\n"
    "<h1>Hearth is running</h1>\n"
    "<p>This build has no page inside. The command line works (hearth run kindling), and so do the APIs: see "
    "<a href=\"/openrpc.json\">/openrpc.json</a> and <a href=\"/openapi.json\">/openapi.json</a>.</p>\n"
    "<p>To have the page, build with it: make run.</p>\n</html>\n";

bool static_page_take(const exchange *x)
{
    const struct asset *all = x->f->o.assets;
    const struct asset *a = find_asset(all, x->r->path);
    bool                is_page = is_document(x);
    if (!a && !is_page)
        return false;
    hearth_str key = key_of(x->r->query);
    if (is_page && key.p && hearth_str_is(x->r->method, "GET")) {
        redeem(x, key);
        return true;
    }
    if (!a)
        a = find_asset(all, HEARTH_STR("/index.html"));
    if (a) {
        send_asset(x, a, is_page);
        return true;
    }
    static const struct asset plain = { "/index.html", "text/html; charset=utf-8",
                                        "\"plain\"",   { (const unsigned char *)plain_page, sizeof plain_page - 1 },
                                        { NULL, 0 },   { NULL, 0 } };
    send_asset(x, &plain, true);
    return true;
}
