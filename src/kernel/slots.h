/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* slots: ids instead of pointers across time.
 *
 * An id is (generation << 32 | index + 1): looked up in O(1), never reused while somebody may still hold it, 0 is
 * none. The table knows nothing of what the pointers are. Thread: one at a time. */
#ifndef HEARTH_KERNEL_SLOTS_H
#define HEARTH_KERNEL_SLOTS_H

#include <hearth/types.h>

typedef struct slots {
    struct slot *p;
    uint32_t     n, size, free; /* free: head of the free list, index + 1 */
    uint32_t     live;
} slots;

void      slots_init(slots *s);
void      slots_deinit(slots *s); /* frees the table, not what it points to */
hearth_id slots_add(slots *s, void *p); /* 0 when memory runs out */
void     *slots_find(const slots *s, hearth_id id); /* NULL: gone */
void     *slots_remove(slots *s, hearth_id id);
/* Every live entry; `each` may remove the one it gets. */
void slots_each(slots *s, void (*each)(void *arg, hearth_id id, void *p), void *arg);

#endif
