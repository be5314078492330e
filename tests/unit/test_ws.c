/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* WebSockets over real sockets: messages whole, torn and fragmented, the close handshake, and everything RFC 6455 forbids. */
#include "http_client.h"

#include <sched.h>

#include "io/http_impl.h"

static site the_site;

static int set_up(void **state)
{
    (void)state;
    memset(site_big, 'w', sizeof site_big);
    memset(&the_site, 0, sizeof the_site);
    site_start(&the_site);
    return the_site.port > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    site_stop(&the_site);
    assert_int_equal(the_site.ws_open, the_site.ws_closed); /* each was told its end exactly once */
    return 0;
}

#define UPGRADE                                                                                                        \
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: "  \
    "13\r\n"                                                                                                           \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static int open_ws(void)
{
    char    answer[1024];
    int     fd = dial(&the_site);
    ssize_t n = 0;
    put_text(fd, UPGRADE);
    /* Byte by byte: the first frame may follow at once. */
    memset(answer, 0, sizeof answer);
    while (!strstr(answer, "\r\n\r\n"))
        assert_int_equal(recv(fd, answer + n++, 1, 0), 1);
    assert_non_null(strstr(answer, "HTTP/1.1 101 "));
    assert_non_null(strstr(answer, "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")); /* RFC 6455 §1.3 */
    return fd;
}

/* A client's frame. Returns its length. */
static size_t make_frame(char *to, unsigned first, const char *payload, size_t n)
{
    static const char mask[4] = { 0x37, (char)0xfa, 0x21, 0x3d };
    size_t            at = 0;
    to[at++] = (char)first;
    if (n < 126) {
        to[at++] = (char)(0x80 | n);
    } else if (n <= 0xffff) {
        to[at++] = (char)(0x80 | 126);
        to[at++] = (char)(n >> 8);
        to[at++] = (char)n;
    } else {
        to[at++] = (char)(0x80 | 127);
        for (int i = 7; i >= 0; i--)
            to[at++] = (char)((uint64_t)n >> (8 * i));
    }
    memcpy(to + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < n; i++)
        to[at++] = (char)(payload[i] ^ mask[i % 4]);
    return at;
}

static void put_frame(int fd, unsigned first, const char *payload, size_t n, size_t step)
{
    char  *frame = malloc(n + 14);
    size_t size = make_frame(frame, first, payload, n);
    put(fd, frame, size, step);
    free(frame);
}

/* One frame of the server. Returns its first byte, or -1 at the end. */
static int get_frame(int fd, char *payload, size_t size, size_t *n)
{
    uint8_t head[10];
    *n = 0;
    if (recv(fd, head, 2, MSG_WAITALL) != 2)
        return -1;
    uint64_t length = head[1] & 0x7f;
    assert_int_equal(head[1] & 0x80, 0); /* servers do not mask */
    size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (more > 0) {
        assert_int_equal(recv(fd, head + 2, more, MSG_WAITALL), more);
        length = 0;
        for (size_t i = 0; i < more; i++)
            length = length << 8 | head[2 + i];
    }
    assert_true(length < size);
    if (length > 0)
        assert_int_equal(recv(fd, payload, length, MSG_WAITALL), length);
    payload[length] = '\0';
    *n = length;
    return head[0];
}

static void expect_text(int fd, const char *wanted, size_t wanted_n)
{
    char  *payload = malloc(2 << 20);
    size_t n = 0;
    assert_int_equal(get_frame(fd, payload, 2 << 20, &n), 0x81);
    assert_int_equal(n, wanted_n);
    assert_memory_equal(payload, wanted, n);
    free(payload);
}

/* The server says why and ends. */
static void expect_close(int fd, unsigned wanted)
{
    char     payload[256];
    size_t   n = 0;
    int      first;
    unsigned code = 0;
    while ((first = get_frame(fd, payload, sizeof payload, &n)) >= 0)
        if (first == 0x88)
            code = (unsigned)(uint8_t)payload[0] << 8 | (uint8_t)payload[1];
    assert_int_equal(code, wanted);
    close(fd);
}

static void messages_of_every_size(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 125, 126, 127, 4000, 4090, 4096, 5000, 65535, 65536, 99999 };
    static const size_t steps[] = { SIZE_MAX, 1000, 7 };
    int                 fd = open_ws();
    for (size_t k = 0; k < HEARTH_COUNT(steps); k++)
        for (size_t i = 0; i < HEARTH_COUNT(sizes); i++) {
            put_frame(fd, 0x81, site_big, sizes[i], steps[k]);
            expect_text(fd, site_big, sizes[i]);
        }
    put_frame(fd, 0x81, "byte by byte", 12, 1);
    expect_text(fd, "byte by byte", 12);
    put_frame(fd, 0x88, "\x03\xe8", 2, SIZE_MAX);
    expect_close(fd, 1000);
}

