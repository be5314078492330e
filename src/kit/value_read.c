/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* value_read.c: asking a value. Nothing here changes anything, so any number of threads may. */
#include <math.h>

#include "kit/value_node.h"

/* Doubles that are whole numbers are integers to JSON Schema and to every sender that has no integers. */
static const double exact = 9007199254740992.0; /* 2^53: up to here each whole number has its double */

hearth_kind value_kind(const hearth_value *v) { return v ? (hearth_kind)v->kind : HEARTH_NONE; }

size_t value_count(const hearth_value *v) { return v ? v->count : 0; }

const hearth_value *value_get(const hearth_value *o, hearth_str key)
{
    struct member *m = o && o->kind == HEARTH_OBJECT ? member_find(o, key, NULL) : NULL;

    return m ? &m->value : NULL;
}

const hearth_value *value_at(const hearth_value *v, size_t i)
{
    if (!v || i >= v->count)
        return NULL;
    if (v->kind == HEARTH_ARRAY)
        return &v->as.items[i];
    return v->kind == HEARTH_OBJECT ? &v->as.members[i].value : NULL;
}

hearth_str value_key_at(const hearth_value *o, size_t i)
{
    if (!o || o->kind != HEARTH_OBJECT || i >= o->count)
        return (hearth_str){ NULL, 0 };
    return (hearth_str){ o->as.members[i].key, o->as.members[i].key_n };
}

bool value_as_bool(const hearth_value *v, bool otherwise)
{
    return v && v->kind == HEARTH_BOOL ? v->as.yes : otherwise;
}

int64_t value_as_i64(const hearth_value *v, int64_t otherwise)
{
    if (v && v->kind == HEARTH_INT)
        return v->as.i;
    if (v && v->kind == HEARTH_DOUBLE && fabs(v->as.d) <= exact && floor(v->as.d) == v->as.d)
        return (int64_t)v->as.d;
    return otherwise;
}

uint64_t value_as_u64(const hearth_value *v, uint64_t otherwise)
{
    int64_t i = value_as_i64(v, -1);

    if (v && v->kind == HEARTH_UINT)
        return v->as.u;
    return i >= 0 ? (uint64_t)i : otherwise;
}

double value_as_f64(const hearth_value *v, double otherwise)
{
    switch (value_kind(v)) {
    case HEARTH_INT:
        return (double)v->as.i;
    case HEARTH_UINT:
        return (double)v->as.u;
    case HEARTH_DOUBLE:
        return v->as.d;
    default:
        return otherwise;
    }
}

hearth_str value_as_str(const hearth_value *v)
{
    if (!v || v->kind != HEARTH_STRING)
        return (hearth_str){ NULL, 0 };
    return (hearth_str){ v->as.text, v->count };
}

bool value_is_bad(const hearth_value *v) { return v && atomic_load_explicit(&v->root->is_bad, memory_order_relaxed); }
