/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* child: one process of ours, from fork to the last line of its output.
 *
 * libuv's spawn is not used: between fork and exec the child must enter its walls, and libuv has no place for that.
 * What runs there (become) is system calls only, because another thread may have held any lock at the fork. Errors up
 * to and including exec come back through a pipe that exec closes, so that child_start can answer at once and with
 * the reason.
 *
 * The end is noticed by a pidfd in the loop (0.1 ms), or by SIGCHLD on kernels before 5.3. A process is only reaped
 * here, so its pid cannot be reused while we hold the record. on_exit waits for both pipes to end, because the last
 * line is mostly the reason; a grandchild that keeps a pipe open gets DRAIN_MS.
 *
 * Output is not trusted: lines are cut, a flood is dropped and counted, and a worse one is not even read until the
 * second is over, so that a child cannot spend our CPU.
 *
 * Threads: loop. Failure: child_start leaves nothing behind. */
#define _GNU_SOURCE
#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/child_walls.h"
#include "io/file.h"
#include "io/loop_impl.h"
#include "kit/limits.h"

#define DRAIN_MS      250u
#define WINDOW_MS     1000u
#define FLOOD_BYTES   (16 * LIMIT_CHILD_LOG_RATE) /* of one window: over it we stop reading until the next */
#define CHILD_SOCKET  3
#define FIRST_FREE_FD 16 /* above every descriptor that become() places */

/* One of the two pipes. */
typedef struct output {
    uv_pipe_t   pipe;
    child      *owner;
    bool        is_stderr, is_open;
    hearth_buf  line; /* the begin of a line */
    uint64_t    window_ms;
    size_t      told, seen; /* bytes of this window */
    size_t      dropped;    /* lines since the last one that was told */
    loop_timer *pause;
} output;

struct child {
    loop *l;
    void *arg;
    void (*on_line)(void *arg, bool is_stderr, hearth_str line);
    void (*on_exit)(void *arg, int status, int signo, const char *words);
    pid_t pid;
    int   pidfd; /* -1: by SIGCHLD */
    union {
        uv_poll_t   poll;
        uv_signal_t signal;
    } watch;
    output      out[2];
    loop_timer *grace, *drain;
    int         handles; /* that libuv has not closed yet */
    int         exit_info, exit_code;
    bool        is_reaped, is_told, is_freed;
};

/* -- in the child ------------------------------------------------------------------------------------------------------ */

typedef struct start {
    const child_options *options;
    const char *const   *env;
    walls                walls;
    pid_t                parent;
    int                  null, out, err, socket, report;
} start;

static _Noreturn void give_up(int report, int e)
{
    ssize_t n = write(report, &e, sizeof e);
    (void)n; /* nobody left to tell */
    _exit(127);
}

/* Between fork and exec: system calls only. */
static _Noreturn void become(const start *s)
{
    sigset_t none;
    int      report = fcntl(s->report, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL); /* SIGPIPE was ignored, and that would survive exec */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid(); /* Ctrl-C in the daemon's terminal is the daemon's to handle */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != s->parent)
        _exit(127); /* the daemon died before the line above */
    /* Moved up first: any of them may sit where another belongs. */
    const int from[4] = { fcntl(s->null, F_DUPFD, FIRST_FREE_FD), fcntl(s->out, F_DUPFD, FIRST_FREE_FD),
                          fcntl(s->err, F_DUPFD, FIRST_FREE_FD), fcntl(s->socket, F_DUPFD, FIRST_FREE_FD) };
    walls     w = s->walls;
    if (w.ruleset >= 0)
        w.ruleset = fcntl(w.ruleset, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    for (int to = 0; to <= CHILD_SOCKET; to++)
        if (from[to] < 0 || dup2(from[to], to) < 0)
            give_up(report, errno);
    int e = walls_enter(&w);
    if (e != 0)
        give_up(report, e);
    execve(s->options->argv[0], (char *const *)(uintptr_t)s->options->argv, (char *const *)(uintptr_t)s->env);
    give_up(report, errno);
}

