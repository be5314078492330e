/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any bytes as JSON: either an error with words, or a value that reads back from its own text as the same text. And
 * any bytes as a text: its JSON is valid. */
#include <stdlib.h>

#include <hearth/kit.h>

#include "kit/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Looks at everything there is, so that a sanitizer sees what lies. */
static size_t visit(const hearth_value *v)
{
    size_t seen = hearth_as_str(v).n;

    for (size_t i = 0; i < hearth_count(v) && hearth_kind_of(v) >= HEARTH_ARRAY; i++) {
        hearth_str key = hearth_key_at(v, i);
        if (hearth_kind_of(v) == HEARTH_OBJECT)
            check(hearth_get_by(v, key) == hearth_at(v, i));
        seen += key.n + visit(hearth_at(v, i));
    }
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hearth_str    text = { (const char *)data, size };
    hearth_err    err = { 0 };
    hearth_buf    quoted;
    hearth_value *v = NULL;

    value_install();
    v = hearth_parse(NULL, text, &err);
    check((v != NULL) == (err.code == HEARTH_OK));
    if (v) {
        size_t        n = 0, m = 0;
        char         *once = hearth_write(v, &n), *twice = NULL;
        hearth_value *back = NULL;

        check(once && visit(v) <= size + 3 * size);
        back = hearth_parse(NULL, (hearth_str){ once, n }, &err);
        check(back != NULL);
        twice = hearth_write(back, &m);
        check(twice && m == n && memcmp(once, twice, n) == 0);
        hearth_write_free(once);
        hearth_write_free(twice);
        hearth_value_unref(back);
        hearth_value_unref(v);
    }

    hearth_buf_init(&quoted, 6 * size + 2);
    check(hearth_json_put_string(&quoted, text) == HEARTH_OK);
    v = hearth_parse(NULL, hearth_buf_str(&quoted), NULL);
    check(v && hearth_utf8_valid(hearth_as_str(v)));
    check(!hearth_utf8_valid(text) || hearth_str_equal(hearth_as_str(v), text));
    hearth_value_unref(v);
    hearth_buf_deinit(&quoted);
    return 0;
}
