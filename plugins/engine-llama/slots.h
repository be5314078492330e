/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* slots.h: the conversations that the model holds in memory.
 *
 * A slot says which tokens it should hold (`tokens`, `count`) and how many of them the model has seen (`in_memory`).
 * Everything else follows: what is missing is fed in the next steps, when nothing is missing a token is sampled. A
 * step that was aborted, memory that was evicted, a model that cannot drop the end of a sequence: all of them only
 * lower `in_memory`, and the slot catches up by itself.
 *
 * After its answer a slot keeps its tokens: the next request that begins with them reads only the rest.
 * Thread: decode. */
#ifndef ENGINE_LLAMA_SLOTS_H
#define ENGINE_LLAMA_SLOTS_H

#include "generation.h"
#include "model.h"

typedef struct slot {
    int32_t      id;         /* the sequence in llama.cpp's memory */
    generation  *generation; /* NULL: idle, its tokens are a cache */
    llama_token *tokens;     /* context_max of them */
    int32_t      count, in_memory;
    int32_t      fed;  /* tokens of it in the step under way */
    int32_t      row;  /* of the step's logits, -1: none */
    uint64_t     used; /* the clock when it was last given or left */
    uint64_t     hint; /* hash of its generation's cache_hint, 0: none */
    bool         is_stalled; /* lost its memory to others; waits until one of them ends */
} slot;

typedef struct slots {
    const model *model;
    slot         all[MODEL_MAX_SLOTS];
    int32_t      count;
    uint64_t     clock;
} slots;

/* Owner: the caller's memory. Errors: no_memory. */
hearth_code slots_init(slots *s, const model *m, hearth_err *err);
/* Accepts a zeroed one. */
void slots_deinit(slots *s);

/* Puts a generation into the idle slot that fits best, keeping what is there of its prompt; NULL when none is
 * idle. Borrows `g` until slots_leave. */
slot *slots_give(slots *s, generation *g);
/* Makes it idle; its tokens stay as a cache. */
void slots_leave(slots *s, slot *at);

/* Forgets what the model holds from position `from` on, or more where it can only forget everything. */
void slots_forget(slots *s, slot *at, int32_t from);

/* Makes room in the memory that all slots share: the idle cache that was used longest ago, else the memory of the
 * running slot that came last (it stalls). False when neither is left. */
bool slots_evict(slots *s);

#endif
