/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* term: what goes to a person at a terminal. Model output, titles and file names come from elsewhere: at a terminal their
 * control characters are left out, so that they cannot move the cursor, change the title or answer for the keyboard. */
#ifndef HEARTH_CLI_TERM_H
#define HEARTH_CLI_TERM_H

#include <stdio.h>

#include <hearth/types.h>

typedef enum term_style { TERM_PLAIN = 0, TERM_DIM, TERM_BOLD, TERM_RED, TERM_GREEN, TERM_YELLOW } term_style;

bool term_is_tty(FILE *f);
/* Off when `f` is no terminal, or NO_COLOR or TERM=dumb is set. */
bool term_has_colors(FILE *f);
void term_put(FILE *f, term_style style, hearth_str text);
void term_puts(FILE *f, term_style style, const char *text);
/* Its characters, up to the end of the first line. */
size_t term_width(hearth_str text);
/* The same as term_put, cut to `width` characters and padded. */
void term_cell(FILE *f, term_style style, hearth_str text, size_t width);
/* One line on stderr that is drawn over itself; nothing when that is no terminal. total 0: not known. */
void term_progress(hearth_str what, uint64_t done, uint64_t total);
void term_progress_clear(void);
/* "7.5 MiB" */
void term_bytes(char out[16], uint64_t bytes);

#endif
