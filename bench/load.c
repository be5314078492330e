/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load: the client of the measurements. One thread, epoll, no allocation while it measures, so that it costs little
 * and is the same for every server.
 *
 *     load stream PORT COUNT REQUEST   COUNT connections send the request in the file REQUEST and read until the end
 *     load keep   PORT COUNT REQUEST TOTAL
 *                                      the request again and again on COUNT kept connections, TOTAL in all
 *     load idle   PORT COUNT REQUEST   COUNT connections send it, wait for the head of the answer, print "ready" and
 *                                      stay until the end of the input
 *
 * REQUEST holds the whole HTTP request. One line of JSON on stdout. Of streams: `wall_us`, `first_us` (median time to the
 * first event), `prompt` and `tokens` (what the last usage said; tokens of all streams together), `events`, `bytes`. Of
 * kept requests: `wall_us`, `requests`, `median_us`, `p99_us`. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_REQUEST = 1 << 20, TAIL = 4096, MAX_ROUNDS = 1 << 22 };

typedef struct conn {
    int     fd;
    int64_t sent_us, first_us;
    size_t  bytes, events;
    size_t  want; /* kept: bytes of this answer that are still to come; 0: its head is being read */
    size_t  n;    /* of tail */
    bool    is_done;
    char    tail[TAIL + 1]; /* what came last */
} conn;

static char    request[MAX_REQUEST];
static size_t  request_bytes;
static conn   *conns;
static int     port, count, poller;
static int64_t began_us;

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* -- connections ------------------------------------------------------------------------------------------------ */

static void send_request(conn *c)
{
    size_t sent = 0;
    c->sent_us = now_us();
    while (sent < request_bytes) {
        ssize_t n = write(c->fd, request + sent, request_bytes - sent);
        if (n > 0)
            sent += (size_t)n;
        else if (errno != EAGAIN && errno != EINTR)
            die("write");
    }
}

static void open_one(conn *c)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    int                one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e) < 0)
        die("epoll");
}

static void open_all(void)
{
    struct rlimit files = { 65536, 65536 };
    setrlimit(RLIMIT_NOFILE, &files);
    conns = calloc((size_t)count, sizeof *conns);
    poller = epoll_create1(0);
    if (!conns || poller < 0)
        die("start");
    for (int i = 0; i < count; i++)
        open_one(&conns[i]);
}

/* Keeps the last TAIL bytes, and a zero behind them. */
static void remember(conn *c, const char *p, size_t n)
{
    if (n >= TAIL) {
        memcpy(c->tail, p + n - TAIL, TAIL);
        c->n = TAIL;
    } else {
        size_t keep = c->n + n > TAIL ? TAIL - n : c->n;
        memmove(c->tail, c->tail + c->n - keep, keep);
        memcpy(c->tail + keep, p, n);
        c->n = keep + n;
    }
    c->tail[c->n] = 0;
}

static void close_conn(conn *c)
{
    close(c->fd);
    c->is_done = true;
}

/* -- stream ------------------------------------------------------------------------------------------------------- */

static void count_events(conn *c, const char *p, size_t n)
{
    static const char mark[] = "data: {";
    const char       *end = p + n;
    while ((p = memmem(p, (size_t)(end - p), mark, sizeof mark - 1))) {
        if (!c->events++)
            c->first_us = now_us();
        p += sizeof mark - 1;
    }
}

/* The last number behind `key` in what came last; `otherwise` when there is none. */
static size_t number_of(const conn *c, const char *key, size_t otherwise)
{
    const char *at = NULL, *p = c->tail;
    while ((p = strstr(p, key)))
        at = p += strlen(key);
    return at ? strtoul(at, NULL, 10) : otherwise;
}

/* Reads until every connection is at its end: the server closes it, or the stream says [DONE]. */
static void read_streams(void)
{
    static char chunk[1 << 16];
    int         left = count;
    while (left > 0) {
        struct epoll_event e[64];
        int                n = epoll_wait(poller, e, 64, 120000);
        if (n == 0) {
            errno = ETIMEDOUT;
            die("a stream says nothing for two minutes");
        }
        for (int i = 0; i < n; i++) {
            conn   *c = e[i].data.ptr;
            ssize_t got = read(c->fd, chunk, sizeof chunk);
            if (got < 0 && (errno == EAGAIN || errno == EINTR))
                continue;
            if (got > 0) {
                c->bytes += (size_t)got;
                count_events(c, chunk, (size_t)got);
                remember(c, chunk, (size_t)got);
            }
            if (got <= 0 || strstr(c->tail, "data: [DONE]")) {
                close_conn(c);
                left--;
            }
        }
    }
}

