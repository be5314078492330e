/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Frames: torn in every way, in order from several threads, back-pressure, and an other side that breaks the rules. */
#include "io_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#include "io/frame.h"

enum { SENDERS = 3, FRAMES = 2000 };

typedef struct side {
    loop         *l;
    frame_stream *s;
    uint64_t      frames, bytes, last_of[SENDERS];
    uint64_t      stop_at;
    bool          has_ended, close_in_frame;
    hearth_code   code;
    char          why[128];
} side;

static void on_frame(void *arg, const frame *f)
{
    side *x = arg;
    x->frames++;
    x->bytes += f->payload.n;
    for (size_t i = 0; i < f->payload.n; i += 997)
        assert_int_equal((uint8_t)f->payload.p[i], (uint8_t)(f->id + i));
    assert_int_equal(f->flags, 0x1234);
    if (f->kind < SENDERS) {
        assert_int_equal(f->id, x->last_of[f->kind] + 1);
        x->last_of[f->kind] = f->id;
    }
    if (x->close_in_frame) {
        frame_close(x->s);
        x->s = NULL;
        loop_stop(x->l);
    }
    if (x->frames == x->stop_at)
        loop_stop(x->l);
}

static void on_end(void *arg, hearth_code code, const char *why)
{
    side *x = arg;
    assert_false(x->has_ended);
    x->has_ended = true;
    x->code = code;
    snprintf(x->why, sizeof x->why, "%s", why);
    loop_stop(x->l);
}

static const frame_handlers handlers = { on_frame, on_end };

static void pattern(char *p, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(uint8_t)(id + i);
}

static void open_pair(side *a, int *other)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    memset(a, 0, sizeof *a);
    a->l = io_test_loop();
    a->s = frame_open(a->l, fds[0], &handlers, a, NULL);
    assert_non_null(a->s);
    *other = fds[1];
}

static void close_pair(side *a, int other)
{
    frame_close(a->s);
    frame_close(NULL);
    loop_free(a->l);
    if (other >= 0)
        close(other);
}

typedef struct bytes {
    int         fd;
    const char *p;
    size_t      n, step;
} bytes;

static void *write_torn(void *arg)
{
    bytes *b = arg;
    for (size_t at = 0; at < b->n;) {
        size_t  n = b->n - at < b->step ? b->n - at : b->step;
        ssize_t r = write(b->fd, b->p + at, n);
        if (r < 0)
            break;
        at += (size_t)r;
    }
    return NULL;
}

/* The same three frames in pieces of every size from 1 up, and whole. */
static void torn_frames_are_put_together(void **state)
{
    (void)state;
    static char wire[3 * FRAME_HEADER + 5 + 300];
    size_t      n = 0, sizes[3] = { 0, 5, 300 };
    for (unsigned i = 0; i < 3; i++) {
        frame_put_header(wire + n, (uint32_t)sizes[i], 0, 0x1234, i + 1);
        pattern(wire + n + FRAME_HEADER, sizes[i], i + 1);
        n += FRAME_HEADER + sizes[i];
    }
    assert_memory_equal(wire + FRAME_HEADER, "\5\0\0\0\0\0\x34\x12\2\0\0\0\0\0\0\0", 16); /* the wire, byte by byte */
    static const size_t steps[] = { 1, 2, 3, 7, 15, 16, 17, 100, 1000 };
    for (size_t k = 0; k < HEARTH_COUNT(steps); k++) {
        side      a;
        int       other;
        pthread_t t;
        open_pair(&a, &other);
        a.stop_at = 3;
        bytes b = { other, wire, n, steps[k] };
        pthread_create(&t, NULL, write_torn, &b);
        loop_run(a.l);
        pthread_join(t, NULL);
        assert_int_equal(a.bytes, 305);
        close_pair(&a, other);
    }
}

typedef struct sender {
    frame_stream *s;
    uint16_t      kind;
} sender;

static void *send_many(void *arg)
{
    sender *x = arg;
    char   *payload = malloc(70000);
    for (uint64_t id = 1; id <= FRAMES; id++) {
        size_t n = id % 50 == 0 ? 70000 : id % 97;
        pattern(payload, n, id);
        hearth_code code;
        do
            code = frame_send(x->s, x->kind, 0x1234, id, (hearth_str){ payload, n });
        while (code == HEARTH_BUSY);
        assert_int_equal(code, HEARTH_OK);
    }
    free(payload);
    return NULL;
}

static void threads_send_in_order(void **state)
{
    (void)state;
    side a, b;
    int  fd;
    open_pair(&a, &fd);
    memset(&b, 0, sizeof b);
    b.l = a.l;
    b.s = frame_open(a.l, fd, &handlers, &b, NULL);
    b.stop_at = SENDERS * FRAMES;
    pthread_t threads[SENDERS];
    sender    senders[SENDERS];
    for (uint16_t i = 0; i < SENDERS; i++) {
        senders[i] = (sender){ a.s, i };
        pthread_create(&threads[i], NULL, send_many, &senders[i]);
    }
    loop_run(a.l);
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(b.last_of[i], FRAMES);
    }
    frame_close(b.s);
    close_pair(&a, -1);
}