/* -- output -------------------------------------------------------------------------------------------------------------- */

static void drop_handle(child *c)
{
    if (--c->handles > 0 || !c->is_freed)
        return;
    loop_release(c->l);
    free(c);
}

static void on_watch_closed(uv_handle_t *handle) { drop_handle(handle->data); }

static void on_pipe_closed(uv_handle_t *handle)
{
    output *o = handle->data;
    drop_handle(o->owner);
}

/* A line over the rate is only counted; the next one that fits brings the count. */
static void tell_dropped(output *o)
{
    char note[64];
    int  n = snprintf(note, sizeof note, "(%zu lines left out)", o->dropped);
    o->dropped = 0;
    if (o->owner->on_line && !o->owner->is_freed)
        o->owner->on_line(o->owner->arg, o->is_stderr, (hearth_str){ note, (size_t)n });
}

static void tell_line(output *o, hearth_str line)
{
    uint64_t now = loop_now_ms(o->owner->l);
    if (now - o->window_ms >= WINDOW_MS) {
        o->window_ms = now;
        o->told = o->seen = 0;
    }
    if (o->told + line.n + 1 > LIMIT_CHILD_LOG_RATE) {
        o->dropped++;
        return;
    }
    o->told += line.n + 1;
    if (o->dropped > 0)
        tell_dropped(o);
    if (o->owner->on_line && !o->owner->is_freed)
        o->owner->on_line(o->owner->arg, o->is_stderr, line);
}

static void end_line(output *o)
{
    tell_line(o, hearth_buf_str(&o->line));
    hearth_buf_reset(&o->line);
}

static void take_output(output *o, hearth_str s)
{
    while (s.n > 0 && !o->owner->is_freed) {
        const char *newline = memchr(s.p, '\n', s.n);
        size_t      n = newline ? (size_t)(newline - s.p) : s.n;
        size_t      room = LIMIT_CHILD_LINE_BYTES - o->line.n;
        if (newline && o->line.n == 0 && n <= room) {
            tell_line(o, (hearth_str){ s.p, n });
        } else {
            /* What is over the cap is left out, not made a line of its own: a log line stays one line. */
            hearth_buf_append(&o->line, s.p, n < room ? n : room);
            if (newline)
                end_line(o);
        }
        n += newline != NULL;
        s.p += n;
        s.n -= n;
    }
}

static void close_output(output *o)
{
    if (!o->is_open)
        return;
    o->is_open = false;
    if (o->line.n > 0 && !o->owner->is_freed)
        end_line(o);
    if (o->dropped > 0)
        tell_dropped(o);
    hearth_buf_deinit(&o->line);
    loop_timer_stop(o->pause);
    o->pause = NULL;
    uv_close((uv_handle_t *)&o->pipe, on_pipe_closed);
}

static void finish_when_drained(child *c);

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)size;
    output *o = handle->data;
    buf->base = loop_scratch(o->owner->l);
    buf->len = buf->base ? LOOP_SCRATCH : 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void on_pause_over(void *arg)
{
    output *o = arg;
    loop_timer_stop(o->pause);
    o->pause = NULL;
    o->seen = 0;
    uv_read_start((uv_stream_t *)&o->pipe, on_alloc, on_read);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    output *o = stream->data;
    child  *c = o->owner;
    if (n < 0) {
        close_output(o);
        finish_when_drained(c);
        return;
    }
    if (n == 0)
        return;
    take_output(o, (hearth_str){ buf->base, (size_t)n });
    o->seen += (size_t)n;
    if (o->seen > FLOOD_BYTES && o->is_open && !c->is_reaped) {
        o->pause = loop_timer_start(c->l, WINDOW_MS, 0, on_pause_over, o);
        if (o->pause)
            uv_read_stop(stream);
    }
}

/* -- the end --------------------------------------------------------------------------------------------------------------- */

