/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* args: the options of one command. --name value, --name=value and --name for flags, anywhere; -- ends them; a lone - is an
 * operand. Pure. */
#ifndef HEARTH_CLI_ARGS_H
#define HEARTH_CLI_ARGS_H

#include <hearth/kit.h>

typedef enum args_kind {
    ARGS_END = 0,
    ARGS_FLAG,   /* bool */
    ARGS_TEXT,   /* const char * */
    ARGS_LIST,   /* args_list: may come again */
    ARGS_NUMBER, /* double */
    ARGS_INT     /* int64_t */
} args_kind;

#define ARGS_LIST_MAX 16u

typedef struct args_list {
    const char *all[ARGS_LIST_MAX + 1]; /* ends with NULL */
    size_t      n;
} args_list;

typedef struct args_option {
    const char *name; /* without dashes */
    args_kind   kind;
    void       *to;
    bool       *is_given; /* may be NULL */
} args_option;

/* Sorts argv[1..] into options and operands: `argv` is reordered so that the operands are argv[1..*operands]. `options` ends
 * with ARGS_END. Errors: invalid_argument with what to write. */
hearth_code args_parse(const args_option *options, int argc, char **argv, int *operands, hearth_err *err);

/* "HOST:PORT", "[::1]:0", ":1337" and "1337"; host is copied. Errors: invalid_argument. */
hearth_code args_listen(const char *text, char *host, size_t size, uint16_t *port, hearth_err *err);

/* Edits that lead from one word to the other, at most `limit` + 1. */
unsigned args_distance(const char *a, const char *b, unsigned limit);

#endif
