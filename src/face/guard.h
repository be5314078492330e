/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* guard: what a browser may be talked into sending, stopped before anything else looks at the request.
 *
 * A page of somebody else can reach this listener: by naming it (http://localhost:1337), or by a name of its own
 * that suddenly resolves to 127.0.0.1 (DNS rebinding). It cannot lie about Host, Origin and Sec-Fetch-*, though.
 * So: Host must be a name that no stranger controls, Origin must be our own or an allowed one, a request that a
 * foreign page caused is refused even when it carries no Origin (<img>, no-cors), and a body must have a content type that
 * a form cannot send. Pure: it reads one request and its configuration. */
#ifndef HEARTH_FACE_GUARD_H
#define HEARTH_FACE_GUARD_H

#include "face/heads.h"

typedef struct guard {
    const char *const *hosts;            /* names beside loopback, without port; ends with NULL; may be NULL */
    const char *const *origins;          /* "https://app.example", exactly; ends with NULL; may be NULL */
    bool               allows_addresses; /* any IP literal as Host: for a listener beyond loopback */
} guard;

typedef struct guard_pass {
    bool is_foreign;   /* from an allowed origin that is not ours: answers need CORS headers */
    bool is_page_only; /* a link on a foreign page led here: good for the page, for nothing else */
} guard_pass;

/* 0, or the HTTP status to refuse with and `err` filled. Thread: any. */
int guard_check(const guard *g, const http_request *r, const heads *h, guard_pass *pass, hearth_err *err);

/* Whether a listener on this host is reachable from this machine only. */
bool guard_is_loopback(hearth_str host);

/* For every document of the page. */
extern const hearth_header guard_page_headers[];
extern const size_t        guard_page_header_count;

#endif
