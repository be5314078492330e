/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel_test.h"

#include "cli/args.h"

static const char *text;
static bool        flag, has_number;
static int64_t     whole;
static double      number;
static args_list   many;

static const args_option options[] = {
    { "text", ARGS_TEXT, &text, NULL },  { "flag", ARGS_FLAG, &flag, NULL },
    { "whole", ARGS_INT, &whole, NULL }, { "number", ARGS_NUMBER, &number, &has_number },
    { "many", ARGS_LIST, &many, NULL },  { NULL, ARGS_END, NULL, NULL },
};

/* Splits at spaces, parses; the operands end up in words[1..]. */
static hearth_code parse(const char *line, char *words[32], int *operands, hearth_err *err)
{
    static char copy[512];
    int         n = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "))
        words[n++] = p;
    text = NULL;
    flag = has_number = false;
    whole = 0;
    number = 0;
    many = (args_list){ { NULL }, 0 };
    *err = (hearth_err){ 0 };
    return args_parse(options, n, words, operands, err);
}

static void good(void **state)
{
    (void)state;
    char      *w[32];
    int        n = 0;
    hearth_err err;
    assert_int_equal(
        parse("cmd a --text hello --flag b --whole=-7 --number 0.5 --many x --many=y - -- --flag", w, &n, &err),
        HEARTH_OK);
    assert_int_equal(n, 4);
    assert_string_equal(w[1], "a");
    assert_string_equal(w[2], "b");
    assert_string_equal(w[3], "-");
    assert_string_equal(w[4], "--flag");
    assert_string_equal(text, "hello");
    assert_true(flag && has_number);
    assert_int_equal(whole, -7);
    assert_true(number == 0.5);
    assert_int_equal(many.n, 2);
    assert_string_equal(many.all[1], "y");
    assert_null(many.all[2]);
}

static void wrong(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } rows[] = {
        { "cmd --txet x", "did you mean --text?" },
        { "cmd --zzzzzzzz", "there is no option --zzzzzzzz" },
        { "cmd -x", "two dashes" },
        { "cmd --text", "needs a value" },
        { "cmd --flag=1", "takes no value" },
        { "cmd --whole 1.5", "whole number" },
        { "cmd --whole 99999999999999999999", "whole number" },
        { "cmd --number nan", "takes a number" },
        { "cmd --number x", "takes a number" },
        { "cmd --many 1 --many 2 --many 3 --many 4 --many 5 --many 6 --many 7 --many 8 --many 9 --many=1 --many=2 "
          "--many=3 --many=4 --many=5 --many=6 "
          "--many=7 --many=8",
          "at most 16" },
    };
    for (size_t i = 0; i < HEARTH_COUNT(rows); i++) {
        char      *w[64];
        int        n = 0;
        hearth_err err;
        assert_int_equal(parse(rows[i].line, w, &n, &err), HEARTH_INVALID_ARGUMENT);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("%s: %s", rows[i].line, err.msg);
    }
}

static void listen_to(void **state)
{
    (void)state;
    static const struct {
        const char *in, *host;
        int         port; /* -1: refused */
    } rows[] = {
        { "127.0.0.1:0", "127.0.0.1", 0 },
        { "localhost:65535", "localhost", 65535 },
        { ":8080", "127.0.0.1", 8080 },
        { "8080", "127.0.0.1", 8080 },
        { "[::1]:1337", "::1", 1337 },
        { "::1:1337", NULL, -1 },
        { "127.0.0.1:65536", NULL, -1 },
        { "127.0.0.1:", NULL, -1 },
        { "host", NULL, -1 },
        { "host:-1", NULL, -1 },
        { "", NULL, -1 },
        { "a:1x", NULL, -1 },
    };
    for (size_t i = 0; i < HEARTH_COUNT(rows); i++) {
        char        host[64] = "";
        uint16_t    port = 0;
        hearth_code code = args_listen(rows[i].in, host, sizeof host, &port, NULL);
        if ((code < 0) != (rows[i].port < 0))
            fail_msg("\"%s\": %d", rows[i].in, code);
        if (code < 0)
            continue;
        assert_string_equal(host, rows[i].host);
        assert_int_equal(port, rows[i].port);
    }
}

static void distance(void **state)
{
    (void)state;
    assert_int_equal(args_distance("serve", "serve", 3), 0);
    assert_int_equal(args_distance("sevre", "serve", 3), 2);
    assert_int_equal(args_distance("srve", "serve", 3), 1);
    assert_int_equal(args_distance("", "abc", 3), 3);
    assert_int_equal(args_distance("abcdefgh", "zzz", 3), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(wrong), cmocka_unit_test(listen_to),
                                        cmocka_unit_test(distance) };
    return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
