/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* file: files beneath a root, written so that a crash leaves the old or the new content, never half.
 *
 * Every name is relative to a root directory descriptor and resolved with openat2(RESOLVE_BENEATH |
 * RESOLVE_NO_SYMLINKS), or step by step with O_NOFOLLOW where the kernel lacks it. Blocking: for workers, except
 * where the loop says it may. No errno leaves this file: hearth_code only. */
#ifndef HEARTH_IO_FILE_H
#define HEARTH_IO_FILE_H

#include <hearth/host.h>
#include <hearth/kit.h>

typedef struct file_root file_root;

/* Opens (and makes, mode 0700, with its parents when `make`) a directory as a root. Owner: the caller. Thread: any. */
file_root  *file_root_open(const char *absolute, bool make, hearth_err *err);
void        file_root_close(file_root *r);
const char *file_root_path(const file_root *r); /* absolute, as opened, without a trailing slash */

hearth_code file_read(file_root *r, hearth_str relative, hearth_buf *out, hearth_err *err);
hearth_code file_read_at(file_root *r, hearth_str relative, uint64_t from, hearth_buf *out, uint64_t *size, hearth_err *err); /* at most out->cap bytes */
/* Temporary file in the same folder, write, fsync, rename, fsync of the folder. Makes parent folders. */
hearth_code file_write(file_root *r, hearth_str relative, hearth_str bytes, uint32_t mode, hearth_err *err);
hearth_code file_remove(file_root *r, hearth_str relative, hearth_err *err);
hearth_code file_make_dirs(file_root *r, hearth_str relative, hearth_err *err);
hearth_code file_list(file_root *r, hearth_str relative, hearth_code (*each)(void *arg, const hearth_dir_entry *e), void *arg, hearth_err *err);
hearth_code file_size(file_root *r, hearth_str relative, uint64_t *bytes, uint64_t *modified_ms, uint64_t *inode, hearth_err *err);
/* Opens for a library or an append log; the descriptor is the caller's. flags as open(2). */
int file_open(file_root *r, hearth_str relative, int flags, uint32_t mode, hearth_err *err);
/* A name that stays inside: no empty part, ".", "..", NUL, leading slash; each part ≤ 255 bytes, ≤ 4096 in all. */
bool file_name_is_good(hearth_str relative);

/* An exclusive lock on a file that holds the pid of its owner. Errors: conflict with the owner's pid in `err` and *pid.
 * The lock ends with file_unlock or the process. */
typedef struct file_lock file_lock;
file_lock  *file_lock_take(file_root *r, hearth_str relative, int64_t *owner_pid, hearth_err *err);
void        file_unlock(file_lock *l);

/* The code that an errno stands for (ENOSPC → disk_full, EROFS/EACCES → read_only/denied …). */
hearth_code file_code_of_errno(int e);
/* What that was and what to do about it, for a message; in `spare` where nobody knows better than the system. */
const char *file_advice(int e, char *spare, size_t size);

#endif
