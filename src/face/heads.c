/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "face/heads.h"

#include <string.h>

#define HEAD(text, member, once)                                                                                       \
    {                                                                                                                  \
        text, sizeof(text) - 1, offsetof(heads, member), once                                                          \
    }

/* `once`: two of them would let two readers of the same request see two different callers. */
static const struct head {
    const char *name;
    size_t      n, at;
    bool        once;
} known[] = {
    HEAD("host", host, true),
    HEAD("origin", origin, true),
    HEAD("cookie", cookie, true),
    HEAD("authorization", authorization, true),
    HEAD("x-api-key", api_key, true),
    HEAD("content-type", content_type, true),
    HEAD("accept", accept, false),
    HEAD("accept-encoding", accept_encoding, false),
    HEAD("if-none-match", if_none_match, false),
    HEAD("sec-fetch-site", fetch_site, true),
    HEAD("sec-fetch-mode", fetch_mode, false),
    HEAD("sec-fetch-dest", fetch_dest, false),
    HEAD("access-control-request-method", preflight_method, false),
    HEAD("access-control-request-private-network", preflight_private, false),
};

void heads_read(heads *h, const http_request *r)
{
    memset(h, 0, sizeof *h);
    for (size_t i = 0; i < r->header_count; i++) {
        hearth_str name = r->headers[i].name;
        for (size_t k = 0; k < HEARTH_COUNT(known); k++) {
            if (name.n != known[k].n || memcmp(name.p, known[k].name, name.n) != 0)
                continue;
            hearth_str *slot = (hearth_str *)(void *)((char *)h + known[k].at);
            if (slot->p && known[k].once)
                h->is_ambiguous = true;
            *slot = r->headers[i].value;
            if (!slot->p)
                slot->p = ""; /* there, but empty */
            break;
        }
    }
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }

bool heads_same(hearth_str a, hearth_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

/* The next piece up to `separator`, without the white space around it; moves `rest` behind it. */
static hearth_str piece(hearth_str *rest, char separator)
{
    const char *end = memchr(rest->p, separator, rest->n);
    hearth_str  s = { rest->p, end ? (size_t)(end - rest->p) : rest->n };
    size_t      taken = end ? s.n + 1 : s.n;
    rest->p += taken;
    rest->n -= taken;
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

hearth_str heads_cookie(const heads *h, const char *name)
{
    hearth_str rest = h->cookie;
    size_t     n = strlen(name);
    while (rest.n) {
        hearth_str pair = piece(&rest, ';');
        if (pair.n > n && pair.p[n] == '=' && memcmp(pair.p, name, n) == 0)
            return (hearth_str){ pair.p + n + 1, pair.n - n - 1 };
    }
    return (hearth_str){ NULL, 0 };
}

bool heads_lists(hearth_str list, const char *item)
{
    while (list.n) {
        hearth_str one = piece(&list, ',');
        hearth_str name = piece(&one, ';');
        if (!heads_same(name, hearth_cstr(item)))
            continue;
        hearth_str q = piece(&one, ';');
        return !(hearth_str_starts(q, "q=0") && strspn(q.p + 3, ".0") >= q.n - 3);
    }
    return false;
}
