/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op.h"

#include <inttypes.h>

#define WHERE "threads.op"

static const struct {
    op_kind     kind;
    const char *name;
} kinds[] = {
    { OP_MSG_ADD, "msg.add" },   { OP_MSG_SET, "msg.set" },   { OP_MSG_DEL, "msg.del" },
    { OP_META_SET, "meta.set" }, { OP_META_DEL, "meta.del" },
};

static op_kind kind_of(hearth_str name)
{
    for (size_t i = 0; i < HEARTH_COUNT(kinds); i++)
        if (hearth_str_is(name, kinds[i].name))
            return kinds[i].kind;
    return OP_UNKNOWN;
}

static const char *name_of(op_kind kind)
{
    for (size_t i = 0; i < HEARTH_COUNT(kinds); i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return "";
}

/* A member that names something: short, printable, no blank. */
static bool is_name(hearth_str s)
{
    if (s.n == 0 || s.n > OP_NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f)
            return false;
    return true;
}

hearth_code op_read(hearth_ctx *ctx, hearth_str line, op *out, hearth_err *err)
{
    *out = (op){ 0 };
    if (line.n > OP_LINE_MAX_BYTES)
        return hearth_err_set(err, HEARTH_TOO_LARGE, WHERE, "an operation of %zu bytes; at most %u are read", line.n,
                              OP_LINE_MAX_BYTES);
    hearth_value *doc = hearth_parse(ctx, line, err);
    if (!doc)
        return hearth_err_set(err, HEARTH_PARSE, WHERE, "a line that is not JSON");

    hearth_str kind = hearth_get_str(doc, "o");
    op o = { .doc = doc, .v = hearth_get(doc, "v"), .k = hearth_get_str(doc, "k"), .f = hearth_get_str(doc, "f") };
    o.at.d = hearth_get_str(doc, "d");
    o.at.n = hearth_get_u64(doc, "n", 0);
    bool is_good = hearth_hlc_read(hearth_get_str(doc, "h"), &o.at.h) && is_name(o.at.d) && o.at.n > 0 &&
                   o.at.n <= INT64_MAX && is_name(kind);
    o.kind = kind_of(kind);
    if (is_good && o.kind != OP_UNKNOWN)
        is_good = is_name(o.k) && is_name(o.f) && hearth_kind_of(o.v) != HEARTH_NONE &&
                  (!hearth_str_is(o.f, OP_ALL_FIELDS) || hearth_kind_of(o.v) == HEARTH_OBJECT);
    if (!is_good) {
        hearth_value_unref(doc);
        return hearth_err_set(err, HEARTH_PARSE, WHERE, "a line that is not an operation");
    }
    *out = o;
    return HEARTH_OK;
}

void op_deinit(op *o)
{
    hearth_value_unref(o->doc);
    *o = (op){ 0 };
}

hearth_code op_put(hearth_buf *out, op_kind kind, const op_stamp *at, hearth_str k, const char *f,
                   const hearth_value *v)
{
    char clock[17];
    hearth_hlc_write(clock, at->h);
    hearth_buf_printf(out, "{\"h\":\"%s\",\"d\":", clock);
    hearth_json_put_string(out, at->d);
    hearth_buf_printf(out, ",\"n\":%" PRIu64 ",\"o\":\"%s\",\"k\":", at->n, name_of(kind));
    hearth_json_put_string(out, k);
    hearth_buf_puts(out, ",\"f\":");
    hearth_json_put_string(out, hearth_cstr(f));
    hearth_buf_puts(out, ",\"v\":");
    HEARTH_TRY(hearth_json_put_value(out, v));
    return hearth_buf_putc(out, '}');
}

int op_stamp_compare(const op_stamp *a, const op_stamp *b)
{
    if (a->h != b->h)
        return a->h < b->h ? -1 : 1;
    int order = hearth_str_compare(a->d, b->d);
    if (order != 0)
        return order;
    return a->n < b->n ? -1 : a->n > b->n;
}

uint64_t op_fingerprint(hearth_str line) { return hearth_hash(line.p, line.n); }
