/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/args.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 40 };

#define BAD(err, ...) hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "usage", __VA_ARGS__)

static hearth_code store_int(const args_option *o, const char *value, hearth_err *err)
{
    char *end = NULL;
    errno = 0;
    long long x = strtoll(value, &end, 10);
    if (errno || end == value || *end)
        return BAD(err, "--%s takes a whole number, not \"%.60s\"", o->name, value);
    *(int64_t *)o->to = x;
    return HEARTH_OK;
}

static hearth_code store_number(const args_option *o, const char *value, hearth_err *err)
{
    char  *end = NULL;
    double x = strtod(value, &end);
    if (end == value || *end || !isfinite(x))
        return BAD(err, "--%s takes a number, not \"%.60s\"", o->name, value);
    *(double *)o->to = x;
    return HEARTH_OK;
}

static hearth_code store(const args_option *o, const char *value, hearth_err *err)
{
    if (o->is_given)
        *o->is_given = true;
    switch (o->kind) {
    case ARGS_FLAG:
        *(bool *)o->to = true;
        return HEARTH_OK;
    case ARGS_TEXT:
        *(const char **)o->to = value;
        return HEARTH_OK;
    case ARGS_INT:
        return store_int(o, value, err);
    case ARGS_NUMBER:
        return store_number(o, value, err);
    case ARGS_LIST: {
        args_list *all = o->to;
        if (all->n == ARGS_LIST_MAX)
            return BAD(err, "--%s can be given at most %u times", o->name, ARGS_LIST_MAX);
        all->all[all->n++] = value;
        all->all[all->n] = NULL;
        return HEARTH_OK;
    }
    case ARGS_END:
        break;
    }
    return HEARTH_OK;
}

static const args_option *find(const args_option *options, const char *name, size_t n)
{
    for (; options->kind != ARGS_END; options++)
        if (strlen(options->name) == n && memcmp(options->name, name, n) == 0)
            return options;
    return NULL;
}

static hearth_code unknown(const args_option *options, const char *given, hearth_err *err)
{
    char        word[WORD_MAX + 1];
    const char *best = NULL;
    unsigned    least = 3;
    hearth_str_copy(word, sizeof word, (hearth_str){ given, strcspn(given, "=") });
    for (; options->kind != ARGS_END; options++) {
        unsigned d = args_distance(word, options->name, least);
        if (d < least) {
            least = d;
            best = options->name;
        }
    }
    if (best)
        return BAD(err, "there is no option --%s; did you mean --%s?", word, best);
    return BAD(err, "there is no option --%s", word);
}

hearth_code args_parse(const args_option *options, int argc, char **argv, int *operands, hearth_err *err)
{
    int  n = 0;
    bool is_over = false;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (is_over || word[0] != '-' || word[1] == 0) {
            argv[++n] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            is_over = true;
            continue;
        }
        if (word[1] != '-')
            return BAD(err, "there is no option %.60s; options are written out, with two dashes", word);
        const char        *name = word + 2, *equals = strchr(name, '=');
        const args_option *o = find(options, name, equals ? (size_t)(equals - name) : strlen(name));
        if (!o)
            return unknown(options, name, err);
        if (o->kind == ARGS_FLAG && equals)
            return BAD(err, "--%s takes no value", o->name);
        if (o->kind != ARGS_FLAG && !equals && i + 1 == argc)
            return BAD(err, "--%s needs a value behind it", o->name);
        const char *value = o->kind == ARGS_FLAG ? "" : equals ? equals + 1 : argv[++i];
        HEARTH_TRY(store(o, value, err));
    }
    *operands = n;
    return HEARTH_OK;
}

hearth_code args_listen(const char *text, char *host, size_t size, uint16_t *port, hearth_err *err)
{
    const char *colon = strrchr(text, ':'), *digits = colon ? colon + 1 : text;
    hearth_str  name = { text, colon ? (size_t)(colon - text) : 0 };
    uint64_t    number = 0;
    if (name.n > 1 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        name = (hearth_str){ name.p + 1, name.n - 2 };
    else if (name.n && memchr(name.p, ':', name.n))
        return BAD(err, "--listen %.80s: write an IPv6 address in brackets, [::1]:1337", text);
    if (name.n == 0)
        name = HEARTH_STR("127.0.0.1");
    if (hearth_str_u64(hearth_cstr(digits), &number) < 0 || number > 65535 || name.n >= size)
        return BAD(err, "--listen takes HOST:PORT with a port of 0 to 65535, not \"%.80s\"", text);
    hearth_str_copy(host, size, name);
    *port = (uint16_t)number;
    return HEARTH_OK;
}

unsigned args_distance(const char *a, const char *b, unsigned limit)
{
    size_t   n = strlen(a), m = strlen(b);
    unsigned row[WORD_MAX + 1];
    if (n > WORD_MAX || m > WORD_MAX)
        return limit + 1;
    for (size_t k = 0; k <= m; k++)
        row[k] = (unsigned)k;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t k = 1; k <= m; k++) {
            unsigned change = diagonal + (a[i - 1] != b[k - 1]), gap = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
            diagonal = row[k];
            row[k] = change < gap ? change : gap;
        }
    }
    return row[m] <= limit ? row[m] : limit + 1;
}
