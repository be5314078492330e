/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel_test.h"

static gate *g;

static int setup(void **state)
{
    (void)state;
    g = gate_new();
    return g ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    gate_free(g);
    return 0;
}

static hearth_code ask(principal *who, principal *const *via, size_t n, const char *permission, hearth_err *err)
{
    return gate_check(g, who, via, n, gate_permission(g, hearth_cstr(permission)), HEARTH_STR("test.method"), err);
}

static void the_owner_may_everything_and_loopback_nearly_nothing(void **state)
{
    (void)state;
    principal *owner = principal_new(g, PRINCIPAL_OWNER, HEARTH_STR("me"));
    principal *local = principal_new(g, PRINCIPAL_LOCAL, HEARTH_STR(""));
    hearth_err err = { 0 };
    assert_int_equal(ask(owner, NULL, 0, "threads.write", NULL), HEARTH_OK);
    assert_int_equal(ask(local, NULL, 0, "inference.use", NULL), HEARTH_OK);
    assert_int_equal(ask(local, NULL, 0, "public", NULL), HEARTH_OK);
    assert_int_equal(ask(local, NULL, 0, "threads.read", &err), HEARTH_UNAUTHENTICATED);
    assert_non_null(strstr(err.msg, "Bearer")); /* says what to do */
    assert_int_equal(ask(local, NULL, 0, "settings.write", NULL), HEARTH_UNAUTHENTICATED);
    principal_unref(owner);
    principal_unref(local);
}

static void a_call_needs_the_rights_of_both(void **state)
{
    (void)state;
    principal *owner = principal_new(g, PRINCIPAL_OWNER, HEARTH_STR("me"));
    principal *weak = principal_new(g, PRINCIPAL_PLUGIN, HEARTH_STR("weak"));
    principal *strong = principal_new(g, PRINCIPAL_PLUGIN, HEARTH_STR("strong"));
    principal *local = principal_new(g, PRINCIPAL_LOCAL, HEARTH_STR(""));
    principal_grant(strong, HEARTH_STR("threads.*"));
    hearth_err err = { 0 };
    assert_int_equal(ask(owner, (principal *const[]){ strong }, 1, "threads.read", NULL), HEARTH_OK);
    assert_int_equal(ask(owner, (principal *const[]){ strong, weak }, 2, "threads.read", &err), HEARTH_DENIED);
    assert_non_null(strstr(err.msg, "weak"));
    /* the deputy is strong, the person behind it is not */
    assert_int_equal(ask(local, (principal *const[]){ strong }, 1, "threads.read", NULL), HEARTH_UNAUTHENTICATED);
    principal_unref(owner);
    principal_unref(weak);
    principal_unref(strong);
    principal_unref(local);
}

static void a_grant_counts_from_the_moment_it_is_given(void **state)
{
    (void)state;
    principal *p = principal_new(g, PRINCIPAL_PLUGIN, HEARTH_STR("p"));
    assert_int_equal(ask(p, NULL, 0, "a.read", NULL), HEARTH_DENIED);
    principal_grant(p, HEARTH_STR("a.read"));
    assert_int_equal(ask(p, NULL, 0, "a.read", NULL), HEARTH_OK);
    assert_int_equal(ask(p, NULL, 0, "a.reading", NULL), HEARTH_DENIED); /* not a prefix */
    principal_unref(p);
}

static gate_verdict no_writes(void *arg, const principal *who, hearth_str permission)
{
    (void)who;
    ++*(int *)arg;
    return hearth_str_is(permission, "threads.write") ? GATE_DENY : GATE_NO_OPINION;
}

static void a_policy_denies_and_is_asked_once_per_revision(void **state)
{
    (void)state;
    int        asked = 0;
    principal *owner = principal_new(g, PRINCIPAL_OWNER, HEARTH_STR("me"));
    assert_int_equal(ask(owner, NULL, 0, "threads.write", NULL), HEARTH_OK);
    gate_add_policy(g, no_writes, &asked);
    assert_int_equal(ask(owner, NULL, 0, "threads.write", NULL), HEARTH_DENIED);
    assert_int_equal(ask(owner, NULL, 0, "threads.write", NULL), HEARTH_DENIED);
    assert_int_equal(asked, 1);
    gate_new_revision(g);
    ask(owner, NULL, 0, "threads.write", NULL);
    assert_int_equal(asked, 2);
    principal_unref(owner);
}

static void count_audit(void *arg, const principal *who, hearth_str what, hearth_str permission, hearth_code code)
{
    (void)who;
    (void)permission;
    assert_int_equal(code, HEARTH_DENIED);
    assert_text(what, "test.method");
    ++*(int *)arg;
}

static void every_denial_is_audited(void **state)
{
    (void)state;
    int        lines = 0;
    principal *p = principal_new(g, PRINCIPAL_PLUGIN, HEARTH_STR("p"));
    gate_on_audit(g, count_audit, &lines);
    ask(p, NULL, 0, "a.read", NULL);
    ask(p, NULL, 0, "a.read", NULL); /* the verdict is remembered, the line is not */
    assert_int_equal(lines, 2);
    principal_unref(p);
}

static void there_is_an_end_to_permissions(void **state)
{
    (void)state;
    char name[32];
    int  last = 0;
    for (unsigned i = 0; i < GATE_MAX_PERMISSIONS + 10; i++) {
        snprintf(name, sizeof name, "area%u.read", i);
        last = gate_permission(g, hearth_cstr(name));
    }
    assert_int_equal(last, HEARTH_TOO_LARGE);
    assert_int_equal(gate_permission(g, HEARTH_STR("")), HEARTH_INVALID_ARGUMENT);
    principal *owner = principal_new(g, PRINCIPAL_OWNER, HEARTH_STR("me")); /* what has no number is nobody's */
    assert_int_equal(gate_check(g, owner, NULL, 0, last, HEARTH_STR("test.method"), NULL), HEARTH_DENIED);
    principal_unref(owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_owner_may_everything_and_loopback_nearly_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_needs_the_rights_of_both, setup, teardown),
        cmocka_unit_test_setup_teardown(a_grant_counts_from_the_moment_it_is_given, setup, teardown),
        cmocka_unit_test_setup_teardown(a_policy_denies_and_is_asked_once_per_revision, setup, teardown),
        cmocka_unit_test_setup_teardown(every_denial_is_audited, setup, teardown),
        cmocka_unit_test_setup_teardown(there_is_an_end_to_permissions, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