static void on_drain_over(void *arg)
{
    child *c = arg;
    loop_timer_stop(c->drain);
    c->drain = NULL;
    close_output(&c->out[0]);
    close_output(&c->out[1]);
    finish_when_drained(c);
}

static void finish_when_drained(child *c)
{
    if (!c->is_reaped || c->is_told || c->is_freed)
        return;
    if (c->out[0].is_open || c->out[1].is_open) {
        if (!c->drain)
            c->drain = loop_timer_start(c->l, DRAIN_MS, 0, on_drain_over, c);
        return;
    }
    loop_timer_stop(c->drain);
    c->drain = NULL;
    c->is_told = true;
    bool has_exited = c->exit_code == CLD_EXITED;
    char words[96];
    if (has_exited)
        snprintf(words, sizeof words, "exit status %d", c->exit_info);
    else
        snprintf(words, sizeof words, "killed by signal %d (%s)", c->exit_info,
                 sigdescr_np(c->exit_info) ? sigdescr_np(c->exit_info) : "unknown");
    if (c->on_exit)
        c->on_exit(c->arg, has_exited ? c->exit_info : -1, has_exited ? 0 : c->exit_info, words);
}

static void reap(child *c)
{
    siginfo_t info = { 0 };
    if (c->is_reaped)
        return;
    int r = waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG);
    if (r != 0 && errno == ECHILD) {
        info.si_pid = c->pid; /* somebody else reaped it: it is gone all the same, and nobody knows how */
        info.si_code = CLD_EXITED;
        info.si_status = -1;
    }
    if (info.si_pid != c->pid)
        return;
    c->is_reaped = true;
    c->exit_info = info.si_status;
    c->exit_code = info.si_code;
    loop_timer_stop(c->grace);
    c->grace = NULL;
    uv_close((uv_handle_t *)&c->watch, on_watch_closed);
    if (c->pidfd >= 0)
        close(c->pidfd);
    /* What a paused pipe still holds belongs before the end. */
    for (int i = 0; i < 2; i++)
        if (c->out[i].pause)
            on_pause_over(&c->out[i]);
    finish_when_drained(c);
}

static void on_pidfd(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    reap(poll->data);
}

static void on_sigchld(uv_signal_t *handle, int signo)
{
    (void)signo;
    reap(handle->data);
}

/* -- start ------------------------------------------------------------------------------------------------------------------- */

static const char *const minimal_env[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8",
#if defined(__SANITIZE_ADDRESS__)
                                           /* the leak check at exit needs ptrace and a new process */
                                           "ASAN_OPTIONS=detect_leaks=0",
#endif
                                           NULL };

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
}

/* Returns the pid, or -1 with errno: also for what failed in the child before its exec. */
static pid_t fork_and_exec(start *s, int report[2])
{
    sigset_t all, before;
    sigfillset(&all);
    s->parent = getpid();
    s->report = report[1];
    /* A signal between fork and exec would run our handlers in the child, on pipes that it shares with us. */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        become(s);
    int e = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    report[1] = -1;
    if (pid < 0) {
        errno = e;
        return -1;
    }
    ssize_t n;
    int     told = 0;
    do
        n = read(report[0], &told, sizeof told); /* ends when exec closes the other side */
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return pid;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    errno = n == (ssize_t)sizeof told ? told : EIO;
    return -1;
}

