/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* buf.c: bytes that grow up to a cap. Where there is memory, there is room for the NUL that ends them, and it stands
 * there: after a reserve too. */
#include <hearth/kit.h>

#include "kit/alloc.h"

#include <stdio.h>

enum { FIRST_BYTES = 64 };

void hearth_buf_init(hearth_buf *b, size_t cap) { *b = (hearth_buf){ .cap = cap }; }

void hearth_buf_deinit(hearth_buf *b)
{
    kit_free(b->p);
    *b = (hearth_buf){ .cap = b->cap };
}

void hearth_buf_reset(hearth_buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->p)
        b->p[0] = '\0';
}

hearth_code hearth_buf_reserve(hearth_buf *b, size_t more)
{
    size_t need = 0, size = 0;
    char  *p = NULL;

    if (!b->failed && more < b->size - b->n) /* size is never over the cap and its NUL */
        return HEARTH_OK;
    if (b->failed)
        return b->n > b->cap || more > b->cap - b->n ? HEARTH_TOO_LARGE : HEARTH_NO_MEMORY;
    if (b->n > b->cap || more > b->cap - b->n || b->n + more == SIZE_MAX) {
        b->failed = true;
        return HEARTH_TOO_LARGE;
    }
    need = b->n + more + 1;
    if (need <= b->size)
        return HEARTH_OK;
    size = b->size > FIRST_BYTES ? b->size : FIRST_BYTES;
    while (size < need)
        size = size > SIZE_MAX / 2 ? need : size * 2;
    if (size > b->cap && b->cap < SIZE_MAX)
        size = b->cap + 1; /* need is at most this */
    p = kit_realloc(b->p, size);
    if (!p) {
        b->failed = true;
        return HEARTH_NO_MEMORY;
    }
    b->p = p;
    b->size = size;
    b->p[b->n] = '\0';
    return HEARTH_OK;
}

hearth_code hearth_buf_append(hearth_buf *b, const void *bytes, size_t n)
{
    HEARTH_TRY(hearth_buf_reserve(b, n));
    if (n)
        memcpy(b->p + b->n, bytes, n);
    b->n += n;
    b->p[b->n] = '\0';
    return HEARTH_OK;
}

hearth_code hearth_buf_put(hearth_buf *b, hearth_str s) { return hearth_buf_append(b, s.p, s.n); }

hearth_code hearth_buf_puts(hearth_buf *b, const char *text) { return hearth_buf_append(b, text, strlen(text)); }

hearth_code hearth_buf_putc(hearth_buf *b, char c)
{
    HEARTH_TRY(hearth_buf_reserve(b, 1));
    b->p[b->n++] = c;
    b->p[b->n] = '\0';
    return HEARTH_OK;
}

hearth_code hearth_buf_vprintf(hearth_buf *b, const char *fmt, va_list args)
{
    va_list     again;
    hearth_code code = HEARTH_OK;
    size_t      room = b->size > b->n && !b->failed ? b->size - b->n : 0;
    int         n = 0;

    va_copy(again, args);
    n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, args);
    if (n < 0) {
        b->failed = true;
        code = HEARTH_INVALID_ARGUMENT;
    } else {
        code = hearth_buf_reserve(b, (size_t)n);
        if (code < 0) {
            if (room)
                b->p[b->n] = '\0'; /* what was written past the end is not there */
        } else {
            if ((size_t)n >= room)
                vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
            b->n += (size_t)n;
        }
    }
    va_end(again);
    return code;
}

hearth_code hearth_buf_printf(hearth_buf *b, const char *fmt, ...)
{
    va_list     args;
    hearth_code code;

    va_start(args, fmt);
    code = hearth_buf_vprintf(b, fmt, args);
    va_end(args);
    return code;
}

void hearth_buf_consume(hearth_buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
    } else if (n) {
        memmove(b->p, b->p + n, b->n - n);
        b->n -= n;
    }
    if (b->p)
        b->p[b->n] = '\0';
}

char *hearth_buf_take(hearth_buf *b, size_t *n)
{
    char *p = b->p;

    if (n)
        *n = b->n;
    *b = (hearth_buf){ .cap = b->cap };
    return p;
}
