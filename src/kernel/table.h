/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* table: pointers by name. Keys are borrowed from what they lead to. For a few thousand names that we chose ourselves. */
#ifndef HEARTH_KERNEL_TABLE_H
#define HEARTH_KERNEL_TABLE_H

#include <hearth/kit.h>

typedef struct table {
    struct table_entry *p;
    size_t              n, size; /* size is 0 or a power of two */
} table;

void        table_init(table *t);
void        table_deinit(table *t);
hearth_code table_put(table *t, hearth_str key, void *p); /* replaces; errors: no_memory */
void       *table_find(const table *t, hearth_str key);
void       *table_remove(table *t, hearth_str key);
/* In no particular order; `each` must not change the table. */
void        table_each(const table *t, void (*each)(void *arg, hearth_str key, void *p), void *arg);

#endif