static void many_frames_in_one_write(void **state)
{
    (void)state;
    enum { FRAMES = 3000 };
    char  *all = malloc(FRAMES * 64);
    size_t n = 0;
    int    fd = open_ws();
    for (int i = 0; i < FRAMES; i++) {
        char text[32];
        int  length = snprintf(text, sizeof text, "message %d", i);
        n += make_frame(all + n, 0x81, text, (size_t)length);
    }
    put(fd, all, n, SIZE_MAX);
    for (int i = 0; i < FRAMES; i++) {
        char text[32];
        int  length = snprintf(text, sizeof text, "message %d", i);
        expect_text(fd, text, (size_t)length);
    }
    free(all);
    close(fd); /* without a handshake: noticed all the same (tear_down counts) */
}

static void a_frame_behind_the_upgrade(void **state)
{
    (void)state;
    char   bytes[sizeof UPGRADE + 64], answer[1024] = { 0 };
    size_t n = sizeof UPGRADE - 1;
    memcpy(bytes, UPGRADE, n);
    n += make_frame(bytes + n, 0x81, "early", 5);
    int fd = dial(&the_site);
    put(fd, bytes, n, SIZE_MAX);
    get_until(fd, "early", answer, sizeof answer);
    close(fd);
}

static void fragments_and_control_frames_between(void **state)
{
    (void)state;
    char   payload[256];
    size_t n = 0;
    int    fd = open_ws();
    put_frame(fd, 0x01, "Hel", 3, SIZE_MAX);
    put_frame(fd, 0x89, "ping", 4, SIZE_MAX);
    put_frame(fd, 0x00, "", 0, SIZE_MAX);
    put_frame(fd, 0x00, "lo \xc3", 4, 1); /* a character may be torn between fragments */
    put_frame(fd, 0x8a, "unasked", 7, SIZE_MAX);
    put_frame(fd, 0x80, "\xa4", 1, SIZE_MAX);
    assert_int_equal(get_frame(fd, payload, sizeof payload, &n), 0x8a);
    assert_string_equal(payload, "ping");
    expect_text(fd, "Hello \xc3\xa4", 8);
    put_frame(fd, 0x81, "close", 5, SIZE_MAX); /* the server begins the handshake */
    assert_int_equal(get_frame(fd, payload, sizeof payload, &n), 0x88);
    assert_string_equal(payload + 2, "as you wish");
    put_frame(fd, 0x88, "\x03\xe8", 2, SIZE_MAX);
    assert_int_equal(recv(fd, payload, 1, 0), 0);
    close(fd);
}

typedef struct bad {
    const char *name;
    unsigned    first;
    const char *payload;
    size_t      n;
    unsigned    code;
} bad;

static void what_is_forbidden_closes_with_its_code(void **state)
{
    (void)state;
    static const bad cases[] = {
        { "binary", 0x82, "x", 1, 1003 },
        { "bad UTF-8", 0x81, "\xff\xfe", 2, 1007 },
        { "half a character", 0x81, "ab\xc3", 3, 1007 },
        { "surrogate", 0x81, "\xed\xa0\x80", 3, 1007 },
        { "continuation of nothing", 0x80, "x", 1, 1002 },
        { "reserved opcode", 0x83, "x", 1, 1002 },
        { "reserved control opcode", 0x8b, "x", 1, 1002 },
        { "reserved bit", 0xc1, "x", 1, 1002 },
        { "fragmented ping", 0x09, "x", 1, 1002 },
        { "close with half a code", 0x88, "\x03", 1, 1002 },
        { "close with a reserved code", 0x88, "\x03\xed", 2, 1002 },
        { "close with bad UTF-8", 0x88, "\x03\xe8\xff", 3, 1002 },
        { "close without code", 0x88, "", 0, 1000 },
        { "close with a private code", 0x88, "\x0f\xa0", 2, 4000 },
    };
    for (size_t i = 0; i < HEARTH_COUNT(cases); i++) {
        int fd = open_ws();
        put_frame(fd, cases[i].first, cases[i].payload, cases[i].n, SIZE_MAX);
        expect_close(fd, cases[i].code);
    }
    int fd = open_ws(); /* a message inside a message */
    put_frame(fd, 0x01, "x", 1, SIZE_MAX);
    put_frame(fd, 0x81, "y", 1, SIZE_MAX);
    expect_close(fd, 1002);
    fd = open_ws(); /* not masked */
    put(fd, "\x81\x01x", 3, SIZE_MAX);
    expect_close(fd, 1002);
    fd = open_ws(); /* a ping over 125 bytes */
    put_frame(fd, 0x89, site_big, 126, SIZE_MAX);
    expect_close(fd, 1002);
}

static void too_large_is_refused_by_its_head(void **state)
{
    (void)state;
    char frame[16] = { 0 };
    int  fd = open_ws();
    make_frame(frame, 0x81, "", 0);
    frame[1] = (char)(0x80 | 127);
    memcpy(frame + 2, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8);
    put(fd, frame, 15, SIZE_MAX); /* its first byte is enough */
    expect_close(fd, 1009);
    fd = open_ws(); /* in fragments */
    put_frame(fd, 0x01, site_big, 60000, SIZE_MAX);
    put_frame(fd, 0x00, site_big, 60000, SIZE_MAX);
    expect_close(fd, 1009);
}

