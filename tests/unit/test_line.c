/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The line socket: torn and pipelined lines, limits, slow readers, and who is at the other end. */
#include "io_test.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "io/line.h"

typedef struct test {
    char         folder[64], path[128];
    loop        *l;
    line_server *s;
    line_conn   *conn;
    char         seen[4096];
    int          lines, closes, stop_at;
    bool         refuse, echo, close_on_line, is_closed, is_idle;
    uint32_t     uid;
    int64_t      pid;
} test;

static void *on_open(void *arg, line_conn *c, uint32_t uid, int64_t pid)
{
    test *t = arg;
    t->conn = c;
    t->uid = uid;
    t->pid = pid;
    return t->refuse ? NULL : t;
}

static void on_line(void *user, line_conn *c, hearth_str line)
{
    test *t = user;
    t->lines++;
    size_t n = strlen(t->seen);
    snprintf(t->seen + n, sizeof t->seen - n, "[%.*s]", HEARTH_FMT(line));
    if (t->echo)
        assert_int_equal(line_send(c, line), HEARTH_OK);
    if (t->close_on_line) {
        line_close(c);
        assert_int_equal(line_send(c, line), HEARTH_UNAVAILABLE);
    }
    if (t->lines == t->stop_at)
        loop_stop(t->l);
}

static void on_close(void *user, line_conn *c)
{
    test *t = user;
    assert_ptr_equal(c, t->conn);
    t->conn = NULL;
    t->closes++;
    t->is_closed = true;
}

static const line_handlers handlers = { on_open, on_line, on_close };

static void begin(test *t)
{
    memset(t, 0, sizeof *t);
    io_test_folder(t->folder);
    snprintf(t->path, sizeof t->path, "%s/rpc.sock", t->folder);
    t->l = io_test_loop();
    hearth_err err = { 0 };
    t->s = line_listen(t->l, t->path, 1000, &handlers, t, &err);
    assert_non_null(t->s);
}

static void on_idle(void *arg) { ((test *)arg)->is_idle = true; }

static void end(test *t)
{
    struct stat st;
    line_server_free(t->s, on_idle, t);
    io_test_until(t->l, &t->is_idle);
    assert_int_not_equal(stat(t->path, &st), 0);
    loop_free(t->l);
    io_test_remove_folder(t->folder);
}

static int dial(const test *t)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", t->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void put(int fd, const char *text) { assert_int_equal(write(fd, text, strlen(text)), strlen(text)); }

