/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* HTTP requests: any bytes, in any pieces. A handler looks at everything that it is shown and answers in each of the ways. */
#include "http_rig.h"

static volatile unsigned seen; /* so that looking is not optimised away */

static void look(hearth_str s)
{
    for (size_t i = 0; i < s.n; i++)
        seen += (unsigned char)s.p[i];
}

static void look_at_all(const http_request *r)
{
    look(r->method);
    look(r->target);
    look(r->path);
    look(r->query);
    look(r->body);
    for (size_t i = 0; i < r->header_count; i++) {
        look(r->headers[i].name);
        look(r->headers[i].value);
    }
    if (r->path.n == 0 || r->path.p[0] != '/' || !hearth_utf8_valid(r->path) || memchr(r->path.p, '\0', r->path.n))
        abort(); /* what the contract promises about a path */
}

static void on_later(void *arg)
{
    http_req *req = arg;
    look_at_all(http_request_of(req));
    http_reply(req, 200, NULL, 0, http_request_of(req)->body);
}

static void on_request(void *arg, http_req *req, const http_request *r)
{
    look_at_all(r);
    if (hearth_str_starts(r->path, "/l")) {
        loop_soon(arg, on_later, req);
    } else if (hearth_str_starts(r->path, "/s")) {
        http_start(req, 200, r->headers, r->header_count);
        http_write(req, r->body);
        http_end(req);
    } else {
        http_reply(req, 200, r->headers, r->header_count, r->body);
    }
}

static int on_head(void *arg, const http_request *r, hearth_err *err)
{
    (void)arg;
    look_at_all(r);
    return hearth_str_starts(r->path, "/no") ? hearth_err_set(err, HEARTH_DENIED, "fuzz", "no") < 0 ? 403 : 0 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const http_handlers handlers = { on_request, on_head };
    static const http_options  options = { .max_body = 10000 };
    static loop               *l;
    static http_server        *s;
    if (!l) {
        l = loop_new(NULL);
        s = http_server_new(l, &handlers, &options, l);
    }
    rig_run(l, s, NULL, data, size);
    return 0;
}