/* A pong is owed to the latest ping only (RFC 6455 5.5.3): who pings and never reads gets no queue of its own. */
static void pongs_for_nobody_are_left_out(void **state)
{
    (void)state;
    enum { PINGS = 200000, EACH = 300 };
    char   frames[EACH * 140], payload[256], text[126];
    size_t n = 0, pongs = 0;
    int    fd = open_ws();
    memset(text, 'p', sizeof text);
    for (int i = 0; i < EACH; i++)
        n += make_frame(frames + n, 0x89, text, 125);
    for (int i = 0; i < PINGS / EACH; i++)
        put(fd, frames, n, SIZE_MAX);
    put_frame(fd, 0x81, "still here", 10, SIZE_MAX);
    while (get_frame(fd, payload, sizeof payload, &n) == 0x8a)
        pongs++;
    assert_int_equal(n, 10); /* the answer of the text came */
    assert_true(pongs > 0);
    assert_true(pongs < PINGS / 2);
    put_frame(fd, 0x88, "\x03\xe8", 2, SIZE_MAX);
    expect_close(fd, 1000);
}

static void a_slow_reader_is_bounded(void **state)
{
    (void)state;
    char  *payload = malloc(2 << 20);
    size_t n = 0, total = 0;
    int    fd = open_ws();
    put_frame(fd, 0x81, "flood", 5, SIZE_MAX);
    while (!the_site.ws_flooded) /* nothing is read until the server has had enough */
        sched_yield();
    put_frame(fd, 0x81, "end", 3, SIZE_MAX);
    while (get_frame(fd, payload, 2 << 20, &n) == 0x81 && n == 1 << 20)
        total += n;
    assert_string_equal(payload, "end");
    assert_true(total >= 4u << 20 && total < 16u << 20); /* the cap, and what the kernel's buffers hold */
    free(payload);
    close(fd);
}

/* Silence is asked twice, then it is the end; time itself is not waited for. */
static http_conn *only_conn;

static void silent_once(void *arg)
{
    site *s = arg;
    for (only_conn = s->server->conns; only_conn->state != HTTP_WS;)
        only_conn = only_conn->next;
    http_wait_set(only_conn, HTTP_WAIT_NONE);
    http_wait_over(only_conn, HTTP_WAIT_PING);
}

static void silence_is_asked_and_then_the_end(void **state)
{
    (void)state;
    site s;
    char payload[64];
    memset(&s, 0, sizeof s);
    site_start(&s);
    site   before = the_site;
    size_t n = 0;
    the_site.port = s.port;
    int fd = open_ws();
    the_site.port = before.port;
    for (int i = 0; i < 3; i++) {
        loop_post(s.l, silent_once, &s);
        if (i < 2)
            assert_int_equal(get_frame(fd, payload, sizeof payload, &n), 0x89);
        if (i == 0) { /* an answer starts the count anew */
            put_frame(fd, 0x8a, "", 0, SIZE_MAX);
            put_frame(fd, 0x81, "alive", 5, SIZE_MAX);
            expect_text(fd, "alive", 5);
        }
    }
    loop_post(s.l, silent_once, &s);
    assert_int_equal(get_frame(fd, payload, sizeof payload, &n), 0x89);
    assert_int_equal(get_frame(fd, payload, sizeof payload, &n), -1);
    close(fd);
    site_stop(&s);
    assert_int_equal(s.ws_closed, 1);
}

static void the_stop_of_the_server_says_goodbye(void **state)
{
    (void)state;
    site s;
    memset(&s, 0, sizeof s);
    site_start(&s);
    uint16_t port = the_site.port;
    the_site.port = s.port;
    int fd = open_ws();
    the_site.port = port;
    site_stop(&s);
    expect_close(fd, 1001);
    assert_int_equal(s.ws_closed, 1);
}

static void the_key_of_the_rfc(void **state)
{
    (void)state;
    char out[29];
    ws_accept(out, HEARTH_STR("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    ws_accept(out, HEARTH_STR("x3JJHMbDL1EzLkh9GBhXDw=="));
    assert_string_equal(out, "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_of_the_rfc),
        cmocka_unit_test(messages_of_every_size),
        cmocka_unit_test(many_frames_in_one_write),
        cmocka_unit_test(a_frame_behind_the_upgrade),
        cmocka_unit_test(fragments_and_control_frames_between),
        cmocka_unit_test(what_is_forbidden_closes_with_its_code),
        cmocka_unit_test(too_large_is_refused_by_its_head),
        cmocka_unit_test(pongs_for_nobody_are_left_out),
        cmocka_unit_test(a_slow_reader_is_bounded),
        cmocka_unit_test(silence_is_asked_and_then_the_end),
        cmocka_unit_test(the_stop_of_the_server_says_goodbye),
    };
    return cmocka_run_group_tests_name("ws", tests, set_up, tear_down);
}
