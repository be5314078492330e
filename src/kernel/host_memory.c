/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Each block carries a header that hangs on its context's list, so that what a plugin forgets is counted and given back. */
#include "kernel/host_memory.h"

#include <stdalign.h>
#include <stdlib.h>

typedef struct block {
    list                 node;
    size_t               n;
    alignas(max_align_t) char bytes[];
} block;

static void account(hearth_ctx *ctx, block *b, bool is_new)
{
    mtx_lock(&ctx->memory_lock);
    if (is_new) {
        list_add(&ctx->blocks, &b->node);
        ctx->block_count++;
        ctx->block_bytes += b->n;
    } else {
        list_remove(&b->node);
        ctx->block_count--;
        ctx->block_bytes -= b->n;
    }
    mtx_unlock(&ctx->memory_lock);
}

void *host_alloc(hearth_ctx *ctx, size_t n)
{
    if (n > SIZE_MAX - sizeof(block))
        return NULL;
    block *b = calloc(1, sizeof *b + n);
    if (!b)
        return NULL;
    b->n = n;
    account(ctx, b, true);
    return b->bytes;
}

static block *block_of(void *p)
{
    return (block *)(void *)((char *)p - offsetof(block, bytes));
}

void host_release(hearth_ctx *ctx, void *p)
{
    if (!p)
        return;
    block *b = block_of(p);
    account(ctx, b, false);
    free(b);
}

void *host_resize(hearth_ctx *ctx, void *p, size_t n)
{
    if (!p)
        return host_alloc(ctx, n);
    if (n > SIZE_MAX - sizeof(block))
        return NULL;
    block *old = block_of(p);
    size_t was = old->n;
    account(ctx, old, false);
    block *b = realloc(old, sizeof *b + n);
    if (!b) {
        account(ctx, old, true);
        return NULL;
    }
    if (n > was)
        memset(b->bytes + was, 0, n - was);
    b->n = n;
    list_init(&b->node);
    account(ctx, b, true);
    return b->bytes;
}

void host_memory_reclaim(hearth_ctx *ctx)
{
    LIST_EACH_SAFE(&ctx->blocks, node, next)
        free(LIST_ENTRY(node, block, node));
    list_init(&ctx->blocks);
    ctx->block_count = ctx->block_bytes = 0;
}
