/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* libhearth against a daemon that is only a socket: the test writes beforehand what the daemon would say. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/client.h"
#include "kit/value.h"

static hearth h;
static int    peer;

static int setup(void **state)
{
    (void)state;
    int ends[2];
    value_install();
    memset(&h, 0, sizeof h);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || pipe2(h.wake, O_NONBLOCK) < 0)
        return -1;
    h.link.fd = ends[0];
    h.daemon.owner_fd = -1;
    peer = ends[1];
    hearth_buf_init(&h.link.in, 1 << 20);
    hearth_buf_init(&h.out, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    client_link_close(&h.link);
    close(h.wake[0]);
    close(h.wake[1]);
    hearth_buf_deinit(&h.out);
    if (peer >= 0)
        close(peer);
    return 0;
}

static void say(const char *text) { assert_int_equal(write(peer, text, strlen(text)), strlen(text)); }

static char seen[256];

static void on_event(void *arg, const hearth_event *e)
{
    (void)arg;
    size_t n = strlen(seen);
    snprintf(seen + n, sizeof seen - n, "[%u %llu %.*s]", e->kind, (unsigned long long)e->seq, HEARTH_FMT(e->text));
}

static void events_then_the_answer(void **state)
{
    (void)state;
    char       sent[256] = "";
    hearth_err err = { HEARTH_IO, "", "left from before" };
    seen[0] = 0;
    say("{\"jsonrpc\":\"2.0\",\"method\":\"rpc.event\",\"params\":{\"id\":1,\"kind\":\"text\",\"text\":\"a\",\"seq\":1}"
        "}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"rpc.event\",\"params\":{\"id\":9,\"kind\":\"text\",\"text\":\"of "
        "another\",\"seq\":1}}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"rpc.event\",\"params\":{\"id\":1,\"kind\":\"later_kind\",\"seq\":2}}\n\n"
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"of\":\"another\"}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"n\":5}}\n");
    hearth_value *v = hearth_call(&h, "t.x", "{\"a\":1}", on_event, NULL, &err);
    assert_int_equal(hearth_get_i64(v, "n", 0), 5);
    assert_int_equal(err.code, HEARTH_OK);
    assert_string_equal(seen, "[2 1 a]");
    hearth_value_unref(v);
    assert_true(read(peer, sent, sizeof sent - 1) > 0);
    assert_string_equal(sent, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.x\",\"params\":{\"a\":1}}\n");
}

static void errors_keep_their_kind(void **state)
{
    (void)state;
    hearth_err    err;
    hearth_value *details = NULL;
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":4004,\"message\":\"no thread "
        "x\",\"data\":{\"name\":\"not_found\",\"param\":\"id\"}}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32602,\"message\":\"old\"}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":1,\"message\":\"unheard of\"}}\n");
    assert_null(hearth_call_value(&h, "t.x", NULL, NULL, NULL, &details, &err));
    assert_int_equal(err.code, HEARTH_NOT_FOUND);
    assert_string_equal(err.msg, "no thread x");
    assert_true(hearth_get_str(details, "param").n == 2);
    hearth_value_unref(details);
    assert_null(hearth_call(&h, "t.x", NULL, NULL, NULL, &err));
    assert_int_equal(err.code, HEARTH_INVALID_ARGUMENT);
    assert_null(hearth_call(&h, "t.x", NULL, NULL, NULL, &err));
    assert_int_equal(err.code, HEARTH_INTERNAL);
}

static void wrong_arguments_are_not_sent(void **state)
{
    (void)state;
    hearth_err err;
    char       sent[8];
    assert_null(hearth_call(&h, "t.x", "{", NULL, NULL, &err));
    assert_int_equal(err.code, HEARTH_PARSE);
    assert_int_equal(recv(peer, sent, sizeof sent, MSG_DONTWAIT), -1);
}

static void the_daemon_goes_away(void **state)
{
    (void)state;
    hearth_err err;
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"resu"); /* in the middle of a line */
    shutdown(peer, SHUT_WR);
    assert_null(hearth_call(&h, "t.x", NULL, NULL, NULL, &err));
    assert_int_equal(err.code, HEARTH_UNAVAILABLE);
    close(peer);
    peer = -1;
    assert_null(hearth_call(&h, "t.x", NULL, NULL, NULL, &err));
    assert_int_equal(err.code, HEARTH_UNAVAILABLE);
}

static void what_is_no_json(void **state)
{
    (void)state;
    hearth_err err;
    say("HTTP/1.1 400 Bad Request\r\n");
    assert_null(hearth_call(&h, "t.x", NULL, NULL, NULL, &err));
    assert_int_equal(err.code, HEARTH_INCOMPATIBLE);
}

/* Interrupts from inside of the call, as a signal handler would. */
static void interrupt_once(void *arg, const hearth_event *e)
{
    (void)arg;
    (void)e;
    hearth_interrupt(&h);
    say("{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":4990,\"message\":\"cancelled\",\"data\":{\"name\":"
        "\"cancelled\"}}}\n");
}

