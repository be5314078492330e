/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "face/guard.h"

#include <arpa/inet.h>
#include <string.h>

#include <hearth/kit.h>

#define LITERAL(text)                                                                                                  \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

const hearth_header guard_page_headers[] = {
    { LITERAL("content-security-policy"),
      LITERAL("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
              "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'") },
    { LITERAL("x-content-type-options"), LITERAL("nosniff") },
    { LITERAL("referrer-policy"), LITERAL("no-referrer") },
    { LITERAL("cross-origin-opener-policy"), LITERAL("same-origin") },
    { LITERAL("cross-origin-resource-policy"), LITERAL("same-origin") },
    { LITERAL("permissions-policy"), LITERAL("camera=(), geolocation=(), microphone=(self), payment=(), usb=()") },
};
const size_t guard_page_header_count = HEARTH_COUNT(guard_page_headers);

/* The name of "name:port", "[v6]:port" or either without a port; {NULL, 0} when it is none of them. */
static hearth_str without_port(hearth_str host)
{
    const hearth_str nothing = { NULL, 0 };
    size_t           n = 0;
    if (host.n && host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.n);
        if (!end)
            return nothing;
        n = (size_t)(end - host.p) + 1;
    } else {
        while (n < host.n && host.p[n] != ':')
            n++;
    }
    if (n == host.n)
        return host;
    if (host.p[n] != ':' || host.n - n > 6)
        return nothing;
    for (size_t i = n + 1; i < host.n; i++)
        if (host.p[i] < '0' || host.p[i] > '9')
            return nothing;
    return (hearth_str){ host.p, n };
}

/* Reads an address out of "127.0.0.1", "::1" or "[::1]"; the family, or 0. */
static int address_of(hearth_str name, struct in6_addr *six, struct in_addr *four)
{
    char text[INET6_ADDRSTRLEN + 1];
    if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        name = (hearth_str){ name.p + 1, name.n - 2 };
    if (name.n == 0 || name.n >= sizeof text)
        return 0;
    memcpy(text, name.p, name.n);
    text[name.n] = 0;
    if (inet_pton(AF_INET, text, four) == 1)
        return AF_INET;
    return inet_pton(AF_INET6, text, six) == 1 ? AF_INET6 : 0;
}

bool guard_is_loopback(hearth_str host)
{
    struct in6_addr six;
    struct in_addr  four;
    if (heads_same(host, HEARTH_STR("localhost")))
        return true;
    switch (address_of(host, &six, &four)) {
    case AF_INET:
        return (ntohl(four.s_addr) >> 24) == 127;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&six);
    default:
        return false;
    }
}

static bool is_listed(const char *const *list, hearth_str name)
{
    for (; list && *list; list++)
        if (heads_same(name, hearth_cstr(*list)))
            return true;
    return false;
}

static bool host_is_good(const guard *g, hearth_str host)
{
    struct in6_addr six;
    struct in_addr  four;
    hearth_str      name = without_port(host);
    if (name.n == 0)
        return false;
    /* An address cannot be rebound: a browser shows and sends it as it was typed. */
    return guard_is_loopback(name) || is_listed(g->hosts, name) ||
           (g->allows_addresses && address_of(name, &six, &four) != 0);
}

/* Ours: the scheme and exactly what the (already accepted) Host header says. */
static bool is_own_origin(hearth_str origin, hearth_str host)
{
    size_t skip = hearth_str_starts(origin, "http://") ? 7 : hearth_str_starts(origin, "https://") ? 8 : 0;
    return skip && heads_same((hearth_str){ origin.p + skip, origin.n - skip }, host);
}

static int check_cause(const guard *g, const http_request *r, const heads *h, guard_pass *pass, hearth_err *err)
{
    if (h->origin.p && !is_own_origin(h->origin, h->host)) {
        if (!is_listed(g->origins, h->origin)) {
            hearth_err_set(
                err, HEARTH_DENIED, "guard",
                "pages of the origin %.*s may not use this Hearth; start it with --allow-origin %.*s if they should",
                (int)(h->origin.n < 80 ? h->origin.n : 80), h->origin.p, (int)(h->origin.n < 80 ? h->origin.n : 80),
                h->origin.p);
            return 403;
        }
        pass->is_foreign = true;
        return 0;
    }
    if (!h->fetch_site.p || hearth_str_is(h->fetch_site, "same-origin") || hearth_str_is(h->fetch_site, "none"))
        return 0;
    if (hearth_str_is(r->method, "GET") && hearth_str_is(h->fetch_mode, "navigate") &&
        hearth_str_is(h->fetch_dest, "document")) {
        pass->is_page_only = true;
        return 0;
    }
    hearth_err_set(err, HEARTH_DENIED, "guard",
                   "the request was caused by a page of another site; Hearth answers its own page and programs");
    return 403;
}

static bool is_json(hearth_str type)
{
    const char *end = memchr(type.p, ';', type.n);
    size_t      n = end ? (size_t)(end - type.p) : type.n;
    while (n && (type.p[n - 1] == ' ' || type.p[n - 1] == '\t'))
        n--;
    hearth_str media = { type.p, n };
    return heads_same(media, HEARTH_STR("application/json")) ||
           (n > 5 && heads_same((hearth_str){ type.p + n - 5, 5 }, HEARTH_STR("+json")));
}

/* The three types that a form, or fetch without a preflight, can send are what must never arrive without a header
 * that neither of them can add. */
static int check_body(const http_request *r, const heads *h, hearth_err *err)
{
    if (r->body.n == 0 || (h->content_type.p && is_json(h->content_type)))
        return 0;
    if (h->content_type.p && hearth_str_starts(h->content_type, "multipart/form-data") &&
        (h->authorization.p || h->api_key.p))
        return 0;
    hearth_err_set(err, HEARTH_INVALID_REQUEST, "guard",
                   "the body must be JSON: send the header content-type: application/json");
    return 415;
}

int guard_check(const guard *g, const http_request *r, const heads *h, guard_pass *pass, hearth_err *err)
{
    *pass = (guard_pass){ false, false };
    if (h->is_ambiguous) {
        hearth_err_set(err, HEARTH_INVALID_REQUEST, "guard", "a header that decides who asks came twice");
        return 400;
    }
    if (!r->is_unix && !host_is_good(g, h->host)) {
        hearth_err_set(err, HEARTH_DENIED, "guard",
                       "Hearth does not answer to the host name \"%.*s\"; use 127.0.0.1 or localhost, or start it with "
                       "--host NAME",
                       (int)(h->host.n < 80 ? h->host.n : 80), h->host.p ? h->host.p : "");
        return 403;
    }
    int status = check_cause(g, r, h, pass, err);
    return status ? status : check_body(r, h, err);
}
