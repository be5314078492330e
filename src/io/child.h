/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* child: a process of ours, its socket on fd 3, its output as log lines, its end noticed at once, its walls.
 *
 * A child gets: stdin from /dev/null, stdout and stderr as lines to on_line, fd 3 a stream socket to us, every other
 * descriptor closed, a small environment, PR_SET_PDEATHSIG, no_new_privs, rlimits, Landlock over the named paths and
 * seccomp (no sockets to the network, no ptrace, mount, bpf, io_uring, new namespaces). A wall that the kernel lacks is
 * left out and told. */
#ifndef HEARTH_IO_CHILD_H
#define HEARTH_IO_CHILD_H

#include <hearth/host.h>

#include "io/loop.h"

typedef struct child child;

typedef struct child_options {
    const char *const *argv;       /* NULL-terminated; argv[0] is the absolute path of the executable */
    const char *const *env;        /* NULL-terminated "K=V", or NULL for PATH, HOME-less minimum */
    const hearth_str  *read_paths; /* Landlock: read and map */
    size_t             read_count;
    const hearth_str  *write_paths;
    size_t             write_count;
    uint64_t           max_file_bytes; /* RLIMIT_FSIZE, 0: none */
    bool               no_walls;       /* only for tests of the walls themselves */
    bool               may_use_gpu;    /* the devices under /dev that GPU drivers need */
    void (*on_line)(void *arg, bool is_stderr, hearth_str line); /* capped at 4 KiB per line, 64 KiB/s, then counted */
    /* Once, after the process ended and its output was read: exit status or signal in words. */
    void (*on_exit)(void *arg, int status, int signo, const char *words);
} child_options;

/* Starts it; *fd receives our end of the socket (owned by the caller). Thread: loop.
 * Errors: not_found, denied, no_memory, io. */
child  *child_start(loop *l, const child_options *options, void *arg, int *fd, hearth_err *err);
int64_t child_pid(const child *c);
/* Ends it: SIGTERM now, SIGKILL after grace_ms. on_exit still comes. */
void child_stop(child *c, uint32_t grace_ms);
/* Gives the record back; kills and reaps silently if it still runs. */
void child_free(child *c);

/* Which walls this kernel offers, for `doctor`. */
typedef struct child_walls {
    int  landlock_abi; /* 0: none */
    bool seccomp, no_new_privs, pidfd;
} child_walls;
child_walls child_walls_probe(void);

#endif
