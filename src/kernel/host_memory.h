/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* host_memory: what host.c hands out that dispose takes back. */
#ifndef HEARTH_KERNEL_HOST_MEMORY_H
#define HEARTH_KERNEL_HOST_MEMORY_H

#include "kernel/ctx.h"

void  *host_alloc(hearth_ctx *ctx, size_t n);
void  *host_resize(hearth_ctx *ctx, void *p, size_t n);
void   host_release(hearth_ctx *ctx, void *p);
void   host_memory_reclaim(hearth_ctx *ctx);
size_t ctx_stop_timers(hearth_ctx *ctx); /* returns how many there were */
void   ctx_work_free(list *node);
void   ctx_forget_posted(hearth_ctx *ctx); /* hearth_post that the loop has not run yet */

#endif
