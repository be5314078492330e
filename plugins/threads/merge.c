/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "merge.h"

#include <inttypes.h>
#include <stdlib.h>

/* The place of a field, or where it belongs. */
static size_t locate(const merge_entity *e, hearth_str name, bool *is_there)
{
    size_t low = 0, high = e->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (hearth_str_compare(e->fields[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *is_there = low < e->n && hearth_str_equal(e->fields[low].name, name);
    return low;
}

/* Opens a gap at `at`. When the entity is full the field with the greatest name goes: which ones stay then depends
 * on their names alone, not on the order in which they came. Returns MERGE_NOTHING when the new one is the greatest. */
static int make_room(merge_entity *e, size_t at)
{
    if (e->n == MERGE_MAX_FIELDS) {
        if (at == e->n)
            return MERGE_NOTHING;
        hearth_value_unref(e->fields[--e->n].doc);
    }
    if (e->n == e->size) {
        size_t       size = e->size ? e->size * 2 : 16;
        merge_field *fields = realloc(e->fields, size * sizeof *fields);
        if (!fields)
            return HEARTH_NO_MEMORY;
        e->fields = fields;
        e->size = size;
    }
    memmove(&e->fields[at + 1], &e->fields[at], (e->n - at) * sizeof *e->fields);
    e->fields[at] = (merge_field){ 0 };
    e->n++;
    return MERGE_CHANGED;
}

/* Order of two values by their JSON; only for stamps that are there twice. */
static int compare_values(const hearth_value *a, const hearth_value *b)
{
    size_t n = 0, m = 0;
    char  *x = hearth_write(a, &n), *y = hearth_write(b, &m);
    int    order = x && y ? hearth_str_compare((hearth_str){ x, n }, (hearth_str){ y, m }) : 0;
    hearth_write_free(x);
    hearth_write_free(y);
    return order;
}

/* `name`, `at.d` and `value` lie in `doc`, which is kept when they are taken. */
static int set_field(merge_entity *e, hearth_str name, const op_stamp *at, const hearth_value *value,
                     const hearth_value *doc)
{
    bool   is_there = false;
    size_t i = locate(e, name, &is_there);
    int    result = MERGE_CHANGED;
    if (is_there) {
        int order = op_stamp_compare(at, &e->fields[i].at);
        if (order < 0)
            return MERGE_NOTHING;
        if (order == 0) {
            order = compare_values(value, e->fields[i].value);
            if (order == 0)
                return MERGE_NOTHING;
            if (order < 0)
                return MERGE_DAMAGED;
            result = MERGE_DAMAGED;
        }
    } else {
        int made = make_room(e, i);
        if (made <= MERGE_NOTHING)
            return made;
    }
    hearth_value *kept = hearth_value_ref(doc);
    hearth_value_unref(e->fields[i].doc);
    e->fields[i] = (merge_field){ name, *at, value, kept };
    return result;
}

static int set_true(merge_entity *e, const char *name, const op *o)
{
    hearth_value *yes = hearth_object(NULL);
    hearth_put_bool(yes, "v", true);
    hearth_put_str(yes, "d", o->at.d);
    op_stamp at = { o->at.h, hearth_get_str(yes, "d"), o->at.n };
    int code = hearth_is_bad(yes) ? HEARTH_NO_MEMORY : set_field(e, hearth_cstr(name), &at, hearth_get(yes, "v"), yes);
    hearth_value_unref(yes);
    return code;
}

/* The worse of two results; an error stays. */
static int worse(int a, int b) { return a < 0 ? a : b < 0 || b > a ? b : a; }

int merge_op(merge_entity *e, const op *o)
{
    if (o->kind == OP_INVALID || o->kind == OP_UNKNOWN)
        return MERGE_NOTHING;
    int result = MERGE_NOTHING;
    if (o->kind == OP_MSG_ADD)
        result = set_true(e, MERGE_ADDED, o);
    if (o->kind == OP_MSG_DEL || o->kind == OP_META_DEL)
        return set_true(e, MERGE_DELETED, o);
    if (!hearth_str_is(o->f, OP_ALL_FIELDS))
        return worse(result, set_field(e, o->f, &o->at, o->v, o->doc));
    for (size_t i = 0; result >= 0 && i < hearth_count(o->v); i++)
        if (!hearth_str_is(hearth_key_at(o->v, i), MERGE_ADDED))
            result = worse(result, set_field(e, hearth_key_at(o->v, i), &o->at, hearth_at(o->v, i), o->doc));
    return result;
}

const merge_field *merge_find(const merge_entity *e, const char *name)
{
    bool   is_there = false;
    size_t i = locate(e, hearth_cstr(name), &is_there);
    return is_there ? &e->fields[i] : NULL;
}

const hearth_value *merge_get(const merge_entity *e, const char *name)
{
    const merge_field *field = merge_find(e, name);
    return field ? field->value : NULL;
}

/* Numbers the different stamps in the order of their first field. */
static void number_stamps(const merge_entity *e, size_t numbers[MERGE_MAX_FIELDS])
{
    size_t count = 0;
    for (size_t i = 0; i < e->n; i++) {
        size_t same = 0;
        while (same < i && op_stamp_compare(&e->fields[same].at, &e->fields[i].at) != 0)
            same++;
        numbers[i] = same < i ? numbers[same] : count++;
    }
}

hearth_code merge_put(const merge_entity *e, hearth_buf *out)
{
    size_t numbers[MERGE_MAX_FIELDS], written = 0;
    number_stamps(e, numbers);
    hearth_buf_puts(out, "{\"s\":[");
    for (size_t i = 0; i < e->n; i++) {
        if (numbers[i] != written)
            continue; /* an earlier field has this stamp */
        char clock[17];
        hearth_hlc_write(clock, e->fields[i].at.h);
        hearth_buf_printf(out, "%s[\"%s\",", written ? "," : "", clock);
        hearth_json_put_string(out, e->fields[i].at.d);
        hearth_buf_printf(out, ",%" PRIu64 "]", e->fields[i].at.n);
        written++;
    }
    hearth_buf_puts(out, "],\"f\":{");
    for (size_t i = 0; i < e->n; i++) {
        hearth_buf_puts(out, i ? "," : "");
        hearth_json_put_string(out, e->fields[i].name);
        hearth_buf_printf(out, ":[%zu,", numbers[i]);
        HEARTH_TRY(hearth_json_put_value(out, e->fields[i].value));
        hearth_buf_putc(out, ']');
    }
    return hearth_buf_puts(out, "}}");
}

hearth_code merge_read(merge_entity *e, hearth_ctx *ctx, hearth_str text, hearth_err *err)
{
    *e = (merge_entity){ 0 };
    if (text.n == 0)
        return HEARTH_OK;
    hearth_value *doc = hearth_parse(ctx, text, err);
    if (!doc)
        return err && err->code < 0 ? err->code : HEARTH_PARSE;

    const hearth_value *stamps = hearth_get(doc, "s"), *fields = hearth_get(doc, "f");
    hearth_code         code = HEARTH_OK;
    for (size_t i = 0; code >= 0 && i < hearth_count(fields); i++) {
        const hearth_value *pair = hearth_at(fields, i);
        const hearth_value *stamp = hearth_at(stamps, (size_t)hearth_as_u64(hearth_at(pair, 0), SIZE_MAX));
        op_stamp            at = { 0, hearth_as_str(hearth_at(stamp, 1)), hearth_as_u64(hearth_at(stamp, 2), 0) };
        if (!hearth_at(pair, 1) || !hearth_hlc_read(hearth_as_str(hearth_at(stamp, 0)), &at.h))
            code = HEARTH_PARSE;
        else if (set_field(e, hearth_key_at(fields, i), &at, hearth_at(pair, 1), doc) < 0)
            code = HEARTH_NO_MEMORY;
    }
    hearth_value_unref(doc);
    if (code < 0) {
        merge_deinit(e);
        return hearth_err_set(err, code, "threads.merge", "an entry of the index is damaged");
    }
    return HEARTH_OK;
}

void merge_deinit(merge_entity *e)
{
    for (size_t i = 0; i < e->n; i++)
        hearth_value_unref(e->fields[i].doc);
    free(e->fields);
    *e = (merge_entity){ 0 };
}
