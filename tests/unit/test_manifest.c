/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel_test.h"

#include "kernel/manifest.h"
#include "kit/limits.h"

static schema *form;

static int setup(void **state)
{
    (void)state;
    hearth_err err = { 0 };
    value_install();
    form = manifest_form(&err);
    if (!form)
        fail_msg("%s", err.msg);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    schema_free(form);
    return 0;
}

#define HEAD "{\"id\":\"me.dice\",\"version\":\"0.1.0\",\"title\":\"Dice\",\"hearth\":\"^1\","

static void is_read(const char *text)
{
    hearth_err    err = { 0 };
    hearth_value *v = manifest_read(form, HEARTH_STR("me.dice"), hearth_cstr(text), &err);
    if (!v)
        fail_msg("%s", err.msg);
    hearth_value_unref(v);
}

static void is_refused(const char *text, hearth_code code, const char *words)
{
    hearth_err err = { 0 };
    assert_null(manifest_read(form, HEARTH_STR("me.dice"), hearth_cstr(text), &err));
    if (err.code != code || !strstr(err.msg, words))
        fail_msg("%s: %d \"%s\" does not say \"%s\"", text, (int)err.code, err.msg, words);
}

static void good_manifests_are_read(void **state)
{
    (void)state;
    is_read(HEAD "\"runtime\":\"native\"}");
    is_read(HEAD "\"runtime\":{\"kind\":\"process\",\"main\":\"main.mjs\",\"lang\":\"js\"},\"contributes\":{\"tools\":[{\"name\":\"roll\","
                 "\"description\":\"Roll dice\",\"inputSchema\":{\"type\":\"object\"}}]}}");
    is_read(HEAD "\"runtime\":\"none\",\"permissions\":[{\"name\":\"threads.read\",\"reason\":\"to count them\"}],\"dependencies\":{\"chat\":\"^0.1\"}}");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    is_refused("{\"id\":", HEARTH_PARSE, "plugin.json");
    is_refused("[]", HEARTH_INVALID_ARGUMENT, "object");
    is_refused(HEAD "\"runtime\":\"soap\"}", HEARTH_INVALID_ARGUMENT, "runtime");
    is_refused("{\"id\":\"me.dice\",\"version\":\"1\",\"title\":\"D\",\"hearth\":\"^1\",\"runtime\":\"none\"}", HEARTH_INVALID_ARGUMENT, "version");
    is_refused("{\"id\":\"Me\",\"version\":\"0.1.0\",\"title\":\"D\",\"hearth\":\"^1\",\"runtime\":\"none\"}", HEARTH_INVALID_ARGUMENT, "id");
    is_refused("{\"id\":\"you.dice\",\"version\":\"0.1.0\",\"title\":\"D\",\"hearth\":\"^1\",\"runtime\":\"none\"}", HEARTH_INVALID_ARGUMENT, "folder");
    is_refused("{\"id\":\"me.dice\",\"version\":\"0.1.0\",\"title\":\"D\",\"hearth\":\"^2\",\"runtime\":\"none\"}", HEARTH_INCOMPATIBLE, "version 2");
    is_refused(HEAD "\"runtime\":\"none\",\"permissions\":[{\"name\":\"threads.read\"}]}", HEARTH_INVALID_ARGUMENT, "permissions");
    is_refused(HEAD "\"runtime\":{\"kind\":\"native\",\"main\":\"../../bin/sh\"}}", HEARTH_INVALID_ARGUMENT, "runtime");
    is_refused(HEAD "\"runtime\":\"none\",\"surprise\":1}", HEARTH_INVALID_ARGUMENT, "surprise");
}

static void a_manifest_has_an_end(void **state)
{
    (void)state;
    hearth_err err = { 0 };
    char      *big = malloc(LIMIT_MANIFEST_BYTES + 1);
    memset(big, ' ', LIMIT_MANIFEST_BYTES + 1);
    assert_null(manifest_read(form, (hearth_str){ NULL, 0 }, (hearth_str){ big, LIMIT_MANIFEST_BYTES + 1 }, &err));
    assert_int_equal(err.code, HEARTH_TOO_LARGE);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_manifests_are_read),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_manifest_has_an_end),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
