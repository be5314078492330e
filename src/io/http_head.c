/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_head: what a request's head must be beyond what the parser demands.
 *
 * Each rule is here because two programs that read the same bytes differently are a hole: folded lines, two Hosts, a
 * transfer coding that we would not decode, an authority that contradicts the Host, a path that means another one once
 * it is decoded. None of it is repaired; it is refused with a sentence. */
#include "io/http_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

ptrdiff_t http_head_find(const char *p, size_t n)
{
    const char *end = p + n, *at = p;
    while (at < end && (*at == '\r' || *at == '\n'))
        at++; /* empty lines before a request line are allowed (RFC 9112 §2.2) */
    for (;;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline || newline + 1 == end)
            return 0;
        at = newline + 1;
        if (*at == ' ' || *at == '\t')
            return -1;
        if (*at == '\n')
            return at + 1 - p;
        if (*at == '\r') {
            if (at + 1 == end)
                return 0;
            if (at[1] == '\n')
                return at + 2 - p;
        }
    }
}

hearth_str http_header_get(const http_request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (hearth_str_is(r->headers[i].name, name))
            return r->headers[i].value;
    return (hearth_str){ NULL, 0 };
}

static bool is_ignoring_case(hearth_str s, const char *text)
{
    return s.n == strlen(text) && (s.n == 0 || strncasecmp(s.p, text, s.n) == 0);
}

/* Whether a comma-separated list has a member. */
static bool list_has(hearth_str list, const char *member)
{
    while (list.n > 0) {
        const char *comma = memchr(list.p, ',', list.n);
        hearth_str  one = { list.p, comma ? (size_t)(comma - list.p) : list.n };
        list.p += one.n + (comma != NULL);
        list.n -= one.n + (comma != NULL);
        while (one.n > 0 && (one.p[0] == ' ' || one.p[0] == '\t')) {
            one.p++;
            one.n--;
        }
        while (one.n > 0 && (one.p[one.n - 1] == ' ' || one.p[one.n - 1] == '\t'))
            one.n--;
        if (is_ignoring_case(one, member))
            return true;
    }
    return false;
}

static int refuse(http_req *req, int status, hearth_code code, const char *message)
{
    hearth_err_set(&req->c->s->refusal, code, "http", "%s", message);
    return status;
}

/* -- the target -------------------------------------------------------------------------------------------------------- */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decodes into `to` (as long as s). Returns the length, or -1. */
static ptrdiff_t decode(char *to, hearth_str s)
{
    char *at = to;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            *at++ = s.p[i];
            continue;
        }
        int high = s.n - i >= 3 ? hex_of(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_of(s.p[i + 2]) : -1;
        if (low < 0)
            return -1;
        *at++ = (char)(high << 4 | low);
        i += 2;
    }
    return at - to;
}

/* A decoded path: UTF-8, no control characters, no part that is "." or "..". */
static bool path_is_good(hearth_str path)
{
    size_t start = 1;
    if (path.n == 0 || path.p[0] != '/' || !hearth_utf8_valid(path))
        return false;
    for (size_t i = 1; i <= path.n; i++) {
        if (i < path.n && ((unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7f))
            return false;
        if (i < path.n && path.p[i] != '/')
            continue;
        hearth_str part = { path.p + start, i - start };
        if (hearth_str_is(part, ".") || hearth_str_is(part, ".."))
            return false;
        start = i + 1;
    }
    return true;
}

/* "http://host:port/path" as proxies send it: the path counts, and the authority must be the Host. */
static bool strip_authority(const http_request *r, hearth_str *target)
{
    static const char scheme[] = "http://";
    size_t            n = sizeof scheme - 1;
    if (target->n <= n || strncasecmp(target->p, scheme, n) != 0)
        return false;
    hearth_str  rest = { target->p + n, target->n - n };
    const char *slash = memchr(rest.p, '/', rest.n);
    hearth_str  authority = { rest.p, slash ? (size_t)(slash - rest.p) : rest.n };
    if (!slash || !hearth_str_equal(authority, http_header_get(r, "host")))
        return false;
    *target = (hearth_str){ slash, rest.n - authority.n };
    return true;
}

static int check_target(http_req *req)
{
    http_request *r = &req->r;
    hearth_str    target = r->target;
    if (target.n == 0 || (target.p[0] != '/' && !strip_authority(r, &target)))
        return refuse(req, 400, HEARTH_INVALID_REQUEST, "the target must be a path that begins with /");
    if (memchr(target.p, '#', target.n))
        return refuse(req, 400, HEARTH_INVALID_REQUEST, "the target has a fragment; leave out everything from # on");
    const char *question = memchr(target.p, '?', target.n);
    r->path = (hearth_str){ target.p, question ? (size_t)(question - target.p) : target.n };
    r->query = question ? (hearth_str){ question + 1, target.n - r->path.n - 1 } : (hearth_str){ NULL, 0 };
    if (memchr(r->path.p, '%', r->path.n)) {
        req->path = malloc(r->path.n);
        if (!req->path)
            return refuse(req, 503, HEARTH_NO_MEMORY, "out of memory");
        ptrdiff_t n = decode(req->path, r->path);
        if (n < 0)
            return refuse(req, 400, HEARTH_INVALID_REQUEST, "the path has a % that is not followed by two hex digits");
        r->path = (hearth_str){ req->path, (size_t)n };
    }
    if (!path_is_good(r->path))
        return refuse(req, 400, HEARTH_INVALID_REQUEST,
                      "the path must be UTF-8 without control characters and without . or .. as a part");
    return 0;
}

/* -- headers ------------------------------------------------------------------------------------------------------------- */

static size_t count(const http_request *r, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < r->header_count; i++)
        n += hearth_str_is(r->headers[i].name, name);
    return n;
}

