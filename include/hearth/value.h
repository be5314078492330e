/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* value.h: hearth_value, the data that calls carry: what JSON can say, typed and reference counted.
 *
 *     hearth_value *v = hearth_object(ctx);
 *     hearth_put_str(v, "id", HEARTH_STR("kindling"));
 *     hearth_put_u64(v, "size_bytes", 7905280);
 *     hearth_value *tags = hearth_array(ctx);
 *     hearth_add_str(tags, HEARTH_STR("chat"));
 *     hearth_put(v, "tags", tags);                         // takes tags
 *     uint64_t size = hearth_get_u64(v, "size_bytes", 0);  // reads with a default
 *     hearth_reply(req, v);                                // takes v; from here on it is immutable
 *
 * A value is built by one owner and immutable once it was given to somebody (reply, emit, call, put). Within a
 * process it passes by reference; only a process boundary writes it out. Every node knows its document, so a
 * reference on an inner node keeps the whole document alive.
 *
 * The functions go through a table, so that the layout of a value belongs to the host alone. Building never
 * fails half-way: when memory runs out the value is marked bad and whoever takes it answers no_memory. */
#ifndef HEARTH_VALUE_H
#define HEARTH_VALUE_H

#include <hearth/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hearth_value hearth_value;
typedef struct hearth_ctx   hearth_ctx;

typedef enum hearth_kind {
    HEARTH_NONE = 0, /* no value at all: a missing member, a NULL pointer */
    HEARTH_NULL,
    HEARTH_BOOL,
    HEARTH_INT,    /* fits int64_t */
    HEARTH_UINT,   /* over INT64_MAX, fits uint64_t */
    HEARTH_DOUBLE, /* finite */
    HEARTH_STRING,
    HEARTH_ARRAY,
    HEARTH_OBJECT
} hearth_kind;

/* Append only; `size` is what the host knows. Use the functions below. */
typedef struct hearth_value_api {
    uint32_t size;
    hearth_value *(*object)(hearth_ctx *ctx);
    hearth_value *(*array)(hearth_ctx *ctx);
    hearth_value *(*string)(hearth_ctx *ctx, hearth_str text);
    hearth_value *(*number)(hearth_ctx *ctx, double x);
    hearth_value *(*integer)(hearth_ctx *ctx, int64_t x);
    hearth_value *(*boolean)(hearth_ctx *ctx, bool x);
    hearth_value *(*null)(hearth_ctx *ctx);
    hearth_value *(*parse)(hearth_ctx *ctx, hearth_str json, hearth_err *err);
    hearth_value *(*ref)(const hearth_value *v);
    void (*unref)(hearth_value *v);

    void (*put)(hearth_value *object, hearth_str key, hearth_value *child);
    void (*put_ref)(hearth_value *object, hearth_str key, const hearth_value *child);
    void (*put_str)(hearth_value *object, hearth_str key, hearth_str text);
    void (*put_i64)(hearth_value *object, hearth_str key, int64_t x);
    void (*put_u64)(hearth_value *object, hearth_str key, uint64_t x);
    void (*put_f64)(hearth_value *object, hearth_str key, double x);
    void (*put_bool)(hearth_value *object, hearth_str key, bool x);
    void (*put_null)(hearth_value *object, hearth_str key);
    void (*add)(hearth_value *array, hearth_value *child);
    void (*add_ref)(hearth_value *array, const hearth_value *child);
    void (*add_str)(hearth_value *array, hearth_str text);
    void (*add_i64)(hearth_value *array, int64_t x);
    void (*add_f64)(hearth_value *array, double x);

    hearth_kind (*kind)(const hearth_value *v);
    size_t (*count)(const hearth_value *v);
    const hearth_value *(*get)(const hearth_value *object, hearth_str key);
    const hearth_value *(*at)(const hearth_value *v, size_t i);
    hearth_str (*key_at)(const hearth_value *object, size_t i);
    bool (*as_bool)(const hearth_value *v, bool otherwise);
    int64_t (*as_i64)(const hearth_value *v, int64_t otherwise);
    uint64_t (*as_u64)(const hearth_value *v, uint64_t otherwise);
    double (*as_f64)(const hearth_value *v, double otherwise);
    hearth_str (*as_str)(const hearth_value *v);
    bool (*is_bad)(const hearth_value *v);
    char *(*write)(const hearth_value *v, size_t *n);
    void (*write_free)(char *text);
} hearth_value_api;

