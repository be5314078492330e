/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The GGUF header reader on any bytes. It must end, never ask beyond the end of the file, give a reason with each
 * refusal, and leave only text in the names. */
#include "models/gguf.h"

#include <stdlib.h>

typedef struct input {
    const uint8_t *bytes;
    size_t         size;
} input;

static hearth_code read_at(void *arg, uint64_t offset, void *to, size_t n, hearth_err *err)
{
    const input *in = arg;
    (void)err;
    if (offset > in->size || n > in->size - offset)
        abort();
    memcpy(to, in->bytes + offset, n);
    return HEARTH_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input       in = { data, size };
    gguf_source source = { .size = size, .read = read_at, .arg = &in };
    gguf_info   info;
    hearth_err  err = { 0 };
    hearth_code code = gguf_read(&source, &info, &err);
    if (code < 0 && (err.code != code || !err.msg[0]))
        abort();
    if (!hearth_utf8_valid(hearth_cstr(info.name)) || !hearth_utf8_valid(hearth_cstr(info.architecture)))
        abort();
    return 0;
}
