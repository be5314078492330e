/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* index: what the logs say, merged and searchable, in local/index/threads.db.
 *
 * A cache and nothing else: every row can be made again from the logs, so the file may be deleted or damaged at any
 * time. In one transaction with the operations that it applies it records how far each log file was read; whatever
 * a crash leaves behind is therefore read again, and operations that are known already change nothing.
 *
 * Thread: the plugin's worker, all of it. Since: 1.0 */
#ifndef THREADS_INDEX_H
#define THREADS_INDEX_H

#include <hearth/plugin.h>

#include "merge.h"

struct sqlite3;
struct sqlite3_stmt;

#define INDEX_MAX_FAILURES 3u
#define INDEX_ID_BYTES     27u /* a ULID and its NUL */

/* One prepared statement per line of INDEX_SQL in index.c. */
typedef enum index_statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_CLOCK,
    SQL_SET_CLOCK,
    SQL_FIND_DEVICE,
    SQL_ADD_DEVICE,
    SQL_FIND_THREAD,
    SQL_ADD_THREAD,
    SQL_SET_THREAD,
    SQL_DROP_THREAD,
    SQL_ADD_OP,
    SQL_FIND_OP,
    SQL_LAST_OP,
    SQL_DROP_OPS,
    SQL_FIND_MESSAGE,
    SQL_ADD_MESSAGE,
    SQL_SET_MESSAGE,
    SQL_DROP_MESSAGES,
    SQL_ADD_WORDS,
    SQL_DROP_WORDS,
    SQL_ADD_TITLE,
    SQL_DROP_TITLE,
    SQL_FILES,
    SQL_SET_FILE,
    SQL_DROP_FILES,
    SQL_COUNT_MESSAGES,
    SQL_NEWEST_MESSAGE,
    SQL_NEWEST_CHILD,
    SQL_FIRST_QUESTION,
    SQL_MESSAGE_KEYS,
    SQL_THREAD,
    SQL_MESSAGES,
    SQL_DELETED,
    SQL_MESSAGE,
    SQL_LIST,
    SQL_LIST_MATCHING,
    SQL_SEARCH,
    SQL_SEARCH_TITLES,
    SQL_RUNNING,
    SQL_THREAD_IDS,
    SQL_STATEMENTS
} index_statement;

typedef struct index_db {
    hearth_ctx          *ctx;
    struct sqlite3      *db; /* NULL: not open */
    struct sqlite3_stmt *statements[SQL_STATEMENTS];
    uint64_t             clock;      /* the greatest of all operations that were seen */
    uint64_t             n_floor;    /* no n below: it may be in a file that a failed append left behind */
    unsigned             generation; /* rises when the file was lost while running: then the logs must be read again */
    bool                 is_broken;  /* a statement failed in a way that only a new file mends */
    unsigned             failures;   /* how often; after INDEX_MAX_FAILURES the disk is not tried again */
} index_db;

/* What applying did. */
typedef struct index_report {
    uint64_t applied, known, unreadable, damaged;
} index_report;

/* Makes the index usable: opens it, or opens a new one when the file is missing, was deleted under us, is damaged or
 * of another version. Without a disk it lives in memory. Errors: io, no_memory. */
hearth_code index_ready(index_db *ix, hearth_err *err);
void        index_close(index_db *ix);

/* Applies lines of a thread's logs and remembers how far they were read, in one transaction. `next` is {file: bytes}
 * or NULL. Errors: io, no_memory, disk_full; nothing was applied then. */
hearth_code index_apply(index_db *ix, hearth_str thread, const hearth_value *lines, const hearth_value *next,
                        index_report *report, hearth_err *err);
/* Applies lines that this device just appended: `offset` is its file's length since. When the file was known up to
 * where they begin it is known up to there now, else the next verification reads what lies between. */
hearth_code index_apply_own(index_db *ix, hearth_str thread, hearth_str device, const hearth_value *lines,
                            uint64_t offset, hearth_err *err);
/* Forgets a thread, to read it again. */
hearth_code index_forget(index_db *ix, hearth_str thread, hearth_err *err);

/* The stamp of this device's next operation on a thread; further ones count up from it with index_next. */
hearth_code index_stamp(index_db *ix, hearth_str thread, hearth_str device, op_stamp *out, hearth_err *err);
void        index_next(index_db *ix, op_stamp *stamp);

/* What verification needs to read of a thread, given what persistence.list says of it ({logs}): an array of
 * {log, from}. `is_gone`: the thread is known but has no log at all. Owner: the caller. */
hearth_code index_plan(index_db *ix, hearth_str thread, const hearth_value *listed, hearth_value **out, bool *is_gone,
                       hearth_err *err);
/* The threads of which `listed` and the index tell different things, from the i-th log on, at most `max` logs at once:
 * ids are added to the array `behind`. Returns the next i, or a negative code. */
int64_t index_compare(index_db *ix, const hearth_value *listed, size_t i, size_t max, hearth_value *behind,
                      hearth_err *err);
/* Threads that the index knows and `listed` does not. */
hearth_code index_missing(index_db *ix, const hearth_value *listed, hearth_value *behind, hearth_err *err);

/* -- for index_query.c ------------------------------------------------------------------------------------------------ */

struct sqlite3_stmt *index_use(index_db *ix, index_statement which);
void                 index_bind(struct sqlite3_stmt *s, int i, hearth_str text);
hearth_str           index_column(struct sqlite3_stmt *s, int i);
/* 1: a row; 0: done; negative: failed (and is_broken may be set). */
int index_step(index_db *ix, struct sqlite3_stmt *s, hearth_err *err);
/* The row of a thread, 0 when there is none. */
int64_t index_row(index_db *ix, hearth_str thread, hearth_err *err);

#endif
