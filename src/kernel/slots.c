/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel/slots.h"

#include <stdlib.h>
#include <string.h>

typedef struct slot {
    void    *p;          /* NULL: free */
    uint32_t generation; /* of the next or present use; never 0 */
    uint32_t next_free;  /* index + 1 while free */
} slot;

void slots_init(slots *s)
{
    memset(s, 0, sizeof *s);
}

void slots_deinit(slots *s)
{
    free(s->p);
    memset(s, 0, sizeof *s);
}

static bool grow(slots *s)
{
    uint32_t size = s->size ? s->size * 2 : 16;
    slot    *p = realloc(s->p, size * sizeof *p);
    if (!p)
        return false;
    s->p = p;
    s->size = size;
    return true;
}

hearth_id slots_add(slots *s, void *p)
{
    if (!s->free && s->n == s->size && !grow(s))
        return 0;
    uint32_t i;
    if (s->free) {
        i = s->free - 1;
        s->free = s->p[i].next_free;
    } else {
        i = s->n++;
        s->p[i].generation = 1;
    }
    s->p[i].p = p;
    s->live++;
    return (uint64_t)s->p[i].generation << 32 | (i + 1);
}

static slot *locate(const slots *s, hearth_id id)
{
    uint32_t i = (uint32_t)id;
    if (i == 0 || i > s->n)
        return NULL;
    slot *at = &s->p[i - 1];
    return at->p && at->generation == (uint32_t)(id >> 32) ? at : NULL;
}

void *slots_find(const slots *s, hearth_id id)
{
    const slot *at = locate(s, id);
    return at ? at->p : NULL;
}

void *slots_remove(slots *s, hearth_id id)
{
    slot *at = locate(s, id);
    if (!at)
        return NULL;
    void *p = at->p;
    at->p = NULL;
    if (++at->generation == 0)
        at->generation = 1;
    at->next_free = s->free;
    s->free = (uint32_t)id;
    s->live--;
    return p;
}

void slots_each(slots *s, void (*each)(void *arg, hearth_id id, void *p), void *arg)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->p[i].p)
            each(arg, (uint64_t)s->p[i].generation << 32 | (i + 1), s->p[i].p);
}
