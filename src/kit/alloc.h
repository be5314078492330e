/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* alloc.h: where the kit takes its memory from: malloc, with a switch for tests.
 *
 * A test makes the n-th allocation fail and runs the same code for n = 1, 2, 3 … until it succeeds; what leaks or
 * crashes on the way is a bug. The switch is one relaxed load per allocation and is never thrown in a product.
 * Memory is malloc's: hearth_buf_take hands it to callers who know only free(). */
#ifndef KIT_ALLOC_H
#define KIT_ALLOC_H

#include <stddef.h>

/* Owner: the caller, kit_free. NULL when there is none. Thread: any. */
void *kit_malloc(size_t n);
void *kit_realloc(void *p, size_t n);
void  kit_free(void *p);

/* Tests: the n-th allocation from now fails, and all after it until it is called again; 0 stops that. */
void kit_alloc_fail_after(long n);
/* Tests: whether one has failed since. */
int kit_alloc_has_failed(void);

#endif
