/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* {"schema": …, "value": …}: a schema is compiled or refused with words, a check ends and says yes, no or too much. */
#include <stdlib.h>

#include "kernel/schema.h"
#include "kit/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hearth_err    err = { 0 };
    hearth_buf    path;
    hearth_value *v = NULL;
    schema       *s = NULL;

    value_install();
    v = hearth_parse(NULL, (hearth_str){ (const char *)data, size }, NULL);
    s = v ? schema_compile(hearth_get(v, "schema"), &err) : NULL;
    check(!v || s || (err.code < 0 && err.msg[0]));
    if (s) {
        hearth_code code;

        hearth_buf_init(&path, 1000);
        code = schema_check(s, hearth_get(v, "value"), &err, &path);
        check(code == err.code);
        check(code == HEARTH_OK || code == HEARTH_INVALID_ARGUMENT || code == HEARTH_TOO_LARGE);
        check(code == HEARTH_OK || (err.msg[0] && hearth_utf8_valid(hearth_cstr(err.msg))));
        hearth_buf_deinit(&path);
    }
    schema_free(s);
    hearth_value_unref(v);
    return 0;
}
