/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* merge: what many devices said about one thread or message, as one state.
 *
 *     merge_entity m = { 0 };
 *     merge_op(&m, &op);                                     // in any order, any number of times
 *     hearth_str role = hearth_as_str(merge_get(&m, "role"));
 *     merge_put(&m, &buf);                                   // how the index keeps it
 *     merge_deinit(&m);
 *
 * An entity is a set of fields, each with the stamp of the operation that last wrote it; the later stamp wins. That is
 * a join over a total order: commutative, associative, idempotent. So two devices that have seen the same operations
 * show the same, in whatever order and however often these arrived. A deletion is the field is_deleted. Two
 * operations with one stamp but other values are damage (a copied device id); then the greater bytes win, so that
 * even this converges, and the caller is told.
 *
 * Pure: no file, no clock, no memory beside the entity. Thread: one at a time. Since: 1.0 */
#ifndef THREADS_MERGE_H
#define THREADS_MERGE_H

#include "op.h"

#define MERGE_MAX_FIELDS 64u /* of an entity; when more come, those with the smallest names stay, on every device */
#define MERGE_ADDED      "is_added" /* written by msg.add: its stamp is the message's place in the thread */
#define MERGE_DELETED    "is_deleted"

typedef struct merge_field {
    hearth_str          name; /* views point into `doc` */
    op_stamp            at;
    const hearth_value *value;
    hearth_value       *doc; /* our reference on the document around */
} merge_field;

typedef struct merge_entity {
    merge_field *fields; /* by name */
    size_t       n, size;
} merge_entity;

typedef enum merge_result {
    MERGE_NOTHING = 0, /* known already, or older than what is known */
    MERGE_CHANGED,
    MERGE_DAMAGED /* changed or not: the stamp was there with another value */
} merge_result;

/* Takes one operation in; returns a merge_result. Owner: keeps references, the operation stays the caller's.
 * Errors: no_memory. */
int merge_op(merge_entity *e, const op *o);

/* The value of a field, borrowed; NULL when nobody wrote it. */
const hearth_value *merge_get(const merge_entity *e, const char *name);
const merge_field  *merge_find(const merge_entity *e, const char *name);

/* The entity as text and back: {"s":[[h,d,n]…],"f":{name:[index of the stamp, value]…}}.
 * Errors of merge_read: parse, no_memory; `e` is empty then. */
hearth_code merge_put(const merge_entity *e, hearth_buf *out);
hearth_code merge_read(merge_entity *e, hearth_ctx *ctx, hearth_str text, hearth_err *err);
void        merge_deinit(merge_entity *e);

#endif