static void large_frame_and_raw(void **state)
{
    (void)state;
    side a, b;
    int  fd;
    open_pair(&a, &fd);
    memset(&b, 0, sizeof b);
    b.l = a.l;
    b.s = frame_open(a.l, fd, &handlers, &b, NULL);
    b.stop_at = 3;
    char *big = malloc(FRAME_MAX + 1);
    pattern(big, FRAME_MAX, 1);
    assert_int_equal(frame_send(a.s, 9, 0x1234, 1, (hearth_str){ big, (size_t)FRAME_MAX + 1 }), HEARTH_TOO_LARGE);
    assert_int_equal(frame_send(a.s, 9, 0x1234, 1, (hearth_str){ big, FRAME_MAX }), HEARTH_OK);
    assert_true(frame_queued(a.s) > 0);
    char two[2 * FRAME_HEADER];
    frame_put_header(two, 0, 9, 0x1234, 2);
    frame_put_header(two + FRAME_HEADER, 0, 9, 0x1234, 3);
    assert_int_equal(frame_send_raw(a.s, (hearth_str){ two, sizeof two }), HEARTH_OK);
    loop_run(a.l);
    assert_int_equal(b.bytes, FRAME_MAX);
    assert_int_equal(frame_queued(a.s), 0);
    free(big);
    frame_close(b.s);
    close_pair(&a, -1);
}

/* Nobody reads: the queue is bounded, the answer is busy, and nothing of it is sent half. */
static void a_side_that_does_not_read_gets_busy(void **state)
{
    (void)state;
    side a;
    int  other;
    open_pair(&a, &other);
    char *mib = calloc(1, 1 << 20);
    int   taken = 0;
    while (frame_send(a.s, 9, 0, 1, (hearth_str){ mib, 1 << 20 }) == HEARTH_OK)
        assert_true(++taken < 100);
    assert_int_equal(frame_send(a.s, 9, 0, 1, (hearth_str){ mib, 1 << 20 }), HEARTH_BUSY);
    assert_true(taken >= 60);
    assert_true(frame_queued(a.s) <= 64u << 20);
    free(mib);
    close_pair(&a, other);
}

static void an_end_is_told_once(void **state)
{
    (void)state;
    side a;
    int  other;
    open_pair(&a, &other);
    close(other);
    loop_run(a.l);
    assert_true(a.has_ended);
    assert_int_equal(a.code, HEARTH_OK);
    assert_int_equal(frame_send(a.s, 1, 0, 1, HEARTH_STR("x")), HEARTH_UNAVAILABLE);
    close_pair(&a, -1);

    open_pair(&a, &other);
    assert_int_equal(write(other, "\5\0\0\0\0\0\0\0", 8), 8);
    close(other);
    loop_run(a.l);
    assert_int_equal(a.code, HEARTH_DAMAGED); /* in the middle of a frame */
    close_pair(&a, -1);

    open_pair(&a, &other);
    assert_int_equal(write(other, "\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0", 16), 16);
    loop_run(a.l);
    assert_int_equal(a.code, HEARTH_DAMAGED);
    assert_non_null(strstr(a.why, "8 MiB"));
    close_pair(&a, other);
}

static void close_from_within_a_frame(void **state)
{
    (void)state;
    side a;
    int  other;
    char wire[2 * FRAME_HEADER];
    open_pair(&a, &other);
    a.close_in_frame = true;
    frame_put_header(wire, 0, 9, 0x1234, 1);
    frame_put_header(wire + FRAME_HEADER, 0, 9, 0x1234, 2);
    assert_int_equal(write(other, wire, sizeof wire), sizeof wire);
    loop_run(a.l);
    assert_int_equal(a.frames, 1);
    assert_false(a.has_ended);
    close_pair(&a, other);
}

static void a_descriptor_that_cannot_be_watched_is_closed(void **state)
{
    (void)state;
    loop      *l = io_test_loop();
    hearth_err err = { 0 };
    int        fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* epoll refuses it */
    assert_null(frame_open(l, fd, &handlers, NULL, &err));
    assert_true(err.code < 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torn_frames_are_put_together), cmocka_unit_test(threads_send_in_order),
        cmocka_unit_test(large_frame_and_raw),          cmocka_unit_test(a_side_that_does_not_read_gets_busy),
        cmocka_unit_test(an_end_is_told_once),          cmocka_unit_test(close_from_within_a_frame),
        cmocka_unit_test(a_descriptor_that_cannot_be_watched_is_closed),
    };
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
