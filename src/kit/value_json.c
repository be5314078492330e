/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* value_json.c: between values and JSON text.
 *
 * Reading: yyjson parses in place, in a copy that belongs to the new document, so each text is copied once and its
 * escapes are undone where it lies; then one walk turns yyjson's flat list into nodes. That list is thrown away: for
 * a usual request it never leaves the stack. yyjson is strict here (no comments, no trailing commas, no NaN; UTF-8
 * checked; numbers over 64 bits become doubles, over the doubles an error); the caps are ours.
 *
 * Of members with one name the last wins and takes the place of the first, as in JavaScript.
 *
 * Writing: compact; doubles in the shortest form that reads back the same. */
#include <yyjson.h>

#include "kit/alloc.h"
#include "kit/limits.h"
#include "kit/value_node.h"

/* -- reading ------------------------------------------------------------------------------------------------------ */

enum { SCRATCH_BYTES = 12288 };

/* yyjson's memory: the stack first, then the heap, in all at most what LIMIT_JSON_VALUES take. */
struct scratch {
    bool     is_used, is_over;
    uint64_t bytes[SCRATCH_BYTES / 8];
};

static bool scratch_is(const struct scratch *s, const void *p) { return p == (const void *)s->bytes; }

static bool scratch_may(struct scratch *s, size_t n)
{
    /* yyjson grows by half, and keeps two values for itself. */
    if (n <= (LIMIT_JSON_VALUES + LIMIT_JSON_VALUES / 2) * sizeof(yyjson_val))
        return true;
    s->is_over = true;
    return false;
}

static void *scratch_malloc(void *ctx, size_t n)
{
    struct scratch *s = ctx;

    if (!s->is_used && n <= sizeof s->bytes) {
        s->is_used = true;
        return s->bytes;
    }
    return scratch_may(s, n) ? kit_malloc(n) : NULL;
}

static void *scratch_realloc(void *ctx, void *old, size_t old_n, size_t n)
{
    struct scratch *s = ctx;
    void           *p = NULL;

    if (!scratch_is(s, old))
        return scratch_may(s, n) ? kit_realloc(old, n) : NULL;
    if (n <= sizeof s->bytes)
        return old;
    p = scratch_may(s, n) ? kit_malloc(n) : NULL;
    if (p) {
        memcpy(p, old, old_n < n ? old_n : n);
        s->is_used = false;
    }
    return p;
}

static void scratch_free(void *ctx, void *p)
{
    struct scratch *s = ctx;

    if (scratch_is(s, p))
        s->is_used = false;
    else
        kit_free(p);
}

/* What a walk needs beside the two trees. */
struct reader {
    struct document *root;
    hearth_code      code; /* too_large: too deep; no_memory */
};

static bool read_node(struct reader *r, yyjson_val *from, hearth_value *to, unsigned depth);

static bool read_array(struct reader *r, yyjson_val *from, hearth_value *to, unsigned depth)
{
    uint32_t    n = (uint32_t)unsafe_yyjson_get_len(from);
    yyjson_val *item = unsafe_yyjson_get_first(from);

    to->height = 1;
    if (n == 0)
        return true;
    to->as.items = document_take(r->root, n * sizeof(hearth_value));
    if (!to->as.items) {
        r->code = HEARTH_NO_MEMORY;
        return false;
    }
    to->count = to->room = n;
    for (uint32_t i = 0; i < n; i++, item = unsafe_yyjson_get_next(item)) {
        hearth_value *child = &to->as.items[i];
        if (!read_node(r, item, child, depth))
            return false;
        if (child->height >= to->height)
            to->height = (uint8_t)(child->height + 1);
    }
    return true;
}

static bool read_object(struct reader *r, yyjson_val *from, hearth_value *to, unsigned depth)
{
    uint32_t    n = (uint32_t)unsafe_yyjson_get_len(from);
    yyjson_val *key = unsafe_yyjson_get_first(from);

    to->height = 1;
    if (n == 0)
        return true;
    to->as.members = document_take(r->root, members_bytes(n));
    if (!to->as.members) {
        r->code = HEARTH_NO_MEMORY;
        return false;
    }
    to->room = n;
    if (n > INDEX_FROM)
        memset(to->as.members + n, 0, members_bytes(n) - n * sizeof(struct member));
    for (uint32_t i = 0; i < n; i++, key = unsafe_yyjson_get_next(key + 1)) {
        hearth_str     name = { unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key) };
        uint32_t       hash = 0;
        struct member *m = member_find(to, name, &hash);

        if (!m)
            m = member_append(to, name, hash);
        if (!read_node(r, key + 1, &m->value, depth))
            return false;
        if (m->value.height >= to->height)
            to->height = (uint8_t)(m->value.height + 1);
    }
    return true;
}