/* The table of this image: of the host that loaded a plugin, or of the library itself.
 * Owner: static. Thread: any. Since: 1.0 */
HEARTH_EXPORT const hearth_value_api *hearth_values(void);

/* -- building. Owner: the caller, until the value is given away. Thread: any, one at a time. Since: 1.0
 * `ctx` is the plugin's context (its memory is counted there) or NULL outside of plugins. Text and keys are
 * copied. */

static inline hearth_value *hearth_object(hearth_ctx *ctx) { return hearth_values()->object(ctx); }
static inline hearth_value *hearth_array(hearth_ctx *ctx) { return hearth_values()->array(ctx); }
static inline hearth_value *hearth_string(hearth_ctx *ctx, hearth_str text) { return hearth_values()->string(ctx, text); }
static inline hearth_value *hearth_number(hearth_ctx *ctx, double x) { return hearth_values()->number(ctx, x); }
static inline hearth_value *hearth_integer(hearth_ctx *ctx, int64_t x) { return hearth_values()->integer(ctx, x); }
static inline hearth_value *hearth_boolean(hearth_ctx *ctx, bool x) { return hearth_values()->boolean(ctx, x); }
static inline hearth_value *hearth_null(hearth_ctx *ctx) { return hearth_values()->null(ctx); }

/* Reads JSON (RFC 8259, UTF-8 checked, depth and size capped). Owner: the caller. NULL with `err` filled
 * (parse, too_large, no_memory) when it cannot. Since: 1.0 */
static inline hearth_value *hearth_parse(hearth_ctx *ctx, hearth_str json, hearth_err *err)
{
    return hearth_values()->parse(ctx, json, err);
}

/* Keep a value (or the document around an inner node) alive; give it back. NULL is fine. Thread: any. Since: 1.0 */
static inline hearth_value *hearth_value_ref(const hearth_value *v) { return hearth_values()->ref(v); }
static inline void hearth_value_unref(hearth_value *v) { hearth_values()->unref(v); }

static inline hearth_str hearth_cstr(const char *text)
{
    hearth_str s = { text, 0 };
    while (text && text[s.n])
        s.n++;
    return s;
}

/* Members of an object under construction. hearth_put takes the child, hearth_put_ref shares it. Putting a key
 * again replaces it. */
static inline void hearth_put(hearth_value *o, const char *key, hearth_value *child) { hearth_values()->put(o, hearth_cstr(key), child); }
static inline void hearth_put_ref(hearth_value *o, const char *key, const hearth_value *child) { hearth_values()->put_ref(o, hearth_cstr(key), child); }
static inline void hearth_put_str(hearth_value *o, const char *key, hearth_str text) { hearth_values()->put_str(o, hearth_cstr(key), text); }
static inline void hearth_put_cstr(hearth_value *o, const char *key, const char *text) { hearth_values()->put_str(o, hearth_cstr(key), hearth_cstr(text)); }
static inline void hearth_put_i64(hearth_value *o, const char *key, int64_t x) { hearth_values()->put_i64(o, hearth_cstr(key), x); }
static inline void hearth_put_u64(hearth_value *o, const char *key, uint64_t x) { hearth_values()->put_u64(o, hearth_cstr(key), x); }
static inline void hearth_put_f64(hearth_value *o, const char *key, double x) { hearth_values()->put_f64(o, hearth_cstr(key), x); }
static inline void hearth_put_bool(hearth_value *o, const char *key, bool x) { hearth_values()->put_bool(o, hearth_cstr(key), x); }
static inline void hearth_put_null(hearth_value *o, const char *key) { hearth_values()->put_null(o, hearth_cstr(key)); }
static inline void hearth_add(hearth_value *a, hearth_value *child) { hearth_values()->add(a, child); }
static inline void hearth_add_ref(hearth_value *a, const hearth_value *child) { hearth_values()->add_ref(a, child); }
static inline void hearth_add_str(hearth_value *a, hearth_str text) { hearth_values()->add_str(a, text); }
static inline void hearth_add_i64(hearth_value *a, int64_t x) { hearth_values()->add_i64(a, x); }
static inline void hearth_add_f64(hearth_value *a, double x) { hearth_values()->add_f64(a, x); }

