/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a page of somebody else can make a browser send, and what it gets. */
#include "kernel_test.h"

#include "face/guard.h"

typedef struct row {
    const char *what;
    const char *method, *host, *origin, *site, *mode, *dest, *type, *body, *auth;
    int         status;
    bool        is_foreign, is_page_only;
} row;

static const char *const hosts[] = { "hearth.lan", NULL };
static const char *const origins[] = { "https://app.example", NULL };

static void check(const guard *g, const row *t)
{
    const char   *names[] = { "host",           "origin",       "sec-fetch-site", "sec-fetch-mode",
                              "sec-fetch-dest", "content-type", "authorization" };
    const char   *values[] = { t->host, t->origin, t->site, t->mode, t->dest, t->type, t->auth };
    hearth_header all[7];
    size_t        n = 0;
    for (size_t i = 0; i < HEARTH_COUNT(names); i++)
        if (values[i])
            all[n++] = (hearth_header){ hearth_cstr(names[i]), hearth_cstr(values[i]) };
    http_request r = { .method = hearth_cstr(t->method ? t->method : "GET"),
                       .headers = all,
                       .header_count = n,
                       .body = hearth_cstr(t->body) };
    heads        h;
    guard_pass   pass;
    hearth_err   err = { 0 };
    heads_read(&h, &r);
    int status = guard_check(g, &r, &h, &pass, &err);
    if (status != t->status || pass.is_foreign != t->is_foreign || pass.is_page_only != t->is_page_only)
        fail_msg("%s: %d (foreign %d, page only %d): %s", t->what, status, pass.is_foreign, pass.is_page_only, err.msg);
    if (status && !err.msg[0])
        fail_msg("%s: refused without a word", t->what);
}

static void requests(void **state)
{
    (void)state;
    const guard g = { hosts, origins, false };
    const row   rows[] = {
          { .what = "curl", .host = "127.0.0.1:1337" },
          { .what = "a name of loopback", .host = "LocalHost:1337" },
          { .what = "all of 127/8", .host = "127.8.9.10" },
          { .what = "IPv6", .host = "[::1]:1337" },
          { .what = "a tunnel's port", .host = "localhost:8080" },
          { .what = "a configured name", .host = "HEARTH.lan:1337" },
          { .what = "no host", .status = 403 },
          { .what = "an empty host", .host = "", .status = 403 },
          { .what = "rebinding", .host = "evil.example:1337", .status = 403 },
          { .what = "a name that begins like one of ours", .host = "localhost.evil.example", .status = 403 },
          { .what = "a name that begins like an address", .host = "127.0.0.1.evil.example", .status = 403 },
          { .what = "another address", .host = "192.168.1.7:1337", .status = 403 },
          { .what = "0.0.0.0, which browsers route to loopback", .host = "0.0.0.0:1337", .status = 403 },
          { .what = "userinfo", .host = "localhost@evil", .status = 403 },
          { .what = "no port behind the colon is still us", .host = "localhost:" },
          { .what = "a port of letters", .host = "localhost:x", .status = 403 },
          { .what = "a bracket that never closes", .host = "[::1", .status = 403 },
          { .what = "our page", .host = "localhost:1337", .origin = "http://localhost:1337", .site = "same-origin" },
          { .what = "our page behind TLS", .host = "localhost:1337", .origin = "https://localhost:1337" },
          { .what = "another port is another origin",
            .host = "localhost:1337",
            .origin = "http://localhost:3000",
            .status = 403 },
          { .what = "the other loopback name is another origin",
            .host = "localhost:1337",
            .origin = "http://127.0.0.1:1337",
            .status = 403 },
          { .what = "a stranger", .host = "localhost:1337", .origin = "https://evil.example", .status = 403 },
          { .what = "a sandboxed frame", .host = "localhost:1337", .origin = "null", .status = 403 },
          { .what = "an empty origin", .host = "localhost:1337", .origin = "", .status = 403 },
          { .what = "an allowed origin",
            .host = "localhost:1337",
            .origin = "https://app.example",
            .site = "cross-site",
            .is_foreign = true },
          { .what = "an allowed origin's neighbour",
            .host = "localhost:1337",
            .origin = "https://app.example:8443",
            .status = 403 },
          { .what = "an image on a foreign page",
            .host = "localhost:1337",
            .site = "cross-site",
            .mode = "no-cors",
            .dest = "image",
            .status = 403 },
          { .what = "the same site on another port",
            .host = "localhost:1337",
            .site = "same-site",
            .mode = "no-cors",
            .status = 403 },
          { .what = "a frame on a foreign page",
            .host = "localhost:1337",
            .site = "cross-site",
            .mode = "navigate",
            .dest = "iframe",
            .status = 403 },
          { .what = "a link on a foreign page",
            .host = "localhost:1337",
            .site = "cross-site",
            .mode = "navigate",
            .dest = "document",
            .is_page_only = true },
          { .what = "a foreign form",
            .method = "POST",
            .host = "localhost:1337",
            .site = "cross-site",
            .mode = "navigate",
            .dest = "document",
            .status = 403 },
          { .what = "a typed address", .host = "localhost:1337", .site = "none", .mode = "navigate", .dest = "document" },
          { .what = "JSON",
            .method = "POST",
            .host = "localhost:1337",
            .type = "application/json; charset=utf-8",
            .body = "{}" },
          { .what = "JSON of a kind",
            .method = "POST",
            .host = "localhost:1337",
            .type = "Application/Problem+JSON",
            .body = "{}" },
          { .what = "a form's type",
            .method = "POST",
            .host = "localhost:1337",
            .type = "text/plain",
            .body = "{}",
            .status = 415 },
          { .what = "no type", .method = "POST", .host = "localhost:1337", .body = "{}", .status = 415 },
          { .what = "JSON as a parameter",
            .method = "POST",
            .host = "localhost:1337",
            .type = "text/plain; application/json",
            .body = "{}",
            .status = 415 },
          { .what = "no body needs no type", .method = "DELETE", .host = "localhost:1337" },
          { .what = "a form's parts",
            .method = "POST",
            .host = "localhost:1337",
            .type = "multipart/form-data; boundary=x",
            .body = "--x",
            .status = 415 },
          { .what = "parts with a credential",
            .method = "POST",
            .host = "localhost:1337",
            .type = "multipart/form-data; boundary=x",
            .body = "--x",
            .auth = "Bearer x" },
    };
    for (size_t i = 0; i < HEARTH_COUNT(rows); i++)
        check(&g, &rows[i]);
}

