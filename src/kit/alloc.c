/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* alloc.c: malloc with a switch that makes it fail (alloc.h). */
#include "kit/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { NEVER = -1 };

static atomic_long left = NEVER; /* allocations that still succeed */
static atomic_int  has_failed;

static int may_allocate(void)
{
    if (atomic_load_explicit(&left, memory_order_relaxed) == NEVER)
        return 1;
    if (atomic_load(&left) > 0) {
        atomic_fetch_sub(&left, 1);
        return 1;
    }
    atomic_store(&has_failed, 1);
    return 0;
}

void *kit_malloc(size_t n) { return may_allocate() ? malloc(n ? n : 1) : NULL; }

void *kit_realloc(void *p, size_t n) { return may_allocate() ? realloc(p, n ? n : 1) : NULL; }

void kit_free(void *p) { free(p); }

void kit_alloc_fail_after(long n)
{
    atomic_store(&has_failed, 0);
    atomic_store(&left, n > 0 ? n - 1 : NEVER);
}

int kit_alloc_has_failed(void) { return atomic_load(&has_failed); }
