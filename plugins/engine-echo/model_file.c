/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "model_file.h"

#include <errno.h>
#include <stdio.h>

model_file *model_file_new(hearth_ctx *ctx, hearth_str path)
{
    model_file *f = path.n < sizeof f->path ? hearth_new(ctx, model_file) : NULL;
    if (!f)
        return NULL;
    hearth_str_copy(f->path, sizeof f->path, path);
    hearth_buf_init(&f->text, MODEL_FILE_MAX);
    return f;
}

void model_file_free(hearth_ctx *ctx, model_file *f)
{
    if (!f)
        return;
    hearth_buf_deinit(&f->text);
    hearth_free(ctx, f);
}

static bool is_script(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".echo") == 0;
}

void model_file_read(void *arg)
{
    model_file *f = arg;
    char        block[4096];
    size_t      n;
    FILE       *in = fopen(f->path, "rb");
    if (!in) {
        f->code = hearth_err_set(&f->err, errno == ENOENT ? HEARTH_NOT_FOUND : HEARTH_IO, "engine-echo.open",
                                 "cannot open %s: %s", f->path, strerror(errno));
        return;
    }
    while (is_script(f->path) && !f->text.failed && (n = fread(block, 1, sizeof block, in)) > 0)
        hearth_buf_append(&f->text, block, n);
    if (ferror(in))
        f->code =
            hearth_err_set(&f->err, HEARTH_IO, "engine-echo.open", "cannot read %s: %s", f->path, strerror(errno));
    else if (f->text.failed)
        f->code = hearth_err_set(&f->err, HEARTH_TOO_LARGE, "engine-echo.open",
                                 "%s is over %d bytes, which no echo script is", f->path, MODEL_FILE_MAX);
    fclose(in);
}
