/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* describe.c: a value in a sentence (describe.h). */
#include "kit/describe.h"

#include <hearth/kit.h>

#include <stdio.h>

enum { TEXT_BYTES = 40 };

static void describe_text(char out[DESCRIBE_BYTES], hearth_str text)
{
    hearth_buf b;
    hearth_str head = { text.p, text.n < TEXT_BYTES ? text.n : TEXT_BYTES };

    head.n = hearth_utf8_whole(head);
    hearth_buf_init(&b, DESCRIBE_BYTES * 4); /* each byte may take six, \u0001; what is too long is cut below */
    hearth_buf_putc(&b, '"');
    hearth_json_put_escaped(&b, head);
    hearth_buf_puts(&b, head.n < text.n ? "…\"" : "\"");
    if (b.failed)
        snprintf(out, DESCRIBE_BYTES, "a text of %zu bytes", text.n);
    else
        hearth_str_copy(out, DESCRIBE_BYTES, hearth_buf_str(&b));
    hearth_buf_deinit(&b);
}

const char *describe_value(char out[DESCRIBE_BYTES], const hearth_value *v)
{
    size_t n = hearth_count(v);

    switch (hearth_kind_of(v)) {
    case HEARTH_NULL:
        snprintf(out, DESCRIBE_BYTES, "null");
        break;
    case HEARTH_BOOL:
        snprintf(out, DESCRIBE_BYTES, "%s", hearth_as_bool(v, false) ? "true" : "false");
        break;
    case HEARTH_INT:
        snprintf(out, DESCRIBE_BYTES, "%lld", (long long)hearth_as_i64(v, 0));
        break;
    case HEARTH_UINT:
        snprintf(out, DESCRIBE_BYTES, "%llu", (unsigned long long)hearth_as_u64(v, 0));
        break;
    case HEARTH_DOUBLE:
        snprintf(out, DESCRIBE_BYTES, "%g", hearth_as_f64(v, 0));
        break;
    case HEARTH_STRING:
        describe_text(out, hearth_as_str(v));
        break;
    case HEARTH_ARRAY:
        if (n)
            snprintf(out, DESCRIBE_BYTES, "an array of %zu", n);
        else
            snprintf(out, DESCRIBE_BYTES, "an empty array");
        break;
    case HEARTH_OBJECT:
        snprintf(out, DESCRIBE_BYTES, "%s", n ? "an object" : "an empty object");
        break;
    default:
        snprintf(out, DESCRIBE_BYTES, "nothing");
    }
    return out;
}
