/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "slots.h"

#include <stdlib.h>
#include <string.h>

hearth_code slots_init(slots *s, const model *m, hearth_err *err)
{
    *s = (slots){ .model = m, .count = m->settings.slots };
    for (int32_t i = 0; i < s->count; i++) {
        s->all[i].id = i;
        s->all[i].row = -1;
        s->all[i].tokens = malloc((size_t)m->context_max * sizeof(llama_token));
        if (!s->all[i].tokens) {
            slots_deinit(s);
            return hearth_err_set(err, HEARTH_NO_MEMORY, "engine-llama.load",
                                  "no memory for %d slots of %d tokens; set slots or context lower", s->count, m->context_max);
        }
    }
    return HEARTH_OK;
}

void slots_deinit(slots *s)
{
    for (int32_t i = 0; i < s->count; i++)
        free(s->all[i].tokens);
    *s = (slots){ 0 };
}

void slots_forget(slots *s, slot *at, int32_t from)
{
    llama_memory_t memory = llama_get_memory(s->model->context);
    if (from > 0 && llama_memory_seq_rm(memory, at->id, from, -1)) {
        at->in_memory = from;
        return;
    }
    llama_memory_seq_rm(memory, at->id, -1, -1); /* a whole sequence can always go */
    at->in_memory = 0;
}

static int32_t common_prefix(const slot *at, const generation *g)
{
    size_t  most = (size_t)at->in_memory < g->token_count ? (size_t)at->in_memory : g->token_count;
    int32_t n = 0;
    while ((size_t)n < most && at->tokens[n] == g->tokens[n])
        n++;
    return n;
}

/* How good an idle slot is for a generation. A slot of which most would be thrown away counts like one that holds
 * nothing of the prompt: it is another conversation that may go on. */
typedef struct fit {
    int32_t  prefix;
    bool     is_hinted, is_empty;
    uint64_t used;
} fit;

static fit fit_of(const slot *at, const generation *g, uint64_t hint)
{
    int32_t prefix = common_prefix(at, g);
    return (fit){ .prefix = prefix >= at->in_memory - prefix ? prefix : 0,
                  .is_hinted = hint && at->hint == hint,
                  .is_empty = at->in_memory == 0,
                  .used = at->used };
}

static bool is_better(fit a, fit b)
{
    if (a.prefix != b.prefix)
        return a.prefix > b.prefix;
    if (a.is_hinted != b.is_hinted)
        return a.is_hinted;
    if (a.is_empty != b.is_empty)
        return a.is_empty;
    return a.used < b.used;
}

static slot *best_idle(slots *s, const generation *g, uint64_t hint)
{
    slot *best = NULL;
    fit   best_fit = { 0 };
    for (int32_t i = 0; i < s->count; i++) {
        slot *at = &s->all[i];
        if (at->generation)
            continue;
        fit its = fit_of(at, g, hint);
        if (!best || is_better(its, best_fit)) {
            best = at;
            best_fit = its;
        }
    }
    return best;
}

/* Where the slots share memory, a prompt that another slot holds the beginning of takes it from there for free. */
static void borrow_prefix(slots *s, slot *at, const generation *g)
{
    const slot *from = NULL;
    int32_t     longest = common_prefix(at, g);
    for (int32_t i = 0; i < s->count; i++) {
        int32_t prefix = &s->all[i] == at ? 0 : common_prefix(&s->all[i], g);
        if (prefix > longest) {
            longest = prefix;
            from = &s->all[i];
        }
    }
    if (!from)
        return;
    llama_memory_t memory = llama_get_memory(s->model->context);
    slots_forget(s, at, 0);
    llama_memory_seq_cp(memory, from->id, at->id, 0, longest);
    memcpy(at->tokens, g->tokens, (size_t)longest * sizeof *at->tokens);
    at->in_memory = longest;
}

/* Of a sliding window only the last part is in memory: an earlier position cannot be gone back to. */
static bool can_go_back_to(const slots *s, const slot *at, int32_t position)
{
    if (s->model->window <= 0)
        return true;
    llama_pos first = llama_memory_seq_pos_min(llama_get_memory(s->model->context), at->id);
    return first <= 0 || first <= position - s->model->window;
}

slot *slots_give(slots *s, generation *g)
{
    uint64_t hint = g->cache_hint.n ? hearth_hash(g->cache_hint.p, g->cache_hint.n) : 0;
    slot    *at = best_idle(s, g, hint);
    if (!at)
        return NULL;
    bool is_rewindable = !llama_model_is_recurrent(s->model->llama) && !llama_model_is_hybrid(s->model->llama);
    if (s->model->settings.kv_unified > 0 && is_rewindable && s->model->window <= 0)
        borrow_prefix(s, at, g);
    int32_t same = common_prefix(at, g);
    if (same == (int32_t)g->token_count)
        same--; /* the last token is read again: its logits are needed */
    if (same < at->in_memory)
        slots_forget(s, at, can_go_back_to(s, at, same) ? same : 0);

    memcpy(at->tokens, g->tokens, g->token_count * sizeof *g->tokens);
    at->count = (int32_t)g->token_count;
    at->generation = g;
    at->hint = hint;
    at->used = ++s->clock;
    at->is_stalled = false;
    g->cached = (uint32_t)at->in_memory;
    return at;
}

void slots_leave(slots *s, slot *at)
{
    at->generation = NULL;
    at->count = at->in_memory;
    at->used = ++s->clock;
    at->is_stalled = false;
    for (int32_t i = 0; i < s->count; i++)
        s->all[i].is_stalled = false; /* there may be room again */
}

bool slots_evict(slots *s)
{
    slot *oldest = NULL, *youngest = NULL;
    int32_t running = 0;
    for (int32_t i = 0; i < s->count; i++) {
        slot *at = &s->all[i];
        if (!at->generation && at->in_memory > 0 && (!oldest || at->used < oldest->used))
            oldest = at;
        running += at->generation && !at->is_stalled;
        if (at->generation && !at->is_stalled && at->in_memory > 0 && (!youngest || at->used > youngest->used))
            youngest = at;
    }
    if (oldest) {
        slots_forget(s, oldest, 0);
        oldest->count = 0;
        return true;
    }
    if (!youngest || running < 2)
        return false;
    slots_forget(s, youngest, 0);
    youngest->is_stalled = true;
    return true;
}
