/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* io_test: what the tests of src/io share: a loop with a last resort against hanging, and a folder of its own. */
#ifndef HEARTH_IO_TEST_H
#define HEARTH_IO_TEST_H

#define _GNU_SOURCE
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* cmocka's macro; host.h has a member of that name */
#include <hearth/host.h>

#include "io/loop.h"

/* A test that hangs fails here, with its name in the backtrace, instead of in the runner's timeout. */
#define IO_TEST_HANG_S 50

static inline loop *io_test_loop(void)
{
    alarm(IO_TEST_HANG_S);
    hearth_err err = { 0 };
    loop      *l = loop_new(&err);
    assert_non_null(l);
    return l;
}

static inline void io_test_stop(void *l) { loop_stop(l); }

/* Runs the loop until *flag is true. */
typedef struct io_test_wait {
    loop       *l;
    const bool *flag;
} io_test_wait;

static inline void io_test_look(void *arg)
{
    io_test_wait *w = arg;
    if (*w->flag)
        loop_stop(w->l);
}

static inline void io_test_until(loop *l, const bool *flag)
{
    io_test_wait w = { l, flag };
    if (*flag)
        return;
    loop_timer *t = loop_timer_start(l, 1, 1, io_test_look, &w);
    loop_run(l);
    loop_timer_stop(t);
}

static inline void io_test_folder(char out[64])
{
    snprintf(out, 64, "%s/hearth-io-XXXXXX", "/tmp");
    assert_non_null(mkdtemp(out));
}

static inline int io_test_remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

static inline void io_test_remove_folder(const char *path) { nftw(path, io_test_remove_one, 16, FTW_DEPTH | FTW_PHYS); }

#endif
