/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The HTTP server over real sockets: the table of http_cases.h in pieces of every size, streams, back-pressure, ends. */
#include "http_client.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "http_cases.h"
#include "io/http_impl.h"

enum { MAX_BODY = 100000 };

static site the_site;

static int set_up(void **state)
{
    (void)state;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < 8192 ? files.rlim_max : 8192;
    setrlimit(RLIMIT_NOFILE, &files);
    for (size_t i = 0; i < sizeof site_big; i++)
        site_big[i] = (char)('a' + i % 23);
    memset(&the_site, 0, sizeof the_site);
    the_site.options.max_body = MAX_BODY;
    site_start(&the_site);
    return the_site.port > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    site_stop(&the_site);
    return 0;
}

static void run_case(const http_case *t, size_t step)
{
    char statuses[128], body[65536] = "";
    int  fd = dial(&the_site);
    put(fd, t->bytes, t->n, step);
    put_text(fd, LAST);
    get_statuses(fd, statuses, sizeof statuses, body, sizeof body);
    close(fd);
    if (strcmp(statuses, t->statuses) != 0 || (t->body && !strstr(body, t->body)))
        print_error("%s, in pieces of %zu: got %s, wanted %s; %s\n", t->name, step, statuses, t->statuses, body);
    assert_string_equal(statuses, t->statuses);
    if (t->body)
        assert_non_null(strstr(body, t->body));
    if (statuses[0] == '4') { /* what is refused says why, in the house's shape */
        assert_true(strncmp(statuses, "426", 3) == 0 || strstr(body, "{\"error\":{\"message\":\"") == body);
    }
}

static void table_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEARTH_COUNT(http_cases); i++)
        run_case(&http_cases[i], SIZE_MAX);
}

static void table_in_pieces(void **state)
{
    (void)state;
    static const size_t steps[] = { 1, 2, 3, 7, 16 };
    for (size_t k = 0; k < HEARTH_COUNT(steps); k++)
        for (size_t i = 0; i < HEARTH_COUNT(http_cases); i++)
            run_case(&http_cases[i], steps[k]);
}

static void expect_statuses(const char *bytes, size_t n, const char *wanted)
{
    char statuses[256], *body = malloc(1 << 20);
    int  fd = dial(&the_site);
    put(fd, bytes, n, SIZE_MAX);
    get_statuses(fd, statuses, sizeof statuses, body, 1 << 20);
    assert_string_equal(statuses, wanted);
    free(body);
    close(fd);
}

