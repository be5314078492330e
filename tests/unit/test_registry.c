/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel_test.h"

static gate     *g;
static registry *r;

static int setup(void **state)
{
    (void)state;
    value_install();
    g = gate_new();
    r = registry_new(g);
    return r ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    registry_free(r);
    gate_free(g);
    return 0;
}

static const char spec[] =
    "{\"methods\":{\"t.get\":{\"summary\":\"x\",\"params\":{\"type\":\"object\",\"properties\":{\"id\":{\"$ref\":\"#/$defs/Id\"}}},"
    "\"permission\":\"t.read\",\"aliases\":[\"GET_T\"],\"disconnect\":\"keep\"},"
    "\"t.set\":{\"summary\":\"x\",\"params\":{\"type\":\"object\"},\"permission\":\"t.write\",\"audit\":true}},"
    "\"$defs\":{\"Id\":{\"type\":\"string\",\"maxLength\":4}},\"topics\":{\"t.changed\":{\"summary\":\"x\"}}}";

static void nothing(hearth_req *req, void *self)
{
    (void)req;
    (void)self;
}

static void describe(const char *plugin_id, const char *text)
{
    hearth_err    err = { 0 };
    hearth_value *v = json(text);
    if (registry_describe(r, hearth_cstr(plugin_id), v, &err) < 0)
        fail_msg("%s", err.msg);
    hearth_value_unref(v);
}

static void a_method_is_found_by_name_and_alias(void **state)
{
    (void)state;
    describe("t", spec);
    const method *m = registry_find(r, HEARTH_STR("t.get"));
    assert_non_null(m);
    assert_ptr_equal(registry_find(r, HEARTH_STR("GET_T")), m);
    assert_true(m->keeps && !m->is_audited && !m->fn);
    assert_text(gate_permission_name(g, m->permission), "t.read");
    assert_true(registry_find(r, HEARTH_STR("t.set"))->is_audited);
    assert_null(registry_find(r, HEARTH_STR("t")));
    registry_forget(r, HEARTH_STR("t"));
    assert_null(registry_find(r, HEARTH_STR("GET_T")));
}

static void params_reach_the_shared_definitions(void **state)
{
    (void)state;
    describe("t", spec);
    const method *m = registry_find(r, HEARTH_STR("t.get"));
    hearth_value *good = json("{\"id\":\"abc\"}"), *bad = json("{\"id\":\"abcdef\"}");
    assert_int_equal(schema_check(m->params, good, NULL, NULL), HEARTH_OK);
    assert_true(schema_check(m->params, bad, NULL, NULL) < 0);
    hearth_value_unref(good);
    hearth_value_unref(bad);
}

static void two_plugins_cannot_have_one_method(void **state)
{
    (void)state;
    describe("t", spec);
    hearth_value *v = json(spec);
    hearth_err    err = { 0 };
    assert_int_equal(registry_describe(r, HEARTH_STR("other"), v, &err), HEARTH_CONFLICT);
    assert_non_null(strstr(err.msg, "t.get"));
    hearth_value_unref(v);
    assert_non_null(registry_find(r, HEARTH_STR("t.get"))); /* the first keeps it */
}

static void only_what_is_described_is_served_and_all_of_it_is_withdrawn(void **state)
{
    (void)state;
    describe("t", spec);
    hearth_ctx  *ctx = (hearth_ctx *)(uintptr_t)0x1000;
    hearth_method good = { "t.get", nothing }, bad = { "t.other", nothing };
    hearth_err    err = { 0 };
    assert_int_equal(registry_serve(r, ctx, HEARTH_STR("t"), &good, NULL, NULL), HEARTH_OK);
    assert_int_equal(registry_serve(r, ctx, HEARTH_STR("t"), &good, NULL, NULL), HEARTH_CONFLICT);
    assert_int_equal(registry_serve(r, ctx, HEARTH_STR("t"), &bad, NULL, &err), HEARTH_INVALID_ARGUMENT);
    assert_int_equal(registry_serve(r, ctx, HEARTH_STR("else"), &good, NULL, NULL), HEARTH_INVALID_ARGUMENT);
    hearth_route rt = { "GET", "/x/t", nothing, "public" };
    assert_int_equal(registry_route(r, ctx, &rt, NULL, NULL), HEARTH_OK);
    assert_int_equal(registry_withdraw(r, ctx), 2);
    assert_null(registry_find(r, HEARTH_STR("t.get"))->fn);
}

static void the_most_specific_route_wins(void **state)
{
    (void)state;
    hearth_ctx  *ctx = (hearth_ctx *)(uintptr_t)0x1000;
    hearth_route routes[] = { { "GET", "/v1/models", nothing, "public" }, { "GET", "/v1/models/*", nothing, "public" },
                              { "GET", "/v1/*", nothing, "public" }, { "POST", "/v1/chat", nothing, "public" } };
    for (size_t i = 0; i < HEARTH_COUNT(routes); i++)
        assert_int_equal(registry_route(r, ctx, &routes[i], NULL, NULL), HEARTH_OK);
    hearth_str rest;
    bool       other;
    assert_false(registry_match(r, HEARTH_STR("GET"), HEARTH_STR("/v1/models"), &rest, &other)->is_prefix);
    route *one = registry_match(r, HEARTH_STR("GET"), HEARTH_STR("/v1/models/a/b:c"), &rest, &other);
    assert_text(one->path, "/v1/models/");
    assert_text(rest, "a/b:c");
    assert_text(registry_match(r, HEARTH_STR("HEAD"), HEARTH_STR("/v1/x"), &rest, &other)->path, "/v1/");
    assert_null(registry_match(r, HEARTH_STR("DELETE"), HEARTH_STR("/v1/chat"), &rest, &other));
    assert_true(other);
    assert_null(registry_match(r, HEARTH_STR("GET"), HEARTH_STR("/none"), &rest, &other));
    assert_false(other);
    hearth_route again = { "GET", "/v1/models", nothing, "public" };
    assert_int_equal(registry_route(r, (hearth_ctx *)(uintptr_t)0x2000, &again, NULL, NULL), HEARTH_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_method_is_found_by_name_and_alias, setup, teardown),
        cmocka_unit_test_setup_teardown(params_reach_the_shared_definitions, setup, teardown),
        cmocka_unit_test_setup_teardown(two_plugins_cannot_have_one_method, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_is_described_is_served_and_all_of_it_is_withdrawn, setup, teardown),
        cmocka_unit_test_setup_teardown(the_most_specific_route_wins, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
