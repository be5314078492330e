/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* folder: the data folder: its root, its lock, this machine's id in it, and paths beneath it. */
#ifndef HEARTH_KERNEL_FOLDER_H
#define HEARTH_KERNEL_FOLDER_H

#include "io/file.h"

typedef struct folder folder;

/* Opens or makes the folder with its two halves, takes the lock, reads or mints the device id. Blocking, once at start.
 * Errors: conflict ("the data folder DIR is in use by hearth (pid N)"), incompatible (a newer format), read_only, denied, io. */
folder *folder_open(const char *absolute, hearth_err *err);
void    folder_close(folder *f);

file_root  *folder_root(const folder *f);       /* the shared half */
file_root  *folder_local(const folder *f);      /* local/ */
const char *folder_path(const folder *f);
const char *folder_device(const folder *f);     /* "01J…": a ULID */
const char *folder_id(const folder *f);

#endif
