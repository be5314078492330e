/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Open addressing with linear probing; removal shifts what follows back, so there are no tombstones. */
#include "kernel/table.h"

#include <stdlib.h>

typedef struct table_entry {
    hearth_str key;
    uint64_t   hash;
    void      *p; /* NULL: empty */
} table_entry;

void table_init(table *t)
{
    memset(t, 0, sizeof *t);
}

void table_deinit(table *t)
{
    free(t->p);
    memset(t, 0, sizeof *t);
}

static size_t locate(const table *t, hearth_str key, uint64_t hash)
{
    size_t i = (size_t)hash & (t->size - 1);
    while (t->p[i].p && (t->p[i].hash != hash || !hearth_str_equal(t->p[i].key, key)))
        i = (i + 1) & (t->size - 1);
    return i;
}

static hearth_code grow(table *t)
{
    table bigger = { NULL, t->n, t->size ? t->size * 2 : 32 };
    bigger.p = calloc(bigger.size, sizeof *bigger.p);
    if (!bigger.p)
        return HEARTH_NO_MEMORY;
    for (size_t i = 0; i < t->size; i++)
        if (t->p[i].p)
            bigger.p[locate(&bigger, t->p[i].key, t->p[i].hash)] = t->p[i];
    free(t->p);
    *t = bigger;
    return HEARTH_OK;
}

hearth_code table_put(table *t, hearth_str key, void *p)
{
    if ((t->n + 1) * 4 > t->size * 3)
        HEARTH_TRY(grow(t));
    uint64_t hash = hearth_hash(key.p, key.n);
    size_t   i = locate(t, key, hash);
    if (!t->p[i].p)
        t->n++;
    t->p[i] = (table_entry){ key, hash, p };
    return HEARTH_OK;
}

void *table_find(const table *t, hearth_str key)
{
    if (t->size == 0)
        return NULL;
    return t->p[locate(t, key, hearth_hash(key.p, key.n))].p;
}

void *table_remove(table *t, hearth_str key)
{
    if (t->size == 0)
        return NULL;
    size_t i = locate(t, key, hearth_hash(key.p, key.n));
    void  *p = t->p[i].p;
    if (!p)
        return NULL;
    t->n--;
    size_t mask = t->size - 1;
    for (size_t j = (i + 1) & mask; t->p[j].p; j = (j + 1) & mask) {
        size_t home = (size_t)t->p[j].hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            t->p[i] = t->p[j];
            i = j;
        }
    }
    t->p[i].p = NULL;
    return p;
}

void table_each(const table *t, void (*each)(void *arg, hearth_str key, void *p), void *arg)
{
    for (size_t i = 0; i < t->size; i++)
        if (t->p[i].p)
            each(arg, t->p[i].key, t->p[i].p);
}