/* Recursion is as deep as the text, which is capped here. */
static bool read_node(struct reader *r, yyjson_val *from, hearth_value *to, unsigned depth)
{
    *to = (hearth_value){ .root = r->root, .kind = HEARTH_NULL };
    switch (unsafe_yyjson_get_type(from)) {
    case YYJSON_TYPE_BOOL:
        to->kind = HEARTH_BOOL;
        to->as.yes = unsafe_yyjson_get_bool(from);
        return true;
    case YYJSON_TYPE_NUM:
        if (unsafe_yyjson_get_subtype(from) == YYJSON_SUBTYPE_REAL) {
            to->kind = HEARTH_DOUBLE;
            to->as.d = unsafe_yyjson_get_real(from);
        } else {
            to->kind = unsafe_yyjson_get_subtype(from) == YYJSON_SUBTYPE_UINT && from->uni.u64 > INT64_MAX ? HEARTH_UINT
                                                                                                           : HEARTH_INT;
            to->as.u = from->uni.u64;
        }
        return true;
    case YYJSON_TYPE_STR:
        to->kind = HEARTH_STRING;
        to->as.text = unsafe_yyjson_get_str(from);
        to->count = (uint32_t)unsafe_yyjson_get_len(from);
        return true;
    case YYJSON_TYPE_ARR:
    case YYJSON_TYPE_OBJ:
        if (depth == LIMIT_JSON_DEPTH) {
            r->code = HEARTH_TOO_LARGE;
            return false;
        }
        if (unsafe_yyjson_get_type(from) == YYJSON_TYPE_ARR) {
            to->kind = HEARTH_ARRAY;
            return read_array(r, from, to, depth + 1);
        }
        to->kind = HEARTH_OBJECT;
        return read_object(r, from, to, depth + 1);
    default:
        return true;
    }
}

static hearth_code explain(hearth_err *err, hearth_code code, hearth_str json, const yyjson_read_err *why)
{
    size_t line = 1, column = 1;

    if (code == HEARTH_NO_MEMORY)
        return hearth_err_set(err, code, "json", "there is not enough memory to read %zu bytes of JSON", json.n);
    for (size_t i = 0; i < why->pos && i < json.n; i++) {
        column = json.p[i] == '\n' ? 1 : column + 1;
        line += json.p[i] == '\n';
    }
    return hearth_err_set(err, HEARTH_PARSE, "json", "not valid JSON: %s at line %zu, column %zu",
                          why->code == YYJSON_READ_ERROR_EMPTY_CONTENT ? "nothing is there" : why->msg, line, column);
}

/* The text, in memory of the new document, where yyjson may write. */
static struct document *document_of_text(hearth_ctx *ctx, hearth_str json, char **text)
{
    struct document *root = document_new(ctx, json.n + YYJSON_PADDING_SIZE);

    if (!root)
        return NULL;
    *text = document_take(root, json.n + YYJSON_PADDING_SIZE);
    if (json.n)
        memcpy(*text, json.p, json.n);
    memset(*text + json.n, 0, YYJSON_PADDING_SIZE);
    return root;
}

