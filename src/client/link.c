/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define _GNU_SOURCE /* O_PATH, SOCK_CLOEXEC */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/client.h"
#include "kit/limits.h"

enum { READ_BYTES = 64 << 10 };

static hearth_code no_daemon(const char *data_dir, int e, hearth_err *err)
{
    if (e == ENOENT || e == ENOTDIR || e == ECONNREFUSED)
        return hearth_err_set(err, HEARTH_UNAVAILABLE, "hearth", "no daemon serves %s; start one with `hearth serve`",
                              data_dir);
    if (e == EACCES || e == EPERM)
        return hearth_err_set(err, HEARTH_DENIED, "hearth", "%s belongs to another user", data_dir);
    return hearth_err_set(err, HEARTH_IO, "hearth", "the daemon of %s cannot be reached: %s", data_dir, strerror(e));
}

/* A socket's address holds 108 bytes; a longer path is reached through its open folder. */
static int name_socket(const char *data_dir, struct sockaddr_un *to, int *dir_fd)
{
    *to = (struct sockaddr_un){ .sun_family = AF_UNIX };
    int n = snprintf(to->sun_path, sizeof to->sun_path, "%s/local/rpc.sock", data_dir);
    if (n > 0 && (size_t)n < sizeof to->sun_path)
        return 0;
    char dir[CLIENT_PATH];
    snprintf(dir, sizeof dir, "%s/local", data_dir);
    *dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir_fd < 0)
        return errno;
    snprintf(to->sun_path, sizeof to->sun_path, "/proc/self/fd/%d/rpc.sock", *dir_fd);
    return 0;
}

hearth_code client_link_open(client_link *l, const char *data_dir, hearth_err *err)
{
    struct sockaddr_un to;
    int                dir_fd = -1;
    int                e = name_socket(data_dir, &to, &dir_fd);
    l->fd = -1;
    if (e == 0) {
        l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (l->fd < 0 || connect(l->fd, (const struct sockaddr *)&to, sizeof to) < 0)
            e = errno;
    }
    if (dir_fd >= 0)
        close(dir_fd);
    if (e == 0) {
        hearth_buf_init(&l->in, LIMIT_JSON_WRITE_BYTES);
        l->scanned = l->taken = 0;
        return HEARTH_OK;
    }
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    return no_daemon(data_dir, e, err);
}

void client_link_close(client_link *l)
{
    if (l->fd < 0)
        return;
    close(l->fd);
    l->fd = -1;
    hearth_buf_deinit(&l->in);
}

static hearth_code gone(hearth_err *err)
{
    return hearth_err_set(err, HEARTH_UNAVAILABLE, "hearth",
                          "the daemon went away during the call; what it had acknowledged is kept");
}

hearth_code client_link_send(client_link *l, hearth_str line, hearth_err *err)
{
    while (line.n) {
        ssize_t n = l->fd < 0 ? -1 : send(l->fd, line.p, line.n, MSG_NOSIGNAL);
        if (n < 0 && l->fd >= 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gone(err);
        line.p += n;
        line.n -= (size_t)n;
    }
    return HEARTH_OK;
}

/* A line that is there already; {NULL, 0} when more has to be read. */
static hearth_str take_line(client_link *l)
{
    hearth_buf_consume(&l->in, l->taken);
    l->taken = 0;
    const char *end = l->in.n > l->scanned ? memchr(l->in.p + l->scanned, '\n', l->in.n - l->scanned) : NULL;
    if (!end) {
        l->scanned = l->in.n;
        return (hearth_str){ NULL, 0 };
    }
    hearth_str line = { l->in.p, (size_t)(end - l->in.p) };
    l->taken = line.n + 1;
    l->scanned = 0;
    return line;
}

static hearth_code read_more(client_link *l, hearth_err *err)
{
    if (hearth_buf_reserve(&l->in, READ_BYTES) < 0)
        return hearth_err_set(err, HEARTH_TOO_LARGE, "hearth", "the daemon's answer is larger than %zu MiB",
                              LIMIT_JSON_WRITE_BYTES >> 20);
    ssize_t n = recv(l->fd, l->in.p + l->in.n, READ_BYTES, 0);
    if (n < 0 && errno == EINTR)
        return HEARTH_OK;
    if (n <= 0)
        return gone(err);
    l->in.n += (size_t)n;
    return HEARTH_OK;
}

hearth_code client_link_read(client_link *l, int wake_fd, hearth_str *line, bool *woken, hearth_err *err)
{
    *woken = false;
    if (l->fd < 0)
        return gone(err);
    for (;;) {
        *line = take_line(l);
        if (line->p)
            return HEARTH_OK;
        struct pollfd waiting[2] = { { l->fd, POLLIN, 0 }, { wake_fd, POLLIN, 0 } };
        if (poll(waiting, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return hearth_err_set(err, HEARTH_IO, "hearth", "waiting for the daemon failed: %s", strerror(errno));
        }
        if (waiting[1].revents) {
            *woken = true;
            return HEARTH_OK;
        }
        HEARTH_TRY(read_more(l, err));
    }
}