/* -- reading. Results are borrowed from the value. NULL reads as HEARTH_NONE. Thread: any. Since: 1.0 */

static inline hearth_kind hearth_kind_of(const hearth_value *v) { return hearth_values()->kind(v); }
/* Elements of an array, members of an object, bytes of a string, else 0. */
static inline size_t hearth_count(const hearth_value *v) { return hearth_values()->count(v); }
static inline const hearth_value *hearth_get(const hearth_value *o, const char *key) { return hearth_values()->get(o, hearth_cstr(key)); }
static inline const hearth_value *hearth_get_by(const hearth_value *o, hearth_str key) { return hearth_values()->get(o, key); }
/* The i-th element, or the value of the i-th member; hearth_key_at gives that member's key. */
static inline const hearth_value *hearth_at(const hearth_value *v, size_t i) { return hearth_values()->at(v, i); }
static inline hearth_str hearth_key_at(const hearth_value *o, size_t i) { return hearth_values()->key_at(o, i); }
/* Another kind, or a number out of range, gives `otherwise`; hearth_as_str gives {NULL, 0}. */
static inline bool hearth_as_bool(const hearth_value *v, bool otherwise) { return hearth_values()->as_bool(v, otherwise); }
static inline int64_t hearth_as_i64(const hearth_value *v, int64_t otherwise) { return hearth_values()->as_i64(v, otherwise); }
static inline uint64_t hearth_as_u64(const hearth_value *v, uint64_t otherwise) { return hearth_values()->as_u64(v, otherwise); }
static inline double hearth_as_f64(const hearth_value *v, double otherwise) { return hearth_values()->as_f64(v, otherwise); }
static inline hearth_str hearth_as_str(const hearth_value *v) { return hearth_values()->as_str(v); }
static inline bool hearth_get_bool(const hearth_value *o, const char *key, bool otherwise) { return hearth_as_bool(hearth_get(o, key), otherwise); }
static inline int64_t hearth_get_i64(const hearth_value *o, const char *key, int64_t otherwise) { return hearth_as_i64(hearth_get(o, key), otherwise); }
static inline uint64_t hearth_get_u64(const hearth_value *o, const char *key, uint64_t otherwise) { return hearth_as_u64(hearth_get(o, key), otherwise); }
static inline double hearth_get_f64(const hearth_value *o, const char *key, double otherwise) { return hearth_as_f64(hearth_get(o, key), otherwise); }
static inline hearth_str hearth_get_str(const hearth_value *o, const char *key) { return hearth_as_str(hearth_get(o, key)); }

/* Memory ran out while this was built. */
static inline bool hearth_is_bad(const hearth_value *v) { return hearth_values()->is_bad(v); }

/* Writes compact JSON, terminated by a NUL that `n` does not count. Owner: the caller, hearth_write_free.
 * NULL when memory runs out or the value is bad. Since: 1.0 */
static inline char *hearth_write(const hearth_value *v, size_t *n) { return hearth_values()->write(v, n); }
static inline void hearth_write_free(char *text) { hearth_values()->write_free(text); }

#ifdef __cplusplus
}
#endif
#endif
