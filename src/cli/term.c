/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/term.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hearth/kit.h>

enum { BAR = 24 };

static bool has_bar;

bool term_is_tty(FILE *f) { return isatty(fileno(f)) == 1; }

bool term_has_colors(FILE *f)
{
    const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");
    return term_is_tty(f) && !(no && *no) && !(kind && strcmp(kind, "dumb") == 0);
}

static bool is_control(const char *p, size_t left)
{
    unsigned char c = (unsigned char)p[0];
    /* C0 but newline and tab, DEL, and C1 (U+0080 to U+009F), which some terminals obey as well. */
    return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || (c == 0xc2 && left > 1 && (unsigned char)p[1] < 0xa0);
}

static void put_safe(FILE *f, hearth_str text)
{
    for (size_t i = 0, from = 0; i <= text.n; i++) {
        bool is_end = i == text.n;
        if (!is_end && !is_control(text.p + i, text.n - i))
            continue;
        if (i > from)
            fwrite(text.p + from, 1, i - from, f);
        if (!is_end && (unsigned char)text.p[i] == 0xc2)
            i++;
        from = i + 1;
    }
}

void term_put(FILE *f, term_style style, hearth_str text)
{
    static const char *const codes[] = { "", "\033[2m", "\033[1m", "\033[31m", "\033[32m", "\033[33m" };
    bool                     is_styled = style != TERM_PLAIN && term_has_colors(f);
    if (is_styled)
        fputs(codes[style], f);
    if (term_is_tty(f))
        put_safe(f, text);
    else
        fwrite(text.p, 1, text.n, f);
    if (is_styled)
        fputs("\033[0m", f);
}

void term_puts(FILE *f, term_style style, const char *text) { term_put(f, style, hearth_cstr(text)); }

/* How many bytes the first `most` characters have, and how many characters there were. */
static size_t measure(hearth_str text, size_t most, size_t *characters)
{
    size_t n = 0, at = 0;
    while (at < text.n && n < most && text.p[at] != '\n') {
        at++;
        while (at < text.n && ((unsigned char)text.p[at] & 0xc0) == 0x80)
            at++;
        n++;
    }
    *characters = n;
    return at;
}

size_t term_width(hearth_str text)
{
    size_t n;
    measure(text, SIZE_MAX, &n);
    return n;
}

void term_cell(FILE *f, term_style style, hearth_str text, size_t width)
{
    size_t n;
    term_put(f, style, (hearth_str){ text.p, measure(text, width, &n) });
    for (; n < width + 2; n++)
        fputc(' ', f);
}

void term_progress(hearth_str what, uint64_t done, uint64_t total)
{
    if (!term_is_tty(stderr))
        return;
    fputs("\r\033[K", stderr);
    if (total) {
        unsigned full = (unsigned)((double)(done < total ? done : total) / (double)total * BAR);
        fputc('[', stderr);
        for (unsigned i = 0; i < BAR; i++)
            fputc(i < full ? '#' : '.', stderr);
        fprintf(stderr, "] %3u %%  ", (unsigned)((double)(done < total ? done : total) / (double)total * 100));
    }
    term_put(stderr, TERM_DIM, what.n < 60 ? what : (hearth_str){ what.p, 60 });
    fflush(stderr);
    has_bar = true;
}

void term_progress_clear(void)
{
    if (has_bar)
        fputs("\r\033[K", stderr);
    has_bar = false;
}

void term_bytes(char out[16], uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    double                   x = (double)bytes;
    size_t                   u = 0;
    while (x >= 1024 && u + 1 < HEARTH_COUNT(units)) {
        x /= 1024;
        u++;
    }
    snprintf(out, 16, u ? "%.1f %s" : "%.0f %s", x, units[u]);
}
