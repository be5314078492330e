/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* append_log: lines that are on the disk when the caller hears so.
 *
 * Appends that arrive while a write is under way are written together and share one fdatasync (group commit), on a
 * worker. A file that does not end in a newline gets one first (a torn line of an earlier crash stays, and readers
 * skip it). Nothing is ever truncated or rewritten. After a failed write or sync the file is closed for good and the
 * next append goes to NAME.<k>.EXT. Descriptors are cached (64, LRU). */
#ifndef HEARTH_IO_APPEND_LOG_H
#define HEARTH_IO_APPEND_LOG_H

#include "io/file.h"
#include "io/loop.h"

typedef struct append_log append_log;
/* `file` is the name that was really appended to; offset is its length after the append. Thread: loop. */
typedef void (*append_log_fn)(void *arg, hearth_code code, hearth_str file, uint64_t offset, const hearth_err *err);

/* One writer for all logs beneath a root. Owner: the caller. Thread: loop. */
append_log *append_log_new(loop *l, file_root *root);
/* Finishes what was added (callbacks run), then calls idle. */
void append_log_free(append_log *a, loop_fn idle, void *arg);
/* `lines` are copied; each line must end in \n and contain no other; at most 64 MiB. `done` always comes, later
 * (at once only when memory has run out). Errors: invalid_argument, too_large, busy (too much waits for the disk), and what
 * the disk says: then a reader may still find a part of the lines, and adding them again may make them appear twice. */
void append_log_add(append_log *a, hearth_str relative, hearth_str lines, append_log_fn done, void *arg);

/* Fault injection for tests: the n-th system call of the store (write, fdatasync, open) from now fails with errno e. */
void append_log_fail_at(append_log *a, unsigned nth, int e);

#endif
