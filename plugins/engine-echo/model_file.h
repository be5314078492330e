/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* model_file: reads the one file that engine-echo opens. Its child may read nothing else. */
#ifndef ENGINE_ECHO_MODEL_FILE_H
#define ENGINE_ECHO_MODEL_FILE_H

#include <hearth/host.h>

enum { MODEL_FILE_MAX = 64 << 10 };

typedef struct model_file {
    char        path[4096];
    hearth_buf  text; /* the content of an *.echo file; another file only has to be there */
    hearth_code code;
    hearth_err  err;
} model_file;

/* Owner: the caller, model_file_free. NULL: the path is too long or there is no memory. Thread: loop. */
model_file *model_file_new(hearth_ctx *ctx, hearth_str path);
void        model_file_free(hearth_ctx *ctx, model_file *f);
/* Fills text, or code and err: not_found, io, too_large. `arg` is the model_file. Thread: worker. */
void model_file_read(void *arg);

#endif