/* Watches a process that runs. Returns 0 or a negative errno of libuv. */
static int watch(child *c, const int out[2])
{
    uv_loop_t *uv = loop_uv(c->l);
    for (int i = 0; i < 2; i++) {
        output *o = &c->out[i];
        *o = (output){ .owner = c, .is_stderr = i == 1, .is_open = true, .window_ms = loop_now_ms(c->l) };
        hearth_buf_init(&o->line, LIMIT_CHILD_LINE_BYTES);
        uv_pipe_init(uv, &o->pipe, 0);
        o->pipe.data = o;
        c->handles++;
        int r = uv_pipe_open(&o->pipe, out[i]);
        if (r != 0)
            close(out[i]);
        else
            r = uv_read_start((uv_stream_t *)&o->pipe, on_alloc, on_read);
        if (r != 0)
            close_output(o); /* the lines are lost, the child is not */
    }
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    c->handles++;
    if (c->pidfd >= 0) {
        fcntl(c->pidfd, F_SETFD, FD_CLOEXEC);
        if (uv_poll_init(uv, &c->watch.poll, c->pidfd) == 0) {
            c->watch.poll.data = c;
            return uv_poll_start(&c->watch.poll, UV_READABLE, on_pidfd);
        }
        close(c->pidfd);
        c->pidfd = -1;
    }
    uv_signal_init(uv, &c->watch.signal);
    c->watch.signal.data = c;
    int r = uv_signal_start(&c->watch.signal, on_sigchld, SIGCHLD);
    reap(c); /* it may have ended before the signal was watched */
    return r;
}

child *child_start(loop *l, const child_options *options, void *arg, int *fd, hearth_err *err)
{
    int   sockets[2] = { -1, -1 }, out[2] = { -1, -1 }, errs[2] = { -1, -1 }, report[2] = { -1, -1 };
    start s = {
        .options = options, .env = options->env ? options->env : minimal_env, .null = -1, .walls = { .ruleset = -1 }
    };
    child *c = NULL;
    *fd = -1;
    if (!options->argv || !options->argv[0] || options->argv[0][0] != '/') {
        hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "child", "the program of a child must be an absolute path");
        return NULL;
    }
    if (access(options->argv[0], X_OK) != 0)
        goto failed;
    if (walls_prepare(&s.walls, options, err) < 0)
        goto out;
    c = calloc(1, sizeof *c);
    s.null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!c || s.null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0 ||
        pipe2(out, O_CLOEXEC) != 0 || pipe2(errs, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0)
        goto failed;
    s.out = out[1];
    s.err = errs[1];
    s.socket = sockets[1];
    c->l = l;
    c->arg = arg;
    c->on_line = options->on_line;
    c->on_exit = options->on_exit;
    c->pid = fork_and_exec(&s, report);
    if (c->pid < 0)
        goto failed;
    watch(c, (const int[2]){ out[0], errs[0] });
    out[0] = errs[0] = -1;
    *fd = sockets[0];
    sockets[0] = -1;
    goto out;
failed:
    hearth_err_set(err, errno == ENOMEM ? HEARTH_NO_MEMORY : file_code_of_errno(errno), "child",
                   "could not start %s: %s", options->argv[0], strerror(errno));
    free(c);
    c = NULL;
out:
    walls_discard(&s.walls);
    close_pair(sockets);
    close_pair(out);
    close_pair(errs);
    close_pair(report);
    if (s.null >= 0)
        close(s.null);
    return c;
}

int64_t child_pid(const child *c) { return c->pid; }

static void on_grace_over(void *arg)
{
    child *c = arg;
    loop_timer_stop(c->grace);
    c->grace = NULL;
    kill(c->pid, SIGKILL);
}

void child_stop(child *c, uint32_t grace_ms)
{
    if (c->is_reaped)
        return;
    loop_timer_stop(c->grace);
    c->grace = NULL;
    kill(c->pid, SIGTERM);
    if (grace_ms > 0)
        c->grace = loop_timer_start(c->l, grace_ms, 0, on_grace_over, c);
    if (!c->grace)
        kill(c->pid, SIGKILL);
}

void child_free(child *c)
{
    if (!c || c->is_freed)
        return;
    c->is_freed = true;
    loop_timer_stop(c->grace);
    loop_timer_stop(c->drain);
    c->grace = c->drain = NULL;
    loop_hold(c->l);
    c->handles++; /* until the end of this function */
    close_output(&c->out[0]);
    close_output(&c->out[1]);
    if (!c->is_reaped)
        kill(c->pid, SIGKILL); /* reap() comes by the watch, as always */
    drop_handle(c);
}
