/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Results for people and programs. */
#include <errno.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/show.h"
#include "cli/term.h"
#include "kit/limits.h"

static void indent(hearth_buf *out, unsigned depth)
{
    hearth_buf_putc(out, '\n');
    for (unsigned i = 0; i < depth; i++)
        hearth_buf_puts(out, "  ");
}

static void put_pretty(hearth_buf *out, const hearth_value *v, unsigned depth)
{
    hearth_kind kind = hearth_kind_of(v);
    size_t      n = kind == HEARTH_OBJECT || kind == HEARTH_ARRAY ? hearth_count(v) : 0;
    if (n == 0) {
        hearth_json_put_value(out, v);
        return;
    }
    hearth_buf_putc(out, kind == HEARTH_OBJECT ? '{' : '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            hearth_buf_putc(out, ',');
        indent(out, depth + 1);
        if (kind == HEARTH_OBJECT) {
            hearth_json_put_string(out, hearth_key_at(v, i));
            hearth_buf_puts(out, ": ");
        }
        put_pretty(out, hearth_at(v, i), depth + 1);
    }
    indent(out, depth);
    hearth_buf_putc(out, kind == HEARTH_OBJECT ? '}' : ']');
}

bool show_line(const hearth_value *v)
{
    hearth_buf out;
    hearth_buf_init(&out, LIMIT_JSON_WRITE_BYTES);
    hearth_json_put_value(&out, v);
    hearth_buf_putc(&out, '\n');
    if (!out.failed)
        fwrite(out.p, 1, out.n, stdout);
    bool is_good = !out.failed && fflush(stdout) == 0;
    hearth_buf_deinit(&out);
    return is_good;
}

int cli_print(hearth_value *v)
{
    if (!v)
        return CLI_FAILED;
    bool is_good;
    if (!term_is_tty(stdout)) {
        is_good = show_line(v);
    } else {
        hearth_buf out;
        hearth_buf_init(&out, LIMIT_JSON_WRITE_BYTES);
        put_pretty(&out, v, 0);
        term_put(stdout, TERM_PLAIN, hearth_buf_str(&out));
        fputc('\n', stdout);
        is_good = !out.failed && fflush(stdout) == 0;
        hearth_buf_deinit(&out);
    }
    hearth_value_unref(v);
    return is_good ? CLI_OK : CLI_FAILED;
}

void show_text(const hearth_value *object, const char *key, term_style style, size_t width)
{
    term_cell(stdout, style, hearth_get_str(object, key), width);
}

size_t show_width(const hearth_value *list, const char *key)
{
    size_t width = 0;
    for (size_t i = 0; i < hearth_count(list); i++) {
        size_t n = term_width(hearth_get_str(hearth_at(list, i), key));
        width = n > width ? n : width;
    }
    return width;
}

void show_parts(const hearth_value *message)
{
    const hearth_value *parts = hearth_get(message, "parts");
    for (size_t i = 0; i < hearth_count(parts); i++) {
        const hearth_value *part = hearth_at(parts, i);
        bool                is_reasoning = hearth_str_is(hearth_get_str(part, "type"), "reasoning");
        term_put(stdout, is_reasoning ? TERM_DIM : TERM_PLAIN, hearth_get_str(part, "text"));
        fputc('\n', stdout);
    }
}

hearth_code show_read_all(hearth_buf *out, hearth_err *err)
{
    char   piece[64 << 10];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, stdin)) > 0)
        if (hearth_buf_append(out, piece, n) < 0)
            return hearth_err_set(err, HEARTH_TOO_LARGE, "hearth", "standard input is over %zu MiB", out->cap >> 20);
    if (ferror(stdin))
        return hearth_err_set(err, HEARTH_IO, "hearth", "standard input cannot be read");
    return HEARTH_OK;
}