static void beyond_loopback(void **state)
{
    (void)state;
    const guard g = { NULL, NULL, true };
    check(&g, &(row){ .what = "an address cannot be rebound", .host = "192.168.1.7:1337" });
    check(&g, &(row){ .what = "an IPv6 address", .host = "[fe80::1]:1337" });
    check(&g, &(row){ .what = "a name can", .host = "box.local", .status = 403 });
}

static void ambiguous(void **state)
{
    (void)state;
    const hearth_header all[] = { { HEARTH_STR("host"), HEARTH_STR("localhost") },
                                  { HEARTH_STR("host"), HEARTH_STR("evil") } };
    const guard         g = { NULL, NULL, false };
    http_request        r = { .method = HEARTH_STR("GET"), .headers = all, .header_count = 2 };
    heads               h;
    guard_pass          pass;
    heads_read(&h, &r);
    assert_int_equal(guard_check(&g, &r, &h, &pass, NULL), 400);
}

static void loopback(void **state)
{
    (void)state;
    assert_true(guard_is_loopback(HEARTH_STR("127.0.0.1")));
    assert_true(guard_is_loopback(HEARTH_STR("::1")));
    assert_true(guard_is_loopback(HEARTH_STR("localhost")));
    assert_false(guard_is_loopback(HEARTH_STR("0.0.0.0")));
    assert_false(guard_is_loopback(HEARTH_STR("::")));
    assert_false(guard_is_loopback(HEARTH_STR("::ffff:10.0.0.1")));
    assert_false(guard_is_loopback(HEARTH_STR("example.org")));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(requests), cmocka_unit_test(beyond_loopback),
                                        cmocka_unit_test(ambiguous), cmocka_unit_test(loopback) };
    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
