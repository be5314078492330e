/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel_test.h"

#include "face/face_impl.h"

static loop           *l;
static kernel         *k;
static hearth_ctx     *ctx;
static struct openrpc *o;

static const char spec[] =
    "{\"methods\":{"
    "\"t.get\":{\"summary\":\"Gives "
    "one.\",\"params\":{\"type\":\"object\",\"properties\":{\"id\":{\"$ref\":\"#/$defs/"
    "Id\"},\"n\":{\"type\":\"integer\"}},"
    "\"required\":[\"id\"]},\"result\":{\"$ref\":\"#/$defs/"
    "Thing\"},\"errors\":[\"not_found\"],\"permission\":\"t.read\",\"aliases\":[\"GET_T\"]},"
    "\"t.by_ref\":{\"summary\":\"Gives "
    "one.\",\"params\":{\"$ref\":\"#/$defs/"
    "Args\",\"type\":\"object\"},\"result\":{},\"permission\":\"t.read\",\"stream\":true,"
    "\"events\":[\"text\"]},"
    "\"t.nobody\":{\"summary\":\"Not "
    "served.\",\"params\":{\"type\":\"object\"},\"result\":{},\"permission\":\"t.read\"}},"
    "\"$defs\":{\"Id\":{\"type\":\"string\"},\"Thing\":{\"type\":\"object\",\"properties\":{\"other\":{\"$ref\":\"x#/"
    "$defs/Y\"}}},"
    "\"Args\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]}}}";

static void serve(hearth_req *req, void *self)
{
    (void)self;
    hearth_reply(req, NULL);
}

static int setup(void **state)
{
    (void)state;
    static const hearth_method methods[] = { { "t.get", serve }, { "t.by_ref", serve } };
    static const hearth_route  routes[] = { { "GET", "/v1/things", serve, "t.read" },
                                            { "POST", "/v1/things", serve, "t.read" },
                                            { "GET", "/v1/things/*", serve, "t.read" } };
    hearth_err                 err = { 0 };
    l = loop_new(&err);
    k = kernel_new(&(kernel_options){ .loop = l, .version = "1.2.3" }, &err);
    ctx = kernel_ctx(k, "t", spec, &err);
    if (!ctx || hearth_serve(ctx, methods, HEARTH_COUNT(methods), NULL, &err) < 0)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < HEARTH_COUNT(routes); i++) /* a kernel without a folder takes no routes from plugins */
        assert_int_equal(registry_route(kernel_registry(k), ctx, &routes[i], NULL, &err), HEARTH_OK);
    o = openrpc_new(k);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bool is_done = false;
    openrpc_free(o);
    ctx_close(ctx, 0, settle_now, &is_done);
    run_until(l, &is_done);
    kernel_free(k);
    loop_free(l);
    return 0;
}

static hearth_value *describe(hearth_code (*text)(struct openrpc *, const char *, hearth_str *))
{
    hearth_str s;
    hearth_err err = { 0 };
    assert_int_equal(text(o, "http://127.0.0.1:1", &s), HEARTH_OK);
    hearth_value *v = hearth_parse(NULL, s, &err);
    if (!v)
        fail_msg("%s in %.*s", err.msg, HEARTH_FMT(s));
    return v;
}

static const hearth_value *named(const hearth_value *list_of, const char *name)
{
    for (size_t i = 0; i < hearth_count(list_of); i++)
        if (hearth_str_is(hearth_get_str(hearth_at(list_of, i), "name"), name))
            return hearth_at(list_of, i);
    return NULL;
}

static void methods_of_the_moment(void **state)
{
    (void)state;
    hearth_value       *v = describe(openrpc_text);
    const hearth_value *all = hearth_get(v, "methods"), *get = named(all, "t.get"),
                       *id = named(hearth_get(get, "params"), "id");
    assert_text(hearth_get_str(hearth_get(v, "info"), "version"), "1.2.3");
    assert_non_null(get);
    assert_null(named(all, "t.nobody"));
    assert_true(hearth_get_bool(id, "required", false));
    assert_text(hearth_get_str(hearth_get(id, "schema"), "$ref"), "#/components/schemas/t.Id");
    assert_false(hearth_get_bool(named(hearth_get(get, "params"), "n"), "required", true));
    assert_text(hearth_get_str(hearth_get(hearth_get(get, "result"), "schema"), "$ref"),
                "#/components/schemas/t.Thing");
    assert_int_equal(hearth_get_i64(hearth_at(hearth_get(get, "errors"), 0), "code", 0), 4004);
    assert_text(hearth_as_str(hearth_at(hearth_get(get, "x-aliases"), 0)), "GET_T");
    assert_non_null(named(hearth_get(named(all, "t.by_ref"), "params"), "a"));
    const hearth_value *schemas = hearth_get(hearth_get(v, "components"), "schemas");
    const hearth_value *other = hearth_get(hearth_get(hearth_get(schemas, "t.Thing"), "properties"), "other");
    assert_text(hearth_get_str(other, "$ref"), "#/components/schemas/x.Y");
    hearth_value_unref(v);
}

static void paths_of_the_moment(void **state)
{
    (void)state;
    hearth_value       *v = describe(openapi_text);
    const hearth_value *paths = hearth_get(v, "paths"), *things = hearth_get(paths, "/v1/things");
    assert_non_null(hearth_get(things, "get"));
    assert_non_null(hearth_get(hearth_get(things, "post"), "requestBody"));
    assert_text(hearth_get_str(hearth_get(things, "get"), "x-permission"), "t.read");
    assert_non_null(hearth_get(hearth_get(paths, "/v1/things/{rest}"), "get"));
    assert_non_null(hearth_get(hearth_get(paths, "/rpc"), "post"));
    hearth_value_unref(v);
}

static void written_anew_after_a_change(void **state)
{
    (void)state;
    hearth_str first, second;
    openrpc_text(o, "http://127.0.0.1:1", &first);
    openrpc_text(o, "http://127.0.0.1:1", &second);
    assert_ptr_equal(first.p, second.p);
    static const hearth_method more[] = { { "t.nobody", serve } };
    assert_int_equal(hearth_serve(ctx, more, 1, NULL, NULL), HEARTH_OK);
    openrpc_changed(o);
    hearth_value *v = describe(openrpc_text);
    assert_non_null(named(hearth_get(v, "methods"), "t.nobody"));
    hearth_value_unref(v);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = { T(methods_of_the_moment), T(paths_of_the_moment),
                                        T(written_anew_after_a_change) };
    return cmocka_run_group_tests_name("openrpc", tests, NULL, NULL);
}
