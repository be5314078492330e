/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_rig: one server for all inputs; each input is one connection over a socket pair. The input's first byte says in
 * which pieces the rest is sent (0: whole), because where a read ends is half of what can go wrong. */
#ifndef HEARTH_HTTP_RIG_H
#define HEARTH_HTTP_RIG_H

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/http_impl.h"

static void rig_turn(loop *l) { uv_run(loop_uv(l), UV_RUN_NOWAIT); }

static void rig_drain(int fd)
{
    char chunk[65536];
    while (recv(fd, chunk, sizeof chunk, MSG_DONTWAIT) > 0)
        continue;
}

/* Sends `before` whole and the input in its pieces, then closes and waits until the connection is gone. */
static void rig_run(loop *l, http_server *s, const char *before, const uint8_t *data, size_t size)
{
    int fds[2];
    if (size < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return;
    http_conn *c = http_adopt(s, fds[0]);
    if (!c)
        abort();
    if (before && send(fds[1], before, strlen(before), MSG_NOSIGNAL) < 0)
        abort();
    size_t step = data[0] > 0 ? data[0] : size;
    for (size_t at = 1; at < size;) {
        size_t n = size - at < step ? size - at : step;
        rig_turn(l);
        rig_drain(fds[1]);
        ssize_t r = send(fds[1], data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (r <= 0)
            break;
        at += (size_t)r;
    }
    rig_turn(l);
    rig_turn(l);
    rig_drain(fds[1]);
    shutdown(fds[1], SHUT_WR);
    for (int i = 0; http_connections(s) > 0 && i < 1000; i++) {
        rig_turn(l);
        rig_drain(fds[1]);
    }
    if (http_connections(s) > 0)
        abort(); /* a connection must end with its client */
    close(fds[1]);
}

#endif
