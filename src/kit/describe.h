/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* describe.h: a value in a sentence. */
#ifndef KIT_DESCRIBE_H
#define KIT_DESCRIBE_H

#include <hearth/value.h>

enum { DESCRIBE_BYTES = 96 };

/* What an error says was there instead: `"hot"`, `3.5`, `null`, `an array of 3`, `nothing`; long text is cut.
 * Returns `out`. Thread: any. */
const char *describe_value(char out[DESCRIBE_BYTES], const hearth_value *v);

#endif