static int stream(void)
{
    int64_t *first = calloc((size_t)count, sizeof *first), wall;
    size_t   tokens = 0, bytes = 0, events = 0;
    if (!first)
        die("memory");
    for (int i = 0; i < count; i++)
        send_request(&conns[i]);
    read_streams();
    wall = now_us() - began_us;
    for (int i = 0; i < count; i++) {
        first[i] = conns[i].first_us - conns[i].sent_us;
        tokens += number_of(&conns[i], "\"completion_tokens\":", conns[i].events);
        events += conns[i].events;
        bytes += conns[i].bytes;
        if (!conns[i].events || !strstr(conns[i].tail, "[DONE]")) {
            fprintf(stderr, "load: no stream: %.300s\n", conns[i].tail);
            return 1;
        }
    }
    qsort(first, (size_t)count, sizeof *first, by_size);
    printf("{\"wall_us\":%lld,\"first_us\":%lld,\"prompt\":%zu,\"tokens\":%zu,\"events\":%zu,\"bytes\":%zu}\n",
           (long long)wall, (long long)first[count / 2], number_of(&conns[0], "\"prompt_tokens\":", 0), tokens, events,
           bytes);
    return 0;
}

/* -- keep ----------------------------------------------------------------------------------------------------------- */

/* Takes bytes of an answer; true when it is complete. Answers with Content-Length only, as small ones are. */
static bool take_answer(conn *c, const char *p, size_t n)
{
    c->bytes += n;
    remember(c, p, n);
    if (c->want == 0) {
        char *end = strstr(c->tail, "\r\n\r\n"), *length;
        if (!end)
            return false;
        if (strncmp(c->tail, "HTTP/1.1 200", 12) != 0 || !(length = strcasestr(c->tail, "\r\ncontent-length:")) ||
            length > end) {
            fprintf(stderr, "load: not a 200 with a length: %.200s\n", c->tail);
            exit(1);
        }
        c->want = (size_t)(end + 4 - c->tail) + strtoul(length + 17, NULL, 10);
    }
    if (c->n < c->want)
        return false;
    c->n = c->want = 0;
    return true;
}

static int keep(long total)
{
    static char chunk[1 << 16];
    int64_t    *rounds = calloc((size_t)total, sizeof *rounds), wall;
    long        started = 0, done = 0;
    if (!rounds)
        die("memory");
    for (; started < count && started < total; started++)
        send_request(&conns[started]);
    while (done < total) {
        struct epoll_event e[64];
        int                n = epoll_wait(poller, e, 64, 30000);
        if (n <= 0)
            die("no answer");
        for (int i = 0; i < n; i++) {
            conn   *c = e[i].data.ptr;
            ssize_t got = read(c->fd, chunk, sizeof chunk);
            if (got < 0 && (errno == EAGAIN || errno == EINTR))
                continue;
            if (got <= 0) { /* some servers close after a number of requests: ask once more */
                close(c->fd);
                c->n = c->want = 0;
                open_one(c);
                send_request(c);
                continue;
            }
            if (!take_answer(c, chunk, (size_t)got))
                continue;
            rounds[done++] = now_us() - c->sent_us;
            if (started < total) {
                started++;
                send_request(c);
            }
        }
    }
    wall = now_us() - began_us;
    qsort(rounds, (size_t)total, sizeof *rounds, by_size);
    printf("{\"wall_us\":%lld,\"requests\":%ld,\"median_us\":%lld,\"p99_us\":%lld}\n", (long long)wall, total,
           (long long)rounds[total / 2], (long long)rounds[total * 99 / 100]);
    return 0;
}

/* -- idle ----------------------------------------------------------------------------------------------------------- */

static int idle(void)
{
    char chunk[4096];
    int  left = count;
    for (int i = 0; i < count; i++)
        send_request(&conns[i]);
    while (left > 0) {
        struct epoll_event e[64];
        int                n = epoll_wait(poller, e, 64, 30000);
        if (n <= 0)
            die("no answer");
        for (int i = 0; i < n; i++) {
            conn   *c = e[i].data.ptr;
            ssize_t got = read(c->fd, chunk, sizeof chunk);
            if (got <= 0)
                die("the server closed an idle connection");
            if (c->events++ == 0)
                left--;
            if (strncmp(chunk, "HTTP/1.1 200", 12) != 0 && strncmp(chunk, "HTTP/1.1 101", 12) != 0 && c->events == 1) {
                fprintf(stderr, "load: refused: %.200s\n", chunk);
                return 1;
            }
        }
    }
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, chunk, sizeof chunk) > 0) {}
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 5 || (count = atoi(argv[3])) < 1) {
        fprintf(stderr, "load stream|keep|idle PORT COUNT REQUEST [TOTAL]\n");
        return 2;
    }
    int fd = open(argv[4], O_RDONLY);
    for (ssize_t n; fd >= 0 && (n = read(fd, request + request_bytes, sizeof request - request_bytes)) > 0;)
        request_bytes += (size_t)n;
    if (fd < 0 || request_bytes == sizeof request)
        die(argv[4]);
    close(fd);
    port = atoi(argv[2]);
    open_all();
    began_us = now_us();
    if (strcmp(argv[1], "stream") == 0)
        return stream();
    if (strcmp(argv[1], "keep") == 0 && argc > 5 && atol(argv[5]) > 0 && atol(argv[5]) <= MAX_ROUNDS)
        return keep(atol(argv[5]));
    return idle();
}