static void an_interrupt_cancels(void **state)
{
    (void)state;
    char       sent[512] = "";
    hearth_err err;
    hearth_interrupt(&h); /* nothing is under way: the next call is not meant */
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
    hearth_value_unref(hearth_call(&h, "t.x", NULL, NULL, NULL, &err));
    assert_int_equal(err.code, HEARTH_OK);
    say("{\"jsonrpc\":\"2.0\",\"method\":\"rpc.event\",\"params\":{\"id\":2,\"kind\":\"text\",\"text\":\"a\",\"seq\":1}"
        "}\n");
    assert_null(hearth_call(&h, "t.x", NULL, interrupt_once, NULL, &err));
    assert_int_equal(err.code, HEARTH_CANCELLED);
    assert_true(read(peer, sent, sizeof sent - 1) > 0);
    assert_non_null(strstr(sent, "{\"jsonrpc\":\"2.0\",\"method\":\"rpc.cancel\",\"params\":{\"id\":2}}\n"));
}

static void call_inside(void *arg, const hearth_event *e)
{
    hearth_err *err = arg;
    (void)e;
    assert_null(hearth_call(&h, "t.y", NULL, NULL, NULL, err));
}

static void one_call_at_a_time(void **state)
{
    (void)state;
    hearth_err inner = { 0 }, err;
    say("{\"jsonrpc\":\"2.0\",\"method\":\"rpc.event\",\"params\":{\"id\":1,\"kind\":\"text\",\"text\":\"a\",\"seq\":1}"
        "}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
    hearth_value_unref(hearth_call(&h, "t.x", NULL, call_inside, &inner, &err));
    assert_int_equal(inner.code, HEARTH_CONFLICT);
    assert_int_equal(err.code, HEARTH_OK);
}

static void folders(void **state)
{
    (void)state;
    char        out[CLIENT_PATH], here[CLIENT_PATH], expected[2 * CLIENT_PATH];
    static char too_long[2 * CLIENT_PATH];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(client_data_dir("/a/b//", out, NULL), HEARTH_OK);
    assert_string_equal(out, "/a/b");
    assert_int_equal(client_data_dir("./my-data", out, NULL), HEARTH_OK);
    snprintf(expected, sizeof expected, "%s/my-data", here);
    assert_string_equal(out, expected);
    assert_int_equal(client_data_dir(".", out, NULL), HEARTH_OK);
    assert_string_equal(out, here);
    setenv("HEARTH_DATA", "/from/env", 1);
    assert_int_equal(client_data_dir(NULL, out, NULL), HEARTH_OK);
    assert_string_equal(out, "/from/env");
    assert_int_equal(client_data_dir("/given", out, NULL), HEARTH_OK);
    assert_string_equal(out, "/given");
    unsetenv("HEARTH_DATA");
    setenv("XDG_DATA_HOME", "/xdg", 1);
    assert_int_equal(client_data_dir(NULL, out, NULL), HEARTH_OK);
    assert_string_equal(out, "/xdg/hearth");
    setenv("XDG_DATA_HOME", "relative", 1); /* the specification says: ignore it */
    setenv("HOME", "/home/x", 1);
    assert_int_equal(client_data_dir(NULL, out, NULL), HEARTH_OK);
    assert_string_equal(out, "/home/x/.local/share/hearth");
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[0] = '/';
    assert_int_equal(client_data_dir(too_long, out, NULL), HEARTH_TOO_LARGE);
}

static void nobody_there(void **state)
{
    (void)state;
    hearth_err err;
    assert_null(hearth_open(
        &(hearth_options){ .size = sizeof(hearth_options), .data_dir = "/nonexistent", .no_start = true }, &err));
    assert_int_equal(err.code, HEARTH_UNAVAILABLE);
    assert_null(hearth_open(&(hearth_options){ .size = sizeof(hearth_options),
                                               .data_dir = "/nonexistent",
                                               .executable = "/nonexistent/hearth" },
                            &err));
    assert_int_equal(err.code, HEARTH_NOT_FOUND);
    assert_null(hearth_open(
        &(hearth_options){ .size = sizeof(hearth_options), .data_dir = "/nonexistent", .executable = "/bin/false" },
        &err));
    assert_int_equal(err.code, HEARTH_UNAVAILABLE);
    assert_null(hearth_open(
        &(hearth_options){
            .size = sizeof(hearth_options), .data_dir = "/nonexistent", .executable = "/bin/cat", .start_ms = 1 },
        &err));
    assert_true(err.code <
                0); /* cat complains of its arguments, or is late: either way it is told and not left running */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = { T(events_then_the_answer),
                                        T(errors_keep_their_kind),
                                        T(wrong_arguments_are_not_sent),
                                        T(the_daemon_goes_away),
                                        T(what_is_no_json),
                                        T(an_interrupt_cancels),
                                        T(one_call_at_a_time),
                                        T(folders),
                                        T(nobody_there) };
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
