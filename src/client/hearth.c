/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define _GNU_SOURCE /* pipe2, struct ucred */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/client.h"
#include "kit/limits.h"

enum { RETRY_MS = 20, OTHERS_MS = 5000 };

/* Which fields the caller's struct has; what a newer header added reads as zero. */
static hearth_options known_options(const hearth_options *given)
{
    hearth_options o = { 0 };
    if (given && given->size)
        memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    return o;
}

/* When another program started a daemon for the same folder at the same moment, theirs either listens soon or ends with its
 * own program and leaves the folder to us: so both are tried in turn. */
static hearth_code start(hearth *h, const hearth_options *o, const char *data_dir, hearth_err *err)
{
    char        executable[CLIENT_PATH];
    const char *which = o->executable ? o->executable : executable;
    uint64_t    deadline = client_now_ms() + OTHERS_MS;
    if (!o->executable)
        client_executable(executable);
    for (;;) {
        hearth_err  why = { 0 };
        hearth_code code = client_daemon_start(&h->daemon, which, data_dir, o->start_ms, &why);
        if (code >= 0)
            return client_link_open(&h->link, data_dir, err);
        if (code == HEARTH_CONFLICT)
            poll(NULL, 0, RETRY_MS);
        if (code == HEARTH_CONFLICT && client_link_open(&h->link, data_dir, NULL) >= 0)
            return HEARTH_OK;
        if (code != HEARTH_CONFLICT || client_now_ms() > deadline)
            return hearth_err_set(err, code, why.where, "%s", why.msg);
    }
}

static hearth_code attach(hearth *h, const hearth_options *o, hearth_err *err)
{
    char       data_dir[CLIENT_PATH];
    hearth_err why = { 0 };
    HEARTH_TRY(client_data_dir(o->data_dir, data_dir, err));
    if (pipe2(h->wake, O_CLOEXEC | O_NONBLOCK) < 0)
        return hearth_err_set(err, HEARTH_IO, "hearth", "no pipe: %s", strerror(errno));
    hearth_code code = client_link_open(&h->link, data_dir, &why);
    if (code == HEARTH_UNAVAILABLE && !o->no_start)
        code = start(h, o, data_dir, err);
    if (code < 0)
        return hearth_err_set(err, code, why.where, "%s", why.msg);
    struct ucred peer = { 0 };
    socklen_t    n = sizeof peer;
    if (getsockopt(h->link.fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0)
        h->peer_pid = peer.pid;
    return HEARTH_OK;
}

hearth *hearth_open(const hearth_options *options, hearth_err *err)
{
    hearth_options o = known_options(options);
    hearth_err     inner = { 0 };
    hearth        *h = calloc(1, sizeof *h);
    if (!err)
        err = &inner;
    *err = inner;
    if (!h) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "hearth", "no memory for a connection");
        return NULL;
    }
    h->link.fd = h->daemon.owner_fd = h->wake[0] = h->wake[1] = -1;
    hearth_buf_init(&h->out, LIMIT_LINE_BYTES + 256);
    if (attach(h, &o, err) >= 0)
        return h;
    hearth_close(h);
    return NULL;
}

void hearth_close(hearth *h)
{
    if (!h)
        return;
    client_link_close(&h->link);
    client_daemon_stop(&h->daemon);
    for (int i = 0; i < 2; i++)
        if (h->wake[i] >= 0)
            close(h->wake[i]);
    hearth_buf_deinit(&h->out);
    free(h);
}

void hearth_interrupt(hearth *h)
{
    int     saved = errno; /* it may run in a signal handler */
    ssize_t n = write(h->wake[1], "", 1);
    (void)n; /* full: it is set already */
    errno = saved;
}

int64_t hearth_daemon_pid(const hearth *h) { return h->peer_pid; }

bool hearth_daemon_is_ours(const hearth *h) { return h->daemon.pid > 0; }
