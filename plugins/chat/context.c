/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "context.h"

#include <stdlib.h>

#define WHERE "chat.context"

/* Finds the branch. Messages come in the order of their clocks and an answer's clock is after its question's, so one
 * pass from the end meets each message before its parent; a log in which that is not so takes further passes.
 * Returns how many were put into `branch`, newest first. */
static size_t walk(const hearth_value *messages, hearth_str leaf, const hearth_value **branch)
{
    size_t     n = hearth_count(messages), found = 0, before;
    hearth_str wanted = leaf;
    do {
        before = found;
        for (size_t i = n; i > 0 && wanted.p && found < n; i--) {
            const hearth_value *m = hearth_at(messages, i - 1);
            if (!hearth_str_equal(hearth_get_str(m, "id"), wanted))
                continue;
            branch[found++] = m;
            wanted = hearth_get_str(m, "parent");
        }
    } while (wanted.p && found > before && found < n);
    return found;
}

/* The text parts with an empty line between; a single one is shared, not copied. */
static bool put_content(hearth_value *to, const hearth_value *parts)
{
    const hearth_value *only = NULL;
    size_t              texts = 0;
    hearth_buf          text;
    for (size_t i = 0; i < hearth_count(parts); i++) {
        const hearth_value *part = hearth_at(parts, i);
        if (!hearth_str_is(hearth_get_str(part, "type"), "text") || hearth_get_str(part, "text").n == 0)
            continue;
        only = hearth_get(part, "text");
        texts++;
    }
    if (texts < 2) {
        if (only)
            hearth_put_ref(to, "content", only);
        return only != NULL;
    }
    hearth_buf_init(&text, SIZE_MAX / 2);
    for (size_t i = 0; i < hearth_count(parts); i++) {
        const hearth_value *part = hearth_at(parts, i);
        if (!hearth_str_is(hearth_get_str(part, "type"), "text"))
            continue;
        if (text.n > 0)
            hearth_buf_puts(&text, "\n\n");
        hearth_buf_put(&text, hearth_get_str(part, "text"));
    }
    hearth_put_str(to, "content", hearth_buf_str(&text));
    bool is_good = !text.failed;
    hearth_buf_deinit(&text);
    return is_good;
}

hearth_code context_build(hearth_ctx *ctx, const hearth_value *messages, hearth_str leaf, hearth_str system,
                          hearth_value **out, hearth_err *err)
{
    const hearth_value **branch = calloc(hearth_count(messages) + 1, sizeof *branch);
    if (!branch)
        return hearth_err_set(err, HEARTH_NO_MEMORY, WHERE, "there is no memory left to read the thread");
    size_t n = walk(messages, leaf, branch);
    if (n == 0) {
        free(branch);
        return hearth_err_set(err, HEARTH_NOT_FOUND, WHERE, "the question is not in its thread any more; ask it again");
    }
    hearth_value *all = hearth_array(ctx);
    if (system.n > 0) {
        hearth_value *m = hearth_object(ctx);
        hearth_put_cstr(m, "role", "system");
        hearth_put_str(m, "content", system);
        hearth_add(all, m);
    }
    size_t told = 0;
    for (size_t i = n; i > 0; i--) {
        hearth_value *m = hearth_object(ctx);
        hearth_put_str(m, "role", hearth_get_str(branch[i - 1], "role"));
        if (put_content(m, hearth_get(branch[i - 1], "parts"))) {
            hearth_add(all, m);
            told++;
        } else {
            hearth_value_unref(m);
        }
    }
    free(branch);
    if (told == 0) {
        hearth_value_unref(all);
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, WHERE, "there is no text to answer; write something");
    }
    *out = all;
    return HEARTH_OK;
}
