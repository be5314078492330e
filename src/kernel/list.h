/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* list: an intrusive, doubly linked, circular list. A node that is in no list points to itself. */
#ifndef HEARTH_KERNEL_LIST_H
#define HEARTH_KERNEL_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct list {
    struct list *prev, *next;
} list;

#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
#define LIST_EACH(head, node) for (list *node = (head)->next; node != (head); node = node->next)
/* The present node may be removed meanwhile. */
#define LIST_EACH_SAFE(head, node, after) \
    for (list *node = (head)->next, *after = node->next; node != (head); node = after, after = node->next)

static inline void list_init(list *l)
{
    l->prev = l->next = l;
}
static inline bool list_is_empty(const list *l)
{
    return l->next == l;
}
static inline void list_add(list *head, list *node) /* at the end */
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}
static inline void list_remove(list *node) /* fine twice */
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
static inline size_t list_count(const list *head)
{
    size_t n = 0;
    for (const list *p = head->next; p != head; p = p->next)
        n++;
    return n;
}

#endif
