/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* utf8.h: one step through UTF-8, for the files of the kit and for whoever counts characters. */
#ifndef KIT_UTF8_H
#define KIT_UTF8_H

#include <hearth/types.h>

typedef enum utf8_state {
    UTF8_INVALID = 0,
    UTF8_GOOD, /* a whole character */
    UTF8_CUT,  /* the start of a character whose rest is missing */
    UTF8_ILL   /* cannot become a character, whatever follows */
} utf8_state;

/* Looks at the character that begins at p (n > 0). `length` receives its bytes, or how many bytes of it one
 * U+FFFD stands for (Unicode 3.9, maximal subpart); `rune` (may be NULL) the code point of a good one. */
utf8_state utf8_step(const char *p, size_t n, size_t *length, uint32_t *rune);

/* Characters in well-formed text; an ill-formed part counts as one. */
size_t utf8_count(hearth_str s);

#endif
