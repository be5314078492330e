/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arena.c: a bump allocator. Blocks double from 1 KiB to 64 KiB; what is larger gets a block of its own, put behind
 * the current one so that the room left there is not lost. */
#include <hearth/kit.h>

#include "kit/alloc.h"

#include <stddef.h>

enum { FIRST_BYTES = 1024, LAST_BYTES = 65536, ALIGN = _Alignof(max_align_t) };

struct hearth_arena_block {
    struct hearth_arena_block *next;
    size_t                     used, size;
    _Alignas(max_align_t) unsigned char bytes[];
};

void hearth_arena_init(hearth_arena *a, size_t cap) { *a = (hearth_arena){ .cap = cap }; }

void hearth_arena_deinit(hearth_arena *a)
{
    struct hearth_arena_block *block = a->blocks;

    while (block) {
        struct hearth_arena_block *next = block->next;
        kit_free(block);
        block = next;
    }
    *a = (hearth_arena){ .cap = a->cap };
}

/* A block with room for n, made the current one unless it is used up at once. */
static struct hearth_arena_block *block_new(hearth_arena *a, size_t n)
{
    size_t                     size = a->blocks ? a->blocks->size * 2 : FIRST_BYTES;
    struct hearth_arena_block *block = NULL;

    if (size > LAST_BYTES)
        size = LAST_BYTES;
    if (n > size)
        size = n;
    block = kit_malloc(sizeof *block + size);
    if (!block)
        return NULL;
    block->used = 0;
    block->size = size;
    if (a->blocks && n == size) {
        block->next = a->blocks->next;
        a->blocks->next = block;
    } else {
        block->next = a->blocks;
        a->blocks = block;
    }
    return block;
}

void *hearth_arena_new(hearth_arena *a, size_t n)
{
    struct hearth_arena_block *block = a->blocks;
    void                      *p = NULL;

    if (n > SIZE_MAX - LAST_BYTES)
        return NULL;
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (n > a->cap - a->used)
        return NULL;
    if (!block || n > block->size - block->used)
        block = block_new(a, n);
    if (!block)
        return NULL;
    p = block->bytes + block->used;
    block->used += n;
    a->used += n;
    return memset(p, 0, n);
}

hearth_str hearth_arena_dup(hearth_arena *a, hearth_str s)
{
    char *p = s.n < SIZE_MAX ? hearth_arena_new(a, s.n + 1) : NULL;

    if (!p)
        return (hearth_str){ NULL, 0 };
    if (s.n)
        memcpy(p, s.p, s.n);
    return (hearth_str){ p, s.n };
}
