/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Tokens, keys and cookies, over a real folder and a clock that the test sets. */
#include "kernel_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "face/session.h"

static loop      *l;
static gate      *g;
static file_root *root;
static sessions  *s;
static char       where[64];
static uint64_t   now = 1700000000000;

static uint64_t wall(void) { return now; }

static void open_sessions(bool needs_credential)
{
    hearth_err err = { 0 };
    s = sessions_open(
        &(sessions_options){
            .loop = l, .gate = g, .local = root, .needs_credential = needs_credential, .wall_ms = wall },
        &err);
    if (!s)
        fail_msg("%s", err.msg);
}

static void close_sessions(void)
{
    bool is_done = false;
    sessions_close(s, settle_now, &is_done);
    run_until(l, &is_done);
    s = NULL;
}

static int setup(void **state)
{
    (void)state;
    value_install();
    strcpy(where, "/tmp/hearth-session-XXXXXX");
    l = loop_new(NULL);
    g = gate_new();
    if (!mkdtemp(where) || !l || !g)
        return -1;
    root = file_root_open(where, false, NULL);
    open_sessions(false);
    return root ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    if (s)
        close_sessions();
    file_remove(root, HEARTH_STR("token"), NULL);
    file_remove(root, HEARTH_STR("sessions.json"), NULL);
    file_root_close(root);
    gate_free(g);
    loop_free(l);
    return rmdir(where);
}

/* "owner", "local" or the name of the error. */
static const char *who(const char *authorization, const char *api_key, const char *cookie)
{
    static char text[32];
    char        crumbs[160] = "";
    heads       h = { .authorization = hearth_cstr(authorization), .api_key = hearth_cstr(api_key) };
    if (cookie) {
        snprintf(crumbs, sizeof crumbs, "x=1; hearth_session=%s", cookie);
        h.cookie = hearth_cstr(crumbs);
    }
    principal  *p = NULL;
    hearth_code code = sessions_who(s, &h, &p, NULL);
    if (code < 0)
        return hearth_code_name(code);
    hearth_str_copy(text, sizeof text, principal_kind_name(p));
    return text;
}

static void sign_in(char cookie[SESSION_TEXT])
{
    char key[SESSION_TEXT];
    sessions_make_key(s, key);
    assert_true(sessions_redeem(s, hearth_cstr(key), cookie));
}

static void every_form_is_one_principal(void **state)
{
    (void)state;
    char token[64], bearer[80], cookie[SESSION_TEXT];
    hearth_str_copy(token, sizeof token, sessions_token(s));
    assert_int_equal(strlen(token), TOKEN_TEXT - 1);
    snprintf(bearer, sizeof bearer, "bearer %s", token);
    sign_in(cookie);
    assert_string_equal(who(bearer, NULL, NULL), "owner");
    assert_string_equal(who(NULL, token, NULL), "owner");
    assert_string_equal(who(NULL, NULL, cookie), "owner");
    assert_string_equal(who(NULL, NULL, NULL), "local");
}

static void a_wrong_one_is_never_local(void **state)
{
    (void)state;
    char token[64], text[80];
    hearth_str_copy(token, sizeof token, sessions_token(s));
    const char *const bad[] = { "", "Bearer", "Bearer ", "Bearer hearth_x", "Basic dTpw", token };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++)
        assert_string_equal(who(bad[i], NULL, NULL), "unauthenticated");
    snprintf(text, sizeof text, "Bearer %s", token);
    text[20] = (char)(text[20] ^ 1);
    assert_string_equal(who(text, NULL, NULL), "unauthenticated");
    assert_string_equal(who(NULL, "hearth_anything", NULL), "unauthenticated");
    assert_string_equal(who(NULL, "", NULL), "unauthenticated");
    assert_string_equal(who(NULL, NULL, "nonsense"), "unauthenticated");
    assert_string_equal(who(NULL, NULL, token), "unauthenticated"); /* the token is no cookie */
    /* A good one does not excuse a bad one. */
    assert_string_equal(who("Bearer hearth_x", token, NULL), "unauthenticated");
}

static void a_made_up_key_is_none(void **state)
{
    (void)state;
    char cookie[SESSION_TEXT];
    sign_in(cookie);
    assert_string_equal(who("Bearer none", NULL, NULL), "local");
    assert_string_equal(who(NULL, "sk-0123456789", NULL), "local");
    assert_string_equal(who("Bearer sk-x", NULL, cookie), "owner"); /* the cookie is a credential, the key is none */
    assert_string_equal(who("Bearer sk-x", NULL, "nonsense"), "unauthenticated");
}