static void lines_in_every_shape(void **state)
{
    (void)state;
    test t;
    begin(&t);
    struct stat st;
    assert_int_equal(stat(t.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    int fd = dial(&t);
    t.echo = true;
    t.stop_at = 4;
    put(fd, "one\ntwo\n\n\nthr");
    put(fd, "ee\nfour\nrest");
    loop_run(t.l);
    assert_string_equal(t.seen, "[one][two][three][four]");
    assert_int_equal(t.uid, getuid());
    assert_int_equal(t.pid, getpid());
    char answer[64] = { 0 };
    assert_int_equal(recv(fd, answer, 19, MSG_WAITALL), 19);
    assert_string_equal(answer, "one\ntwo\nthree\nfour\n");
    close(fd);
    io_test_until(t.l, &t.is_closed);
    assert_int_equal(t.closes, 1);
    end(&t);
}

static void byte_by_byte(void **state)
{
    (void)state;
    test t;
    begin(&t);
    int fd = dial(&t);
    t.stop_at = 1;
    const char *text = "{\"jsonrpc\":\"2.0\"}\n";
    for (const char *p = text; *p; p++) {
        put(fd, (char[]){ *p, '\0' });
        loop_timer *timer = p[1] ? loop_timer_start(t.l, 0, 0, io_test_stop, t.l) : NULL;
        loop_run(t.l);
        loop_timer_stop(timer);
    }
    assert_string_equal(t.seen, "[{\"jsonrpc\":\"2.0\"}]");
    close(fd);
    end(&t);
}

static void a_line_over_the_limit_is_told_and_ends_it(void **state)
{
    (void)state;
    test t;
    begin(&t);
    int  fd = dial(&t);
    char big[2001];
    memset(big, 'x', 2000);
    big[2000] = '\0';
    put(fd, "fits\n");
    put(fd, big); /* no newline at all */
    io_test_until(t.l, &t.is_closed);
    assert_string_equal(t.seen, "[fits]");
    char answer[1024] = { 0 };
    assert_true(read(fd, answer, sizeof answer - 1) > 0);
    assert_non_null(strstr(answer, "\"name\":\"too_large\""));
    close(fd);
    end(&t);
}

static void refused_and_closed_by_us(void **state)
{
    (void)state;
    test t;
    char byte;
    begin(&t);
    t.refuse = true;
    int fd = dial(&t);
    while (!t.conn) { /* one round of the loop at a time until it was accepted */
        loop_timer *timer = loop_timer_start(t.l, 1, 0, io_test_stop, t.l);
        loop_run(t.l);
        loop_timer_stop(timer);
    }
    assert_int_equal(read(fd, &byte, 1), 0);
    assert_int_equal(t.closes, 0); /* never opened, so never closed */
    close(fd);

    t.refuse = false;
    t.close_on_line = t.echo = true;
    fd = dial(&t);
    put(fd, "bye\nnot read\n");
    io_test_until(t.l, &t.is_closed);
    assert_string_equal(t.seen, "[bye]");
    char answer[16] = { 0 };
    assert_int_equal(recv(fd, answer, 4, MSG_WAITALL), 4);
    assert_string_equal(answer, "bye\n");
    close(fd);
    end(&t);
}

static void slow_readers_get_busy_and_lose_nothing(void **state)
{
    (void)state;
    test t;
    begin(&t);
    int fd = dial(&t);
    t.stop_at = 1;
    put(fd, "go\n");
    loop_run(t.l);
    enum { PIECE = 1 << 20 };
    char *mib = malloc(PIECE);
    memset(mib, 'm', PIECE);
    int sent = 0;
    while (line_send(t.conn, (hearth_str){ mib, PIECE }) == HEARTH_OK)
        assert_true(++sent < 40);
    assert_true(sent >= 14);
    assert_true(line_queued(t.conn) <= 16u << 20);
    line_close(t.conn); /* what was taken still arrives */
    size_t got = 0;
    char   chunk[65536];
    for (;;) {
        ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n == 0)
            break;
        if (n > 0) {
            got += (size_t)n;
            continue;
        }
        loop_timer *timer = loop_timer_start(t.l, 1, 0, io_test_stop, t.l);
        loop_run(t.l);
        loop_timer_stop(timer);
    }
    assert_int_equal(got, (size_t)sent * (PIECE + 1));
    free(mib);
    close(fd);
    end(&t);
}

static void the_socket_file(void **state)
{
    (void)state;
    test t;
    begin(&t);
    /* An old socket is replaced, another file is not. */
    test again = t;
    again.s = line_listen(t.l, t.path, 10, &handlers, &again, NULL);
    assert_non_null(again.s);
    hearth_err err = { 0 };
    char       path[300];
    snprintf(path, sizeof path, "%s/file", t.folder);
    FILE *f = fopen(path, "w");
    fclose(f);
    assert_null(line_listen(t.l, path, 10, &handlers, &t, &err));
    assert_int_equal(err.code, HEARTH_CONFLICT);
    err = (hearth_err){ 0 };
    snprintf(path, sizeof path, "%s/%0200d", t.folder, 0);
    assert_null(line_listen(t.l, path, 10, &handlers, &t, &err));
    assert_int_equal(err.code, HEARTH_INVALID_ARGUMENT);
    err = (hearth_err){ 0 };
    assert_null(line_listen(t.l, "/no/such/folder/x.sock", 10, &handlers, &t, &err));
    assert_true(err.code < 0);
    again.is_idle = false;
    line_server_free(again.s, on_idle, &again);
    io_test_until(t.l, &again.is_idle);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_in_every_shape),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(a_line_over_the_limit_is_told_and_ends_it),
        cmocka_unit_test(refused_and_closed_by_us),
        cmocka_unit_test(slow_readers_get_busy_and_lose_nothing),
        cmocka_unit_test(the_socket_file),
    };
    return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
