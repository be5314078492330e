/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* op: one operation on a thread, and the line it is written as.
 *
 *     {"h":"0193a5b0c1d20000","d":"01J…","n":7,"o":"msg.set","k":"01K…","f":"state","v":"complete"}
 *
 * h: hybrid clock as 16 hex digits, so that text order is clock order.  d: the device that wrote it.  n: rises within
 * a device's log of this thread.  o: what is done.  k: to which thread or message.  f: to which field; "*" says that
 * v is an object of fields, which all carry this operation's stamp.  v: any JSON. Since: 1.0 */
#ifndef THREADS_OP_H
#define THREADS_OP_H

#include <hearth/kit.h>

#define OP_LINE_MAX_BYTES (8u << 20)
#define OP_NAME_MAX_BYTES 64u /* of d, k and f */
#define OP_ALL_FIELDS     "*"

typedef enum op_kind {
    OP_INVALID = 0,
    OP_MSG_ADD, /* a message begins to exist */
    OP_MSG_SET,
    OP_MSG_DEL,  /* a tombstone: the field is_deleted becomes true */
    OP_META_SET, /* of the thread itself; is_deleted false restores it */
    OP_META_DEL,
    OP_UNKNOWN /* of a newer version: kept in the log, not understood here */
} op_kind;

/* When and by whom: the total order of all operations of a thread. */
typedef struct op_stamp {
    uint64_t   h;
    hearth_str d;
    uint64_t   n;
} op_stamp;

/* The views point into `doc`. */
typedef struct op {
    op_kind             kind;
    op_stamp            at;
    hearth_str          k, f;
    const hearth_value *v;
    hearth_value       *doc;
} op;

/* Reads one line. Owner: the caller, op_deinit (a zeroed op is fine). Thread: any.
 * Errors: parse (no JSON object, or a member is missing or of another kind), too_large. Since: 1.0 */
hearth_code op_read(hearth_ctx *ctx, hearth_str line, op *out, hearth_err *err);
void        op_deinit(op *o);

/* Appends the line of an operation, without the line break. Thread: any. Errors: those of the buffer. Since: 1.0 */
hearth_code op_put(hearth_buf *out, op_kind kind, const op_stamp *at, hearth_str k, const char *f,
                   const hearth_value *v);

/* Order by h, then d, then n. Thread: any. Since: 1.0 */
int op_stamp_compare(const op_stamp *a, const op_stamp *b);

/* What tells two operations with the same (d, n) apart. Thread: any. Since: 1.0 */
uint64_t op_fingerprint(hearth_str line);

#endif
