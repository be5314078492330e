/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A kernel without a data folder, and what the tests of its parts share. */
#ifndef HEARTH_KERNEL_TEST_H
#define HEARTH_KERNEL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* cmocka's macro; host.h has a member of that name */
#undef fail_msg
#define fail_msg(...)               \
    do {                            \
        print_error(__VA_ARGS__);   \
        print_error("\n");          \
        _fail(__FILE__, __LINE__);  \
    } while (0)

#include "kernel/ctx.h"
#include "kit/value.h"

typedef struct until {
    loop       *l;
    const bool *flag;
} until;

static inline void until_check(void *arg)
{
    const until *u = arg;
    if (*u->flag)
        loop_stop(u->l);
}

/* Runs the loop until *flag; a test that never gets there is ended by the runner's time limit. */
static inline void run_until(loop *l, const bool *flag)
{
    until       u = { l, flag };
    loop_timer *t = loop_timer_start(l, 0, 1, until_check, &u);
    loop_run(l);
    loop_timer_stop(t);
}

static inline void settle_now(void *arg)
{
    *(bool *)arg = true;
}

/* Lets what was deferred with loop_soon and loop_post happen. */
static inline void settle_loop(loop *l)
{
    bool flag = false;
    loop_post(l, settle_now, &flag);
    run_until(l, &flag);
}

static inline hearth_value *json(const char *text)
{
    hearth_err    err = { 0 };
    hearth_value *v = hearth_parse(NULL, hearth_cstr(text), &err);
    if (!v)
        fail_msg("%s: %s", text, err.msg);
    return v;
}

static inline void assert_text(hearth_str s, const char *expected)
{
    if (!hearth_str_is(s, expected))
        fail_msg("\"%.*s\" instead of \"%s\"", HEARTH_FMT(s), expected);
}

#endif
