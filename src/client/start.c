/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A daemon that we start is told so with one end of a socket pair: when our end closes, for whatever reason, it ends; when
 * its end closes, it has ended. It has no HTTP listener and a process group of its own, so that a Ctrl-C at our program's
 * terminal is ours alone. */
#define _GNU_SOURCE /* pipe2, posix_spawn_file_actions_addclosefrom_np */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/client.h"

enum { OWNER_FD = 3, STOP_MS = 10000, SAID_MAX = 16 << 10 };

extern char **environ;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int spawn(const char *executable, const char *data_dir, int owner, int said, pid_t *pid)
{
    char        owner_text[8];
    const char *argv[] = {
        executable, "serve", "--data", data_dir, "--listen", "none", "--until-eof", owner_text, NULL
    };
    snprintf(owner_text, sizeof owner_text, "%d", OWNER_FD);

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t          attributes;
    sigset_t                   none, all;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, said, 1);
    posix_spawn_file_actions_adddup2(&actions, said, 2);
    posix_spawn_file_actions_adddup2(&actions, owner, OWNER_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, OWNER_FD + 1);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int e = posix_spawnp(pid, executable, &actions, &attributes, (char *const *)(uintptr_t)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

static hearth_code code_named(hearth_str name)
{
#define XX(NAME, lower, code, http, rpc, text)                                                                         \
    if (hearth_str_is(name, #lower))                                                                                   \
        return HEARTH_##NAME;
    HEARTH_ERRORS(XX)
#undef XX
    return HEARTH_OK;
}

/* The last line that the daemon meant for us: "hearth: conflict: the data folder …". */
static hearth_code last_words(const hearth_buf *said, char *out, size_t size)
{
    static const char mark[] = "hearth: ";
    hearth_code       code = HEARTH_UNAVAILABLE;
    snprintf(out, size, "it said nothing");
    for (size_t at = 0; at < said->n;) {
        const char *end = memchr(said->p + at, '\n', said->n - at);
        hearth_str  line = { said->p + at, end ? (size_t)(end - said->p) - at : said->n - at };
        at += line.n + 1;
        if (!hearth_str_starts(line, mark))
            continue;
        line = (hearth_str){ line.p + sizeof mark - 1, line.n - sizeof mark + 1 };
        const char *colon = memchr(line.p, ':', line.n);
        hearth_str  name = { line.p, colon ? (size_t)(colon - line.p) : 0 };
        if (code_named(name) < 0 && line.n > name.n + 2) {
            code = code_named(name);
            line = (hearth_str){ colon + 2, line.n - name.n - 2 };
        }
        hearth_str_copy(out, size, line);
    }
    return code;
}

static bool is_ready(const hearth_buf *said)
{
    static const char mark[] = "hearth: ready on ";
    for (const char *p = said->p; p && (p = strstr(p, mark)); p++)
        if ((p == said->p || p[-1] == '\n') && strchr(p, '\n'))
            return true;
    return false;
}

/* Reads what it says until it is ready, ended, or late. */
static hearth_code await_ready(int said_fd, uint32_t start_ms, const char *executable, hearth_err *err)
{
    uint64_t    deadline = client_now_ms() + (start_ms ? start_ms : 10000);
    hearth_code code = HEARTH_OK;
    char        words[320];
    hearth_buf  said;
    hearth_buf_init(&said, SAID_MAX);
    while (!is_ready(&said)) {
        uint64_t      now = client_now_ms();
        struct pollfd waiting = { said_fd, POLLIN, 0 };
        int           n = now < deadline ? poll(&waiting, 1, (int)(deadline - now)) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        char    piece[1024];
        ssize_t got = n > 0 ? read(said_fd, piece, sizeof piece) : -1;
        if (got > 0 && hearth_buf_append(&said, piece, (size_t)got) >= 0)
            continue;
        code = last_words(&said, words, sizeof words);
        if (n == 0)
            code = hearth_err_set(err, HEARTH_DEADLINE, "hearth", "the daemon %s was not ready in time; %s", executable,
                                  words);
        else
            hearth_err_set(err, code, "hearth", "%s", words);
        break;
    }
    hearth_buf_deinit(&said);
    return code;
}

hearth_code client_daemon_start(client_daemon *d, const char *executable, const char *data_dir, uint32_t start_ms,
                                hearth_err *err)
{
    int         owner[2] = { -1, -1 }, said[2] = { -1, -1 };
    pid_t       pid = 0;
    hearth_code code = HEARTH_OK;
    *d = (client_daemon){ 0, -1 };
    int e = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, owner) < 0 || pipe2(said, O_CLOEXEC) < 0
                ? errno
                : spawn(executable, data_dir, owner[1], said[1], &pid);
    close_fd(&owner[1]);
    close_fd(&said[1]);
    if (e == ENOENT) {
        code = hearth_err_set(err, HEARTH_NOT_FOUND, "hearth",
                              "there is no daemon \"%s\"; install Hearth, or name its executable in the options",
                              executable);
        close_fd(&owner[0]);
    } else if (e != 0) {
        code = hearth_err_set(err, HEARTH_IO, "hearth", "the daemon %s cannot be started: %s", executable, strerror(e));
        close_fd(&owner[0]);
    } else {
        *d = (client_daemon){ pid, owner[0] };
        code = await_ready(said[0], start_ms, executable, err);
        if (code < 0)
            client_daemon_stop(d);
    }
    close_fd(&said[0]);
    return code;
}

void client_daemon_stop(client_daemon *d)
{
    if (d->pid <= 0)
        return;
    uint64_t deadline = client_now_ms() + STOP_MS;
    shutdown(d->owner_fd, SHUT_WR);
    for (;;) {
        uint64_t      now = client_now_ms();
        struct pollfd waiting = { d->owner_fd, POLLIN, 0 };
        int           n = now < deadline ? poll(&waiting, 1, (int)(deadline - now)) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            kill(d->pid, SIGKILL);
        break; /* readable: its end is closed, since it never sends */
    }
    while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close_fd(&d->owner_fd);
    d->pid = 0;
}