hearth_value *value_parse(hearth_ctx *ctx, hearth_str json, hearth_err *err)
{
    struct scratch  scratch;
    yyjson_alc      alc = { scratch_malloc, scratch_realloc, scratch_free, &scratch };
    yyjson_read_err why = { 0 };
    yyjson_doc     *doc = NULL;
    struct reader   r = { NULL, HEARTH_OK };
    char           *text = NULL;

    scratch.is_used = scratch.is_over = false;
    if (json.n > LIMIT_JSON_BYTES) {
        hearth_err_set(err, HEARTH_TOO_LARGE, "json", "the JSON has %zu bytes; at most %zu are read", json.n,
                       LIMIT_JSON_BYTES);
        return NULL;
    }
    r.root = document_of_text(ctx, json, &text);
    if (!r.root) {
        explain(err, HEARTH_NO_MEMORY, json, &why);
        return NULL;
    }
    doc = json.n ? yyjson_read_opts(text, json.n, YYJSON_READ_INSITU, &alc, &why) : NULL;
    if (json.n == 0)
        why.code = YYJSON_READ_ERROR_EMPTY_CONTENT;
    if (!doc && scratch.is_over) {
        r.code = HEARTH_TOO_LARGE;
    } else if (!doc) {
        explain(err, why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? HEARTH_NO_MEMORY : HEARTH_PARSE, json, &why);
        r.code = HEARTH_PARSE;
    } else if (yyjson_doc_get_val_count(doc) > LIMIT_JSON_VALUES) {
        r.code = HEARTH_TOO_LARGE;
    } else {
        /* Enough for all nodes in one piece: a member with its share of the index takes twice a node, and yyjson
         * counts its key. The piece is given back to the front: document_take hands it out from there. */
        size_t bytes = yyjson_doc_get_val_count(doc) * sizeof(hearth_value);
        char  *piece = document_take(r.root, bytes);
        if (piece) {
            r.root->next = piece;
            r.root->end = piece + bytes;
            read_node(&r, yyjson_doc_get_root(doc), &r.root->node, 0);
        } else {
            r.code = HEARTH_NO_MEMORY;
        }
    }
    yyjson_doc_free(doc);
    if (r.code == HEARTH_OK)
        return &r.root->node;
    if (r.code == HEARTH_TOO_LARGE)
        hearth_err_set(err, r.code, "json", "the JSON is nested over %d levels deep or has over %zu values",
                       LIMIT_JSON_DEPTH, LIMIT_JSON_VALUES);
    else if (r.code == HEARTH_NO_MEMORY)
        explain(err, r.code, json, &why);
    document_unref(r.root);
    return NULL;
}

/* -- writing ------------------------------------------------------------------------------------------------------ */

static hearth_code write_u64(hearth_buf *out, uint64_t x, bool is_negative)
{
    char  text[24];
    char *p = text + sizeof text;

    do {
        *--p = (char)('0' + x % 10);
        x /= 10;
    } while (x);
    if (is_negative)
        *--p = '-';
    return hearth_buf_append(out, p, (size_t)(text + sizeof text - p));
}

static hearth_code write_double(hearth_buf *out, double x)
{
    yyjson_val v = { 0 };
    char       memory[1024]; /* yyjson asks for a little over the longest number */
    yyjson_alc alc;
    char      *text = NULL;
    size_t     n = 0;

    v.tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL;
    v.uni.f64 = x;
    if (yyjson_alc_pool_init(&alc, memory, sizeof memory))
        text = yyjson_val_write_opts(&v, YYJSON_WRITE_NOFLAG, &alc, &n, NULL);
    return text ? hearth_buf_append(out, text, n) : HEARTH_NO_MEMORY;
}

/* Recursion is as deep as the value is high, which value.c caps. */
static hearth_code write_node(hearth_buf *out, const hearth_value *v)
{
    switch (value_kind(v)) {
    case HEARTH_BOOL:
        return hearth_buf_puts(out, v->as.yes ? "true" : "false");
    case HEARTH_INT:
        return write_u64(out, v->as.i < 0 ? 0 - (uint64_t)v->as.i : (uint64_t)v->as.i, v->as.i < 0);
    case HEARTH_UINT:
        return write_u64(out, v->as.u, false);
    case HEARTH_DOUBLE:
        return write_double(out, v->as.d);
    case HEARTH_STRING:
        return hearth_json_put_string(out, value_as_str(v));
    case HEARTH_ARRAY:
        for (uint32_t i = 0; i < v->count; i++) {
            HEARTH_TRY(hearth_buf_putc(out, i ? ',' : '['));
            HEARTH_TRY(write_node(out, &v->as.items[i]));
        }
        return hearth_buf_puts(out, v->count ? "]" : "[]");
    case HEARTH_OBJECT:
        for (uint32_t i = 0; i < v->count; i++) {
            const struct member *m = &v->as.members[i];
            HEARTH_TRY(hearth_buf_putc(out, i ? ',' : '{'));
            HEARTH_TRY(hearth_json_put_string(out, (hearth_str){ m->key, m->key_n }));
            HEARTH_TRY(hearth_buf_putc(out, ':'));
            HEARTH_TRY(write_node(out, &m->value));
        }
        return hearth_buf_puts(out, v->count ? "}" : "{}");
    default:
        return hearth_buf_puts(out, "null");
    }
}

char *value_write(const hearth_value *v, size_t *n)
{
    hearth_buf out;

    if (value_is_bad(v))
        return NULL;
    hearth_buf_init(&out, LIMIT_JSON_WRITE_BYTES);
    if (write_node(&out, v) < 0) {
        hearth_buf_deinit(&out);
        return NULL;
    }
    return hearth_buf_take(&out, n);
}

void value_write_free(char *text) { kit_free(text); }
