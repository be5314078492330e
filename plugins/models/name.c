/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "name.h"

static bool ends_with(hearth_str s, const char *end)
{
    size_t n = strlen(end);
    if (s.n <= n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s.p[s.n - n + i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != end[i])
            return false;
    }
    return true;
}

static bool five_digits(const char *p, uint32_t *x)
{
    *x = 0;
    for (int i = 0; i < 5; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        *x = *x * 10 + (uint32_t)(p[i] - '0');
    }
    return true;
}

/* Cuts "-00001-of-00003" off the end of `head`. */
static void cut_part(name_parts *n)
{
    enum { TAIL = 15 };
    uint32_t part, of;
    if (n->head.n <= TAIL)
        return;
    const char *p = n->head.p + n->head.n - TAIL;
    if (*p != '-' || !five_digits(p + 1, &part) || memcmp(p + 6, "-of-", 4) != 0 || !five_digits(p + 10, &of))
        return;
    if (of < 1 || of > NAME_MAX_PARTS || part < 1 || part > of)
        return;
    n->part = part;
    n->of = of;
    n->head.n -= TAIL;
}

name_parts name_split(hearth_str path)
{
    name_parts n = { .head = path };
    n.is_gguf = ends_with(path, ".gguf");
    n.is_echo = ends_with(path, ".echo");
    if (n.is_gguf || n.is_echo)
        n.head.n -= strlen(".gguf");
    if (n.is_gguf)
        cut_part(&n);
    n.stem = n.head;
    for (size_t i = n.head.n; i > 0; i--)
        if (n.head.p[i - 1] == '/') {
            n.stem = (hearth_str){ n.head.p + i, n.head.n - i };
            break;
        }
    if (n.stem.n == 0)
        n.is_gguf = n.is_echo = false;
    return n;
}

hearth_code name_of_part(const name_parts *n, uint32_t part, hearth_buf *out)
{
    hearth_buf_reset(out);
    hearth_buf_put(out, n->head);
    return hearth_buf_printf(out, "-%05u-of-%05u.gguf", (unsigned)part, (unsigned)n->of);
}
