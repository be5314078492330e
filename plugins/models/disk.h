/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* disk: opens model files by absolute path, wherever the user keeps them. The one file of models that opens files:
 * they may lie outside of every folder that host.h has a door to, and a header is read in pieces.
 * Only regular files, never through a link at the end of the name, never for writing. Thread: worker. */
#ifndef MODELS_DISK_H
#define MODELS_DISK_H

#include "gguf.h"

typedef struct disk_file {
    int      fd; /* -1: closed */
    uint64_t bytes;
    uint64_t stamp; /* changes when the file is another or was written to */
} disk_file;

/* Errors: not_found, denied, io, invalid_argument (a link, a folder, a device); `err` names the file. */
hearth_code disk_open(disk_file *f, const char *path, hearth_err *err);
void        disk_close(disk_file *f);
gguf_source disk_source(disk_file *f); /* borrows f */

/* A whole small file. Errors: as disk_open, too_large over out's cap. */
hearth_code disk_read(const char *path, hearth_buf *out, hearth_err *err);
/* The path with every link resolved. Errors: as disk_open. */
hearth_code disk_real(const char *path, hearth_buf *out, hearth_err *err);

#endif
