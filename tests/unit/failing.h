/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* failing.h: runs a statement with the first, then the second, then the third … allocation failing, until one run
 * needs no more than succeed. The statement must leave nothing behind: the leak checker sees to that. */
#ifndef TEST_FAILING_H
#define TEST_FAILING_H

#include "kit/alloc.h"

#define WITH_EACH_ALLOCATION_FAILING(statement)                                                                        \
    do {                                                                                                               \
        int failed_ = 1;                                                                                               \
        for (long nth_ = 1; failed_ && nth_ < 100000; nth_++) {                                                        \
            kit_alloc_fail_after(nth_);                                                                                \
            statement;                                                                                                 \
            failed_ = kit_alloc_has_failed();                                                                          \
            kit_alloc_fail_after(0);                                                                                   \
        }                                                                                                              \
        assert_false(failed_);                                                                                         \
    } while (0)

#endif