static void keys_work_once(void **state)
{
    (void)state;
    char key[SESSION_TEXT], second[SESSION_TEXT], cookie[SESSION_TEXT];
    sessions_make_key(s, key);
    sessions_make_key(s, second);
    assert_false(sessions_redeem(s, HEARTH_STR(""), cookie));
    assert_false(sessions_redeem(s, HEARTH_STR("x"), cookie));
    assert_true(sessions_redeem(s, hearth_cstr(key), cookie));
    assert_false(sessions_redeem(s, hearth_cstr(key), cookie));
    assert_true(sessions_redeem(s, hearth_cstr(second), cookie));
    assert_int_equal(sessions_count(s), 2);
}

static void survive_a_restart(void **state)
{
    (void)state;
    char        cookie[SESSION_TEXT], token[64];
    struct stat st;
    char        path[96];
    hearth_str_copy(token, sizeof token, sessions_token(s));
    sign_in(cookie);
    close_sessions();
    snprintf(path, sizeof path, "%s/token", where);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    open_sessions(false);
    assert_string_equal(who(NULL, NULL, cookie), "owner");
    assert_text(sessions_token(s), token);
}

static void the_file_gives_nothing_away(void **state)
{
    (void)state;
    char cookie[SESSION_TEXT];
    sign_in(cookie);
    close_sessions();
    hearth_buf text;
    hearth_buf_init(&text, 1 << 16);
    assert_int_equal(file_read(root, HEARTH_STR("sessions.json"), &text, NULL), HEARTH_OK);
    assert_null(strstr(text.p, cookie));
    assert_non_null(strstr(text.p, "\"hash\""));
    hearth_buf_deinit(&text);
}

static void end_by_age(void **state)
{
    (void)state;
    const uint64_t hour = 3600u * 1000;
    char           cookie[SESSION_TEXT], idle[SESSION_TEXT];
    uint64_t       began = now;
    sign_in(cookie);
    sign_in(idle);
    for (uint64_t at = 0; at < 719 * hour; at += 11 * hour) { /* used often: lives, up to 30 days */
        now = began + at;
        assert_string_equal(who(NULL, NULL, cookie), "owner");
    }
    assert_string_equal(who(NULL, NULL, idle), "unauthenticated");
    now = began + 720 * hour;
    assert_string_equal(who(NULL, NULL, cookie), "unauthenticated");
    assert_int_equal(sessions_count(s), 0);
}

static void the_unused_one_gives_way(void **state)
{
    (void)state;
    char first[SESSION_TEXT], second[SESSION_TEXT], other[SESSION_TEXT];
    sign_in(first);
    now++;
    sign_in(second);
    now++;
    assert_string_equal(who(NULL, NULL, first), "owner"); /* now `second` was unused the longest */
    for (int i = 0; i < 255; i++) {
        now++;
        sign_in(other);
    }
    assert_string_equal(who(NULL, NULL, second), "unauthenticated");
    assert_string_equal(who(NULL, NULL, first), "owner");
    assert_string_equal(who(NULL, NULL, other), "owner");
}

static void bad_files(void **state)
{
    (void)state;
    hearth_err err = { 0 };
    close_sessions();
    assert_int_equal(file_write(root, HEARTH_STR("sessions.json"),
                                HEARTH_STR("{\"sessions\":[{\"hash\":\"zz\"},7,{\"created_ms\":-1}]"), 0600, NULL),
                     0);
    open_sessions(false); /* costs a sign-in, not a start */
    assert_int_equal(sessions_count(s), 0);
    close_sessions();
    assert_int_equal(file_write(root, HEARTH_STR("token"), HEARTH_STR("short\n"), 0600, NULL), 0);
    assert_null(sessions_open(&(sessions_options){ .loop = l, .gate = g, .local = root, .wall_ms = wall }, &err));
    assert_int_equal(err.code, HEARTH_DAMAGED);
    settle_loop(l);
}

static void a_credential_from_everybody(void **state)
{
    (void)state;
    close_sessions();
    open_sessions(true);
    assert_string_equal(who(NULL, NULL, NULL), "unauthenticated");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = { T(every_form_is_one_principal),
                                        T(a_wrong_one_is_never_local),
                                        T(a_made_up_key_is_none),
                                        T(keys_work_once),
                                        T(survive_a_restart),
                                        T(the_file_gives_nothing_away),
                                        T(end_by_age),
                                        T(the_unused_one_gives_way),
                                        T(bad_files),
                                        T(a_credential_from_everybody) };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
