/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Lines of a thread's log, as another device or a broken disk may leave them: each is read, merged into one entity,
 * kept as the index keeps it and read back. What comes back must be what was kept, and the operations in reverse order
 * must give the same. */
#include <stdint.h>
#include <stdlib.h>

#include "kit/value.h"
#include "threads/merge.h"
#include "threads/message.h"

enum { MAX_LINES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_lines(const uint8_t *data, size_t size, op ops[MAX_LINES])
{
    const char *p = (const char *)data, *end = p + size;
    size_t      n = 0;
    while (p < end && n < MAX_LINES) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        hearth_str  line = { p, (size_t)((stop ? stop : end) - p) };
        hearth_err  err = { 0 };
        if (op_read(NULL, line, &ops[n], &err) >= 0)
            n++;
        else if (err.code >= 0 || !err.msg[0])
            abort(); /* a refusal has a reason */
        p = stop ? stop + 1 : end;
    }
    return n;
}

static void put_back_and_forth(const merge_entity *e, hearth_buf *out)
{
    hearth_buf   again;
    merge_entity back;
    hearth_buf_init(out, 16u << 20);
    hearth_buf_init(&again, 16u << 20);
    if (merge_put(e, out) < 0 || merge_read(&back, NULL, hearth_buf_str(out), NULL) < 0)
        abort();
    merge_put(&back, &again);
    if (!hearth_str_equal(hearth_buf_str(out), hearth_buf_str(&again)))
        abort();
    hearth_value_unref(message_value(NULL, HEARTH_STR("t"), HEARTH_STR("m"), &back));
    hearth_buf_reset(&again);
    message_put_text(&again, merge_get(&back, "parts"));
    hearth_str text = hearth_buf_str(&again);
    hearth_buf title;
    hearth_buf_init(&title, 4096);
    message_put_title(&title, text);
    if (title.n > MESSAGE_TITLE_BYTES + 3 || !hearth_utf8_valid(hearth_buf_str(&title)))
        abort();
    hearth_buf_deinit(&title);
    hearth_buf_deinit(&again);
    merge_deinit(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static op    ops[MAX_LINES];
    merge_entity forward = { 0 }, backward = { 0 };
    hearth_buf   a, b;
    value_install();
    size_t n = read_lines(data, size, ops);
    for (size_t i = 0; i < n; i++) {
        merge_op(&forward, &ops[i]);
        merge_op(&backward, &ops[n - 1 - i]);
    }
    put_back_and_forth(&forward, &a);
    put_back_and_forth(&backward, &b);
    if (!hearth_str_equal(hearth_buf_str(&a), hearth_buf_str(&b)))
        abort();
    hearth_buf_deinit(&a);
    hearth_buf_deinit(&b);
    merge_deinit(&forward);
    merge_deinit(&backward);
    for (size_t i = 0; i < n; i++)
        op_deinit(&ops[i]);
    return 0;
}
