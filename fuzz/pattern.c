/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A pattern, a NUL, a text: the pattern is refused with words or runs within its steps. */
#include <stdlib.h>

#include "kernel/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t         n = nul ? (size_t)(nul - data) : size;
    hearth_str     text = { nul ? (const char *)nul + 1 : "", nul ? size - n - 1 : 0 };
    hearth_err     err = { 0 };
    uint64_t       steps = 100000;
    pattern       *p = pattern_new((hearth_str){ (const char *)data, n }, &err);

    if (!p && (err.code == HEARTH_OK || !err.msg[0]))
        abort();
    if (p)
        pattern_test(p, text, &steps);
    if (steps > 100000)
        abort();
    pattern_free(p);
    return 0;
}
