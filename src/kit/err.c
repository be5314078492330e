/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* err.c: what went wrong, and the one table of what the codes mean elsewhere. */
#include <hearth/kit.h>

#include <stdio.h>

struct code_row {
    hearth_code code;
    int         http, rpc;
    const char *name, *text;
};

static const struct code_row rows[] = {
#define XX(NAME, name, code, http, rpc, text) { HEARTH_##NAME, (http), (rpc), #name, text },
    HEARTH_ERRORS(XX)
#undef XX
};

static const struct code_row ok = { HEARTH_OK, 200, 0, "ok", "no error" };

/* Codes are dense from -1 down, but never reused: a retired one would leave a hole, so this searches. */
static const struct code_row *row_of(hearth_code code)
{
    const struct code_row *internal = &rows[0];

    if (code >= 0)
        return &ok;
    for (size_t i = 0; i < HEARTH_COUNT(rows); i++) {
        if (rows[i].code == code)
            return &rows[i];
        if (rows[i].code == HEARTH_INTERNAL)
            internal = &rows[i];
    }
    return internal;
}

hearth_code hearth_err_set(hearth_err *err, hearth_code code, const char *where, const char *fmt, ...)
{
    va_list args;
    char    msg[sizeof err->msg + 4]; /* room to see a character that the cut would split */
    int     n;

    if (!err || err->code != HEARTH_OK)
        return code;
    va_start(args, fmt);
    n = vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    if (n < 0)
        n = 0;
    if ((size_t)n >= sizeof msg)
        n = (int)sizeof msg - 1;
    err->code = code;
    hearth_str_copy(err->where, sizeof err->where, hearth_cstr(where));
    hearth_str_copy(err->msg, sizeof err->msg, (hearth_str){ msg, (size_t)n });
    return code;
}

const char *hearth_code_name(hearth_code code) { return row_of(code)->name; }

const char *hearth_code_text(hearth_code code) { return row_of(code)->text; }

int hearth_code_http(hearth_code code) { return row_of(code)->http; }

int hearth_code_rpc(hearth_code code) { return row_of(code)->rpc; }

hearth_code hearth_code_of_rpc(int64_t rpc)
{
    for (size_t i = 0; i < HEARTH_COUNT(rows); i++)
        if (rows[i].rpc == rpc)
            return rows[i].code;
    return HEARTH_INTERNAL;
}
