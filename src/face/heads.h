/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* heads: the request headers that the face itself reads, found in one pass. Views into the request. */
#ifndef HEARTH_FACE_HEADS_H
#define HEARTH_FACE_HEADS_H

#include "io/http.h"

typedef struct heads {
    hearth_str host, origin, cookie, authorization, api_key, content_type, accept, accept_encoding, if_none_match;
    hearth_str fetch_site, fetch_mode, fetch_dest;  /* Sec-Fetch-*: what a browser says of a request's cause */
    hearth_str preflight_method, preflight_private; /* Access-Control-Request-* */
    bool       is_ambiguous;                        /* one of those that decide who asks came twice */
} heads;

void heads_read(heads *h, const http_request *r);

/* The value of a cookie; {NULL, 0} when there is none of that name. */
hearth_str heads_cookie(const heads *h, const char *name);
/* Whether a comma-separated list ("gzip, br;q=0.5") names an item without refusing it (q=0). */
bool heads_lists(hearth_str list, const char *item);
/* ASCII letters without regard to case. */
bool heads_same(hearth_str a, hearth_str b);

#endif
