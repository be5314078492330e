/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* pattern.h: regular expressions that cannot run away. */
#ifndef HEARTH_KERNEL_PATTERN_H
#define HEARTH_KERNEL_PATTERN_H

#include <hearth/kit.h>

typedef struct pattern pattern;

/* Reads the part of ECMA-262's syntax that is regular: characters, . \d \D \w \W \s \S, classes, groups, |, * + ?
 * {m,n}, ^ and $, and \t \n \r \f \v \xHH \uHHHH. No look-around, no back-references, no lazy quantifiers.
 * Owner: the caller, pattern_free. NULL with `err` filled: invalid_argument (malformed), unsupported, too_large,
 * no_memory. */
pattern *pattern_new(hearth_str text, hearth_err *err);
void     pattern_free(pattern *p);

/* Whether `text` has a match somewhere (anchors say where). `steps` is what may still be spent and goes down by
 * what was; at 0 the answer is false. Thread: any, also one pattern on many. */
bool pattern_test(const pattern *p, hearth_str text, uint64_t *steps);

#endif
