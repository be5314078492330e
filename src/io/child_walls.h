/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* child_walls: what a child may not do, prepared before the fork and entered after it. */
#ifndef HEARTH_IO_CHILD_WALLS_H
#define HEARTH_IO_CHILD_WALLS_H

#include "io/child.h"

struct sock_fprog;

typedef struct walls {
    int                      ruleset; /* Landlock, -1: none */
    const struct sock_fprog *filter;  /* seccomp, NULL: none */
    uint64_t                 max_file_bytes;
    bool                     is_on;
} walls;

/* Opens every path and builds the rules, while errors can still be told. Errors: not_found, denied, io. Thread: loop. */
hearth_code walls_prepare(walls *w, const child_options *options, hearth_err *err);
void        walls_discard(walls *w);

/* In the child, after fork: only system calls. Closes (at exec) everything from fd 4 on. Returns 0 or errno. */
int walls_enter(const walls *w);

#endif