static void caps(void **state)
{
    (void)state;
    hearth_buf out;
    hearth_buf_init(&out, 1 << 22);
    /* 101 headers */
    hearth_buf_puts(&out, "GET /hello HTTP/1.1\r\n" H);
    for (int i = 0; i < 100; i++)
        hearth_buf_printf(&out, "x-%d: y\r\n", i);
    hearth_buf_puts(&out, "\r\n");
    expect_statuses(out.p, out.n, "431");
    /* a head over 16 KiB, whole and without end */
    hearth_buf_reset(&out);
    hearth_buf_puts(&out, "GET /hello HTTP/1.1\r\n" H "x: ");
    for (int i = 0; i < 20000; i++)
        hearth_buf_putc(&out, 'y');
    expect_statuses(out.p, out.n, "431");
    hearth_buf_puts(&out, "\r\n\r\n");
    expect_statuses(out.p, out.n, "431");
    /* a head of nearly 16 KiB is fine, and so is one of 100 headers */
    hearth_buf_reset(&out);
    hearth_buf_puts(&out, "GET /later HTTP/1.1\r\n" H "Connection: close\r\nx: ");
    for (int i = 0; i < 16000; i++)
        hearth_buf_putc(&out, 'y');
    hearth_buf_puts(&out, "\r\n\r\n");
    expect_statuses(out.p, out.n, "200");
    hearth_buf_reset(&out);
    hearth_buf_puts(&out, "GET /hello HTTP/1.1\r\n" H "Connection: close\r\n");
    for (int i = 0; i < 98; i++)
        hearth_buf_printf(&out, "x-%d: y\r\n", i);
    hearth_buf_puts(&out, "\r\n");
    expect_statuses(out.p, out.n, "200");
    /* a chunked body over the limit, and one that is all framing */
    hearth_buf_reset(&out);
    hearth_buf_puts(&out, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; i++) {
        hearth_buf_puts(&out, "2710\r\n");
        for (int k = 0; k < 10000; k++)
            hearth_buf_putc(&out, 'z');
        hearth_buf_puts(&out, "\r\n");
    }
    hearth_buf_puts(&out, "0\r\n\r\n");
    expect_statuses(out.p, out.n, "413");
    hearth_buf_reset(&out);
    hearth_buf_puts(&out, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1;");
    for (int i = 0; i < 400000; i++)
        hearth_buf_putc(&out, 'e');
    expect_statuses(out.p, out.n, "400");
    /* a body of exactly the limit */
    hearth_buf_reset(&out);
    hearth_buf_printf(&out, "POST /echo HTTP/1.1\r\n" H "Connection: close\r\nContent-Length: %d\r\n\r\n", MAX_BODY);
    for (int i = 0; i < MAX_BODY; i++)
        hearth_buf_putc(&out, 'b');
    expect_statuses(out.p, out.n, "200");
    hearth_buf_deinit(&out);
}

/* The refusal of a large upload arrives although the client is still sending. */
static void a_refusal_is_not_overtaken_by_a_reset(void **state)
{
    (void)state;
    char statuses[64], body[4096], *junk = calloc(1, 4 << 20);
    int  fd = dial(&the_site);
    put_text(fd, "POST /echo HTTP/1.1\r\n" H "Content-Length: 4194304\r\n\r\n");
    put(fd, junk, 4 << 20, SIZE_MAX);
    get_statuses(fd, statuses, sizeof statuses, body, sizeof body);
    assert_string_equal(statuses, "413");
    assert_non_null(strstr(body, "\"code\":\"too_large\""));
    free(junk);
    close(fd);
}

static void heads_and_hooks(void **state)
{
    (void)state;
    char   answer[4096];
    size_t n = 0;
    int    fd = dial(&the_site);
    put_text(fd, "HEAD /hello HTTP/1.1\r\n" H "\r\n" LAST);
    char *all = get_all(fd, &n);
    close(fd);
    const char *second = strstr(all + 1, "HTTP/1.1 ");
    assert_non_null(second);
    assert_memory_equal(second - 4, "\r\n\r\n", 4); /* no body between them */
    assert_non_null(strstr(all, "content-length: 5\r\n"));
    assert_non_null(strstr(all, "date: "));
    free(all);

    the_site.is_refusing = true;
    fd = dial(&the_site);
    put_text(fd, "GET /hello HTTP/1.1\r\n" H "\r\n");
    get_until(fd, "}}", answer, sizeof answer);
    the_site.is_refusing = false;
    assert_non_null(strstr(answer, "HTTP/1.1 403 Forbidden\r\n"));
    assert_non_null(strstr(answer, "\"code\":\"denied\""));
    assert_non_null(strstr(answer, "not from there"));
    close(fd);
}

static void a_large_static_answer_arrives_whole(void **state)
{
    (void)state;
    size_t n = 0;
    int    fd = dial(&the_site);
    put_text(fd, "GET /big HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    char *all = get_all(fd, &n), *body = strstr(all, "\r\n\r\n") + 4;
    assert_int_equal(all + n - body, sizeof site_big);
    assert_memory_equal(body, site_big, sizeof site_big);
    free(all);
    close(fd);
    /* The sending half closed before the answer was read: it is still given whole. */
    fd = dial(&the_site);
    put_text(fd, "GET /big HTTP/1.1\r\n" H "\r\n");
    shutdown(fd, SHUT_WR);
    all = get_all(fd, &n);
    assert_true(n > sizeof site_big);
    free(all);
    close(fd);
}

static void wait_for(const atomic_int *value, int wanted)
{
    while (atomic_load(value) < wanted)
        sched_yield(); /* the alarm ends what never comes */
}

static void a_reader_that_leaves_is_noticed(void **state)
{
    (void)state;
    char answer[1024];
    int  before = the_site.gone;
    int  fd = dial(&the_site);
    put_text(fd, "GET /open HTTP/1.1\r\n" H "\r\n");
    get_until(fd, "data: 1\n\n\r\n", answer, sizeof answer);
    put_text(fd, "GET /hello HTTP/1.1\r\n"); /* bytes behind the stream do not hide the end */
    close(fd);
    wait_for(&the_site.gone, before + 1);
}

static void a_slow_reader_is_bounded(void **state)
{
    (void)state;
    size_t n = 0;
    int    fd = dial(&the_site);
    put_text(fd, "GET /flood HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    while (atomic_load(&the_site.flood_queued) == 0)
        sched_yield();
    assert_true(the_site.flood_queued <= 1 << 20);
    assert_true(the_site.flood_queued >= (1 << 20) - 70000);
    char       *all = get_all(fd, &n), status[4], *body = malloc(64 << 20);
    const char *end = read_answer(all, all + n, status, body, 64 << 20, false);
    assert_ptr_equal(end, all + n); /* every chunk is whole */
    wait_for(&the_site.drained, 1);
    free(body);
    free(all);
    close(fd);
}

/* 20,000 pipelined requests from a client that does not read: they wait, none is lost, memory is bounded. */
static void *send_pipelined(void *arg)
{
    static const char one[] = "GET /hello HTTP/1.1\r\n" H "\r\n";
    for (int i = 0; i < 20000; i++)
        put(*(int *)arg, one, sizeof one - 1, SIZE_MAX);
    put_text(*(int *)arg, LAST);
    return NULL;
}

static void pipelining_is_choked_and_complete(void **state)
{
    (void)state;
    pthread_t t;
    size_t    n = 0;
    int       fd = dial(&the_site), answers = 0;
    pthread_create(&t, NULL, send_pipelined, &fd);
    char *all = get_all(fd, &n);
    pthread_join(t, NULL);
    for (const char *p = all; (p = strstr(p, "HTTP/1.1 200 OK")); p++)
        answers++;
    assert_int_equal(answers, 20001);
    free(all);
    close(fd);
}

static void a_unix_socket_knows_who(void **state)
{
    (void)state;
    site s;
    char folder[64], answer[1024];
    memset(&s, 0, sizeof s);
    io_test_folder(folder);
    snprintf(s.path, sizeof s.path, "%s/http.sock", folder);
    site_start(&s);
    struct stat st;
    assert_int_equal(stat(s.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    memcpy(a.sun_path, s.path, sizeof s.path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    put_text(fd, "GET /who HTTP/1.1\r\n" H "\r\n");
    get_until(fd, "GET /who? unix\n", answer, sizeof answer);
    close(fd);
    site_stop(&s);
    assert_int_not_equal(stat(s.path, &st), 0);
    io_test_remove_folder(folder);
}

static void listening_fails_with_words(void **state)
{
    (void)state;
    static const http_handlers handlers = { site_request, NULL };
    loop                      *l = loop_new(NULL);
    http_server               *s = http_server_new(l, &handlers, NULL, &the_site);
    hearth_err                 err = { 0 };
    uint16_t                   port = the_site.port;
    assert_int_equal(http_listen(s, "127.0.0.1", &port, &err), HEARTH_CONFLICT);
    assert_non_null(strstr(err.msg, "--listen"));
    err = (hearth_err){ 0 };
    assert_int_equal(http_listen(s, "example.org", &port, &err), HEARTH_INVALID_ARGUMENT);
    err = (hearth_err){ 0 };
    assert_int_equal(http_listen_unix(s, "/no/such/folder/sock", &err) < 0, 1);
    port = 0;
    assert_int_equal(http_listen(s, "::1", &port, NULL) == HEARTH_OK ? port > 0 : 1, 1);
    http_server_free(s, 0, io_test_stop, l);
    loop_run(l);
    loop_free(l);
}

static void stopping_lets_requests_finish(void **state)
{
    (void)state;
    site s;
    memset(&s, 0, sizeof s);
    site_start(&s);
    char   answer[1024];
    size_t n = 0;
    int    idle = dial(&s), open = dial(&s), later = dial(&s);
    put_text(open, "GET /open HTTP/1.1\r\n" H "\r\n");
    get_until(open, "data: 1\n\n\r\n", answer, sizeof answer);
    put_text(later, "GET /later HTTP/1.1\r\n" H "\r\n");
    wait_for(&s.requests, 2);
    site_stop(&s); /* returns although one stream never ends */
    char *all = get_all(later, &n);
    assert_non_null(strstr(all, "later /later"));
    free(all);
    all = get_all(idle, &n);
    assert_int_equal(n, 0);
    free(all);
    assert_int_equal(s.gone, 1);
    close(idle);
    close(open);
    close(later);
}

static void connections_are_capped(void **state)
{
    (void)state;
    site s;
    char answer[1024];
    memset(&s, 0, sizeof s);
    s.options.max_connections = 2;
    site_start(&s);
    int a = dial(&s), b = dial(&s);
    put_text(a, "GET /open HTTP/1.1\r\n" H "\r\n");
    put_text(b, "GET /open HTTP/1.1\r\n" H "\r\n");
    wait_for(&s.open_streams, 2);
    int c = dial(&s);
    get_until(c, "}}", answer, sizeof answer);
    assert_non_null(strstr(answer, "HTTP/1.1 503 "));
    assert_non_null(strstr(answer, "\"code\":\"busy\""));
    close(a);
    close(b);
    close(c);
    site_stop(&s);
}

static void write_to_all(void *arg)
{
    site *s = arg;
    for (int i = 0; i < s->open_streams; i++)
        assert_int_equal(http_write(s->streams[i], HEARTH_STR("data: 2\n\n")), HEARTH_OK);
}

static void read_one_more(int fd)
{
    char answer[256];
    get_until(fd, "data: 2\n\n\r\n", answer, sizeof answer);
}

/* A thousand streams with the headers of a browser: each costs little, each gets its event, each end is noticed. */
static void a_thousand_idle_streams(void **state)
{
    (void)state;
    enum { STREAMS = 1000 };
    static int        fds[STREAMS];
    static const char request[] =
        "GET /open HTTP/1.1\r\n" H "Accept: text/event-stream\r\nAccept-Language: de,en;q=0.7\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130 "
        "Safari/537.36\r\n"
        "Cookie: hearth_session=0123456789abcdef0123456789abcdef0123456789abcdef\r\nReferer: "
        "http://127.0.0.1:1337/\r\n\r\n";
    char   answer[1024];
    size_t before = 0;
    site   s;
    memset(&s, 0, sizeof s);
    site_start(&s);
    for (int i = 0; i < STREAMS + 50; i++) { /* the first 50 warm everything up */
        int fd = dial(&s);
        if (i == 50)
            before = mallinfo2().uordblks;
        put_text(fd, request);
        get_until(fd, "data: 1\n\n\r\n", answer, sizeof answer);
        if (i < 50) {
            close(fd);
            wait_for(&s.gone, i + 1);
        } else {
            fds[i - 50] = fd;
        }
    }
    while (atomic_load(&s.open_streams) < STREAMS)
        sched_yield();
    size_t each = (mallinfo2().uordblks - before) / STREAMS; /* 0 where a sanitizer owns the heap */
    if (each > 0)
        print_message("an idle stream costs %zu bytes of heap\n", each);
    assert_true(each < 4096);
    loop_post(s.l, write_to_all, &s);
    for (int i = 0; i < STREAMS; i++)
        read_one_more(fds[i]);
    for (int i = 0; i < STREAMS; i++)
        close(fds[i]);
    wait_for(&s.gone, 50 + STREAMS);
    site_stop(&s);
}

/* Time itself is not waited for: the deadline is called as the timer would. */
static void deadlines_answer_or_close(void **state)
{
    (void)state;
    static const http_handlers handlers = { site_request, NULL };
    site                       s;
    memset(&s, 0, sizeof s);
    s.l = loop_new(NULL);
    http_server             *server = http_server_new(s.l, &handlers, NULL, &s);
    static const char *const begun[] = { "", "GET /hel", "POST /echo HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nabc" };
    static const http_wait   kinds[] = { HTTP_WAIT_IDLE, HTTP_WAIT_HEAD, HTTP_WAIT_BODY };
    for (size_t i = 0; i < 3; i++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        http_conn *c = http_adopt(server, fds[0]);
        put_text(fds[1], begun[i]);
        do {
            loop_timer *t = loop_timer_start(s.l, 1, 0, io_test_stop, s.l);
            loop_run(s.l);
            loop_timer_stop(t);
        } while (c->due_kind != kinds[i]);
        http_wait_set(c, HTTP_WAIT_NONE);
        http_wait_over(c, kinds[i]);
        shutdown(fds[1], SHUT_WR);
        while (http_connections(server) > 0) {
            loop_timer *t = loop_timer_start(s.l, 1, 0, io_test_stop, s.l);
            loop_run(s.l);
            loop_timer_stop(t);
        }
        size_t n = 0;
        char  *all = get_all(fds[1], &n);
        assert_true(i == 0 ? n == 0 : strncmp(all, "HTTP/1.1 408 ", 13) == 0);
        free(all);
        close(fds[1]);
    }
    http_server_free(server, 0, io_test_stop, s.l);
    loop_run(s.l);
    loop_free(s.l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_whole),
        cmocka_unit_test(table_in_pieces),
        cmocka_unit_test(caps),
        cmocka_unit_test(a_refusal_is_not_overtaken_by_a_reset),
        cmocka_unit_test(heads_and_hooks),
        cmocka_unit_test(a_large_static_answer_arrives_whole),
        cmocka_unit_test(a_reader_that_leaves_is_noticed),
        cmocka_unit_test(a_slow_reader_is_bounded),
        cmocka_unit_test(pipelining_is_choked_and_complete),
        cmocka_unit_test(a_unix_socket_knows_who),
        cmocka_unit_test(listening_fails_with_words),
        cmocka_unit_test(stopping_lets_requests_finish),
        cmocka_unit_test(connections_are_capped),
        cmocka_unit_test(a_thousand_idle_streams),
        cmocka_unit_test(deadlines_answer_or_close),
    };
    return cmocka_run_group_tests_name("http", tests, set_up, tear_down);
}