static int check_framing(http_req *req)
{
    const http_request *r = &req->r;
    const llhttp_t     *p = &req->c->parser;
    hearth_str          coding = http_header_get(r, "transfer-encoding");
    if (p->http_major != 1 || p->http_minor > 1)
        return refuse(req, 505, HEARTH_UNSUPPORTED, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (p->method == HTTP_CONNECT)
        return refuse(req, 501, HEARTH_UNSUPPORTED, "CONNECT is not supported: this is no proxy");
    size_t hosts = count(r, "host");
    if (hosts > 1 || (hosts == 0 && !req->is_old))
        return refuse(req, 400, HEARTH_INVALID_REQUEST, "a request needs exactly one Host header");
    if (coding.p && (req->is_old || count(r, "transfer-encoding") > 1))
        return refuse(req, 400, HEARTH_INVALID_REQUEST, "Transfer-Encoding is given twice or in HTTP/1.0");
    if (coding.p && !is_ignoring_case(coding, "chunked"))
        return refuse(req, 501, HEARTH_UNSUPPORTED, "the only Transfer-Encoding that is understood is chunked");
    /* Both at once is refused by the parser; this is for versions of it that only warn. */
    if (coding.p && count(r, "content-length") > 0)
        return refuse(req, 400, HEARTH_INVALID_REQUEST, "Transfer-Encoding and Content-Length contradict each other");
    if (count(r, "content-length") > 1)
        return refuse(req, 400, HEARTH_INVALID_REQUEST, "Content-Length is given twice");
    if (!coding.p && p->content_length > req->c->s->options.max_body && count(r, "content-length") > 0) {
        hearth_err_set(&req->c->s->refusal, HEARTH_TOO_LARGE, "http", "the body has %llu bytes, over the limit of %zu",
                       (unsigned long long)p->content_length, req->c->s->options.max_body);
        return 413;
    }
    hearth_str expect = http_header_get(r, "expect");
    if (expect.p && !is_ignoring_case(expect, "100-continue"))
        return refuse(req, 417, HEARTH_UNSUPPORTED, "the only expectation that is met is 100-continue");
    return 0;
}

/* RFC 6455 §4.2.1. What does not fit stays an ordinary request; the handler says why it expected a WebSocket. */
static void check_upgrade(http_req *req)
{
    http_request *r = &req->r;
    llhttp_t     *p = &req->c->parser;
    uint8_t       nonce[24];
    hearth_buf    decoded;
    hearth_str    key = http_header_get(r, "sec-websocket-key");
    bool          has_body = p->content_length > 0 || http_header_get(r, "transfer-encoding").p != NULL;
    if (p->method != HTTP_GET || req->is_old || has_body || key.n != sizeof nonce ||
        !list_has(http_header_get(r, "upgrade"), "websocket") ||
        !list_has(http_header_get(r, "connection"), "upgrade") ||
        !hearth_str_is(http_header_get(r, "sec-websocket-version"), "13"))
        return;
    hearth_buf_init(&decoded, sizeof nonce);
    r->wants_ws = hearth_base64_decode(&decoded, key) >= 0 && decoded.n == 16;
    hearth_buf_deinit(&decoded);
}

int http_head_check(http_req *req)
{
    http_conn    *c = req->c;
    http_request *r = &req->r;
    req->is_old = c->parser.http_minor == 0;
    r->is_unix = c->is_unix;
    r->peer_uid = c->uid;
    memcpy(r->peer, c->peer, sizeof c->peer);
    int status = check_framing(req);
    if (status == 0)
        status = check_target(req);
    if (status != 0)
        return status;
    check_upgrade(req);
    /* An upgrade that we do not do is ignored, as RFC 9110 §7.8 allows; the parser must go on in HTTP. */
    c->parser.upgrade = 0;
    if (c->s->handlers.on_head)
        status = c->s->handlers.on_head(c->s->arg, r, &c->s->refusal);
    return status;
}
