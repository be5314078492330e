/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* show: pieces of results, printed; and standard input, read. */
#ifndef HEARTH_CLI_SHOW_H
#define HEARTH_CLI_SHOW_H

#include <hearth/kit.h>

#include "cli/term.h"

/* One line of JSON on stdout, at once. False when stdout is closed. */
bool show_line(const hearth_value *v);
/* A member as a cell of a table. */
void show_text(const hearth_value *object, const char *key, term_style style, size_t width);
/* How wide a column has to be that cuts none of these. */
size_t show_width(const hearth_value *list, const char *key);
/* The text of a message. */
void show_parts(const hearth_value *message);
/* Standard input to its end. Errors: too_large, io. */
hearth_code show_read_all(hearth_buf *out, hearth_err *err);

#endif
