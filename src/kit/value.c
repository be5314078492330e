/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* value.c: building values and keeping them.
 *
 * A document is one tree with its memory: blocks that are filled from front to back and freed together. Every node
 * knows its document, so a reference on an inner node is a reference on the whole, and there is one count.
 *
 * A child that is put into a parent of another document is not copied: the parent's node gets a copy of the child's
 * 32 bytes, whose text or children stay where they are, and the parent's document adopts the child's (holds a
 * reference on it) for life. Short texts are copied after all: a document kept alive for ten bytes of it would let a
 * value that is built again and again from its own past hold all of that past. An adopted document is frozen, so
 * that adoption can never run in a circle; freeing walks a list, because adoption can be deep.
 *
 * Heights are kept as the tree grows and capped like the depth of parsed text: whatever recurses over a value
 * (writing, checking) needs no cap of its own.
 *
 * Out of memory: a builder that has no document returns `value_bad`, the immortal bad value; one that has marks it.
 * A bad child makes its parent bad. Building on what is frozen, or on the wrong kind, marks it too: a mistake of the
 * caller that would otherwise change what others are reading.
 *
 * Threads: one builder at a time; after freezing anybody reads. Only the count and the two marks are atomic. */
#include "kit/value.h"

#include <math.h>

#include "kit/alloc.h"
#include "kit/hash.h"
#include "kit/limits.h"
#include "kit/value_node.h"

enum {
    CONTAINER_BYTES = 320, /* of a new array or object: with its document half a KiB, six members */
    BLOCK_BYTES = 1024,
    BLOCK_MAX_BYTES = 65536,
    COPY_BYTES = 1024, /* texts up to here are copied, not adopted */
    FIRST_ROOM = 4
};

struct block {
    struct block *next;
    uint64_t      bytes[]; /* aligned for nodes */
};

struct document value_bad = { .refs = 1, .is_frozen = true, .is_bad = true, .node = { .root = &value_bad } };

static void (*account)(hearth_ctx *ctx, ptrdiff_t bytes);
static uint64_t hash_key[2] = { UINT64_C(0x9E3779B97F4A7C15), UINT64_C(0xD1B54A32D192ED03) };

/* -- documents ------------------------------------------------------------------------------------------------- */

static void charge(struct document *root, size_t n)
{
    root->bytes += n;
    if (account && root->ctx)
        account(root->ctx, (ptrdiff_t)n);
}

struct document *document_new(hearth_ctx *ctx, size_t room)
{
    struct document *root = NULL;

    room = (room + 7) & ~(size_t)7;
    root = kit_malloc(sizeof *root + room);
    if (!root)
        return NULL;
    *root = (struct document){ .refs = 1, .ctx = ctx, .node.root = root };
    root->next = (char *)(root + 1);
    root->end = root->next + room;
    charge(root, sizeof *root + room);
    return root;
}

void *document_take(struct document *root, size_t n)
{
    struct block *block = NULL;
    size_t        size = root->bytes < BLOCK_BYTES       ? BLOCK_BYTES
                         : root->bytes < BLOCK_MAX_BYTES ? root->bytes
                                                         : BLOCK_MAX_BYTES;
    char         *p = root->next;

    if (n > SIZE_MAX / 2)
        return NULL;
    n = (n + 7) & ~(size_t)7;
    if (n <= (size_t)(root->end - root->next)) {
        root->next += n;
        return p;
    }
    if (size < n)
        size = n;
    block = kit_malloc(sizeof *block + size);
    if (!block)
        return NULL;
    charge(root, sizeof *block + size);
    block->next = root->blocks;
    root->blocks = block;
    p = (char *)block->bytes;
    /* Of the two ends, go on with the roomier. */
    if (size - n > (size_t)(root->end - root->next)) {
        root->next = p + n;
        root->end = p + size;
    }
    return p;
}

static bool drop(struct document *root)
{
    return root != &value_bad && atomic_fetch_sub_explicit(&root->refs, 1, memory_order_acq_rel) == 1;
}

void document_unref(struct document *root)
{
    struct document *dead = NULL;

    if (!drop(root))
        return;
    for (dead = root; dead;) {
        struct document *one = dead;
        struct block    *block = one->blocks;

        dead = one->dead;
        for (struct adopted *a = one->adopted; a; a = a->next) {
            if (drop(a->root)) {
                a->root->dead = dead;
                dead = a->root;
            }
        }
        while (block) {
            struct block *next = block->next;
            kit_free(block);
            block = next;
        }
        if (account && one->ctx)
            account(one->ctx, -(ptrdiff_t)one->bytes);
        kit_free(one);
    }
}

static hearth_value *value_ref(const hearth_value *v)
{
    if (v && v->root != &value_bad)
        atomic_fetch_add_explicit(&v->root->refs, 1, memory_order_relaxed);
    return (hearth_value *)v;
}

static void value_unref(hearth_value *v)
{
    if (v)
        document_unref(v->root);
}

static void mark_bad(struct document *root)
{
    if (root != &value_bad)
        atomic_store_explicit(&root->is_bad, true, memory_order_relaxed);
}

void value_freeze(const hearth_value *v)
{
    /* Asked first: a value that many threads pass on would else be written to by all of them. */
    if (v && !atomic_load_explicit(&v->root->is_frozen, memory_order_relaxed))
        atomic_store_explicit(&v->root->is_frozen, true, memory_order_relaxed);
}

/* -- new values -------------------------------------------------------------------------------------------------- */

static hearth_value *new_node(hearth_ctx *ctx, hearth_kind kind, size_t room)
{
    struct document *root = document_new(ctx, room);

    if (!root)
        return &value_bad.node;
    root->node.kind = (uint8_t)kind;
    root->node.height = kind == HEARTH_ARRAY || kind == HEARTH_OBJECT;
    return &root->node;
}

static const char *take_text(struct document *root, hearth_str text)
{
    char *p = text.n < UINT32_MAX ? document_take(root, text.n + 1) : NULL;

    if (!p)
        return NULL;
    if (text.n)
        memcpy(p, text.p, text.n);
    p[text.n] = '\0';
    return p;
}

/* Fills a node of `root` with a text; false when memory ran out. */
static bool set_text(hearth_value *slot, struct document *root, hearth_str text)
{
    const char *p = take_text(root, text);

    if (!p)
        return false;
    *slot = (hearth_value){ .root = root, .kind = HEARTH_STRING, .as.text = p, .count = (uint32_t)text.n };
    return true;
}

static hearth_value integer_node(int64_t x) { return (hearth_value){ .kind = HEARTH_INT, .as.i = x }; }

static hearth_value unsigned_node(uint64_t x)
{
    if (x <= INT64_MAX)
        return integer_node((int64_t)x);
    return (hearth_value){ .kind = HEARTH_UINT, .as.u = x };
}

/* JSON has no infinities and no NaN: they become null, as everywhere. */
static hearth_value double_node(double x)
{
    if (!isfinite(x))
        return (hearth_value){ .kind = HEARTH_NULL };
    return (hearth_value){ .kind = HEARTH_DOUBLE, .as.d = x };
}

static hearth_value *new_scalar(hearth_ctx *ctx, hearth_value node)
{
    hearth_value *v = new_node(ctx, (hearth_kind)node.kind, 0);

    if (v != &value_bad.node) {
        node.root = v->root;
        *v = node;
    }
    return v;
}

static hearth_value *new_object(hearth_ctx *ctx) { return new_node(ctx, HEARTH_OBJECT, CONTAINER_BYTES); }

static hearth_value *new_array(hearth_ctx *ctx) { return new_node(ctx, HEARTH_ARRAY, CONTAINER_BYTES); }

static hearth_value *new_string(hearth_ctx *ctx, hearth_str text)
{
    hearth_value *v = &value_bad.node;

    if (text.n < UINT32_MAX)
        v = new_node(ctx, HEARTH_STRING, text.n + 1);
    if (v != &value_bad.node && !set_text(v, v->root, text))
        mark_bad(v->root);
    return v;
}

static hearth_value *new_number(hearth_ctx *ctx, double x) { return new_scalar(ctx, double_node(x)); }

static hearth_value *new_integer(hearth_ctx *ctx, int64_t x) { return new_scalar(ctx, integer_node(x)); }

static hearth_value *new_boolean(hearth_ctx *ctx, bool x)
{
    return new_scalar(ctx, (hearth_value){ .kind = HEARTH_BOOL, .as.yes = x });
}

static hearth_value *new_null(hearth_ctx *ctx) { return new_scalar(ctx, (hearth_value){ .kind = HEARTH_NULL }); }

/* -- members and elements ------------------------------------------------------------------------------------------ */

/* A power of two, at least twice the room: half of the index stays empty. */
static uint32_t index_size(uint32_t room)
{
    uint32_t size = 2 * INDEX_FROM;

    while (size < room * 2)
        size *= 2;
    return size;
}

size_t members_bytes(uint32_t room)
{
    return room * sizeof(struct member) + (room > INDEX_FROM ? index_size(room) * sizeof(uint32_t) : 0);
}

/* Holds for each slot 0 or the number of a member, from 1. */
static uint32_t *index_of(const hearth_value *o) { return (uint32_t *)(o->as.members + o->room); }

static void index_add(hearth_value *o, uint32_t i)
{
    uint32_t *slots = index_of(o), mask = index_size(o->room) - 1;
    uint32_t  at = o->as.members[i].hash & mask;

    while (slots[at])
        at = (at + 1) & mask;
    slots[at] = i + 1;
}

static bool key_is(const struct member *m, hearth_str key)
{
    return m->key_n == key.n && (key.n == 0 || memcmp(m->key, key.p, key.n) == 0);
}

struct member *member_find(const hearth_value *o, hearth_str key, uint32_t *hash)
{
    struct member *members = o->as.members;
    uint32_t       mine = 0;

    if (hash)
        *hash = 0;
    if (o->room <= INDEX_FROM) {
        for (uint32_t i = 0; i < o->count; i++)
            if (key_is(&members[i], key))
                return &members[i];
        return NULL;
    }
    mine = (uint32_t)hash_keyed(hash_key, key.p, key.n);
    if (hash)
        *hash = mine;
    for (uint32_t mask = index_size(o->room) - 1, at = mine & mask;; at = (at + 1) & mask) {
        uint32_t i = index_of(o)[at];
        if (i == 0)
            return NULL;
        if (members[i - 1].hash == mine && key_is(&members[i - 1], key))
            return &members[i - 1];
    }
}

struct member *member_append(hearth_value *o, hearth_str key, uint32_t hash)
{
    struct member *m = &o->as.members[o->count];

    m->key = key.p;
    m->key_n = (uint32_t)key.n;
    m->hash = hash;
    o->count++;
    if (o->room > INDEX_FROM)
        index_add(o, o->count - 1);
    return m;
}

/* Doubles the room. The old piece stays in the document until its end: at most as much again. */
static bool grow(hearth_value *v)
{
    uint32_t room = v->room ? v->room * 2 : FIRST_ROOM;
    bool     is_object = v->kind == HEARTH_OBJECT;
    size_t   bytes = is_object ? members_bytes(room) : room * sizeof(hearth_value);
    void    *p = v->room < UINT32_MAX / 4 ? document_take(v->root, bytes) : NULL;

    if (!p)
        return false;
    if (!is_object) {
        if (v->count)
            memcpy(p, v->as.items, v->count * sizeof(hearth_value));
        v->as.items = p;
        v->room = room;
        return true;
    }
    if (v->count)
        memcpy(p, v->as.members, v->count * sizeof(struct member));
    v->as.members = p;
    v->room = room;
    if (room > INDEX_FROM) {
        memset(index_of(v), 0, index_size(room) * sizeof(uint32_t));
        for (uint32_t i = 0; i < v->count; i++) {
            struct member *m = &v->as.members[i];
            m->hash = (uint32_t)hash_keyed(hash_key, m->key, m->key_n);
            index_add(v, i);
        }
    }
    return true;
}

/* Whether `v` is a container of this kind that its owner still builds; if not, it is marked. */
static bool may_build(hearth_value *v, hearth_kind kind)
{
    if (!v || v->root == &value_bad)
        return false;
    if (v == &v->root->node && v->kind == kind && !atomic_load_explicit(&v->root->is_frozen, memory_order_relaxed))
        return true;
    mark_bad(v->root);
    return false;
}

/* The node to fill for a key, or for one more element; NULL (and `v` marked) when it cannot be. */
static hearth_value *slot_of(hearth_value *v, hearth_kind kind, hearth_str key)
{
    struct member *m = NULL;
    uint32_t       hash = 0;

    if (!may_build(v, kind))
        return NULL;
    if (kind == HEARTH_OBJECT) {
        m = member_find(v, key, &hash);
        if (m)
            return &m->value;
    }
    if (v->count == v->room) {
        if (!grow(v)) {
            mark_bad(v->root);
            return NULL;
        }
        if (kind == HEARTH_OBJECT)
            member_find(v, key, &hash); /* the index may be new */
    }
    if (kind == HEARTH_ARRAY)
        return &v->as.items[v->count++];
    key.p = take_text(v->root, key);
    if (!key.p) {
        mark_bad(v->root);
        return NULL;
    }
    m = member_append(v, key, hash);
    m->value = (hearth_value){ .root = v->root, .kind = HEARTH_NULL };
    return &m->value;
}

static void put_node(hearth_value *v, hearth_kind kind, hearth_str key, hearth_value node)
{
    hearth_value *slot = slot_of(v, kind, key);

    if (slot) {
        node.root = v->root;
        *slot = node;
    }
}

static void put_text(hearth_value *v, hearth_kind kind, hearth_str key, hearth_str text)
{
    hearth_value *slot = slot_of(v, kind, key);

    if (slot && !set_text(slot, v->root, text)) {
        *slot = (hearth_value){ .root = v->root, .kind = HEARTH_NULL };
        mark_bad(v->root);
    }
}

/* Keeps the child's document for the parent's life. */
static bool adopt(struct document *root, struct document *child)
{
    struct adopted *a = document_take(root, sizeof *a);

    if (!a)
        return false;
    a->root = child;
    a->next = root->adopted;
    root->adopted = a;
    atomic_fetch_add_explicit(&child->refs, 1, memory_order_relaxed);
    value_freeze(&child->node);
    return true;
}

/* NULL adds nothing: hearth_put_ref(to, "x", hearth_get(from, "x")) copies what is there. */
static void put_shared(hearth_value *v, hearth_kind kind, hearth_str key, const hearth_value *child)
{
    hearth_value  node;
    hearth_value *slot = NULL;

    if (!child || !v || v->root == &value_bad)
        return;
    node = *child; /* before the slot: it may lie in the piece that moves */
    if (value_is_bad(child) || child == &v->root->node || node.height >= LIMIT_JSON_DEPTH) {
        mark_bad(v->root);
        return;
    }
    if (node.kind == HEARTH_STRING && node.count <= COPY_BYTES && node.root != v->root) {
        put_text(v, kind, key, (hearth_str){ node.as.text, node.count });
        return;
    }
    slot = slot_of(v, kind, key);
    if (!slot)
        return;
    if (node.kind >= HEARTH_STRING && node.root != v->root && !adopt(v->root, node.root)) {
        mark_bad(v->root);
        node = (hearth_value){ .kind = HEARTH_NULL };
    }
    node.root = v->root;
    *slot = node;
    if (v->height <= node.height)
        v->height = (uint8_t)(node.height + 1);
}

static void put_owned(hearth_value *v, hearth_kind kind, hearth_str key, hearth_value *child)
{
    put_shared(v, kind, key, child);
    if (child && (!v || child != &v->root->node)) /* itself: refused, and still the caller's */
        document_unref(child->root);
}

static const hearth_str no_key = { NULL, 0 };

static void put(hearth_value *o, hearth_str key, hearth_value *child) { put_owned(o, HEARTH_OBJECT, key, child); }
static void put_ref(hearth_value *o, hearth_str key, const hearth_value *child)
{
    put_shared(o, HEARTH_OBJECT, key, child);
}
static void put_str(hearth_value *o, hearth_str key, hearth_str text) { put_text(o, HEARTH_OBJECT, key, text); }
static void put_i64(hearth_value *o, hearth_str key, int64_t x) { put_node(o, HEARTH_OBJECT, key, integer_node(x)); }
static void put_u64(hearth_value *o, hearth_str key, uint64_t x) { put_node(o, HEARTH_OBJECT, key, unsigned_node(x)); }
static void put_f64(hearth_value *o, hearth_str key, double x) { put_node(o, HEARTH_OBJECT, key, double_node(x)); }
static void add(hearth_value *a, hearth_value *child) { put_owned(a, HEARTH_ARRAY, no_key, child); }
static void add_ref(hearth_value *a, const hearth_value *child) { put_shared(a, HEARTH_ARRAY, no_key, child); }
static void add_str(hearth_value *a, hearth_str text) { put_text(a, HEARTH_ARRAY, no_key, text); }
static void add_i64(hearth_value *a, int64_t x) { put_node(a, HEARTH_ARRAY, no_key, integer_node(x)); }
static void add_f64(hearth_value *a, double x) { put_node(a, HEARTH_ARRAY, no_key, double_node(x)); }

static void put_bool(hearth_value *o, hearth_str key, bool x)
{
    put_node(o, HEARTH_OBJECT, key, (hearth_value){ .kind = HEARTH_BOOL, .as.yes = x });
}

static void put_null(hearth_value *o, hearth_str key)
{
    put_node(o, HEARTH_OBJECT, key, (hearth_value){ .kind = HEARTH_NULL });
}

/* -- the table --------------------------------------------------------------------------------------------------- */

static const hearth_value_api table = {
    .size = sizeof table,
    .object = new_object,
    .array = new_array,
    .string = new_string,
    .number = new_number,
    .integer = new_integer,
    .boolean = new_boolean,
    .null = new_null,
    .parse = value_parse,
    .ref = value_ref,
    .unref = value_unref,
    .put = put,
    .put_ref = put_ref,
    .put_str = put_str,
    .put_i64 = put_i64,
    .put_u64 = put_u64,
    .put_f64 = put_f64,
    .put_bool = put_bool,
    .put_null = put_null,
    .add = add,
    .add_ref = add_ref,
    .add_str = add_str,
    .add_i64 = add_i64,
    .add_f64 = add_f64,
    .kind = value_kind,
    .count = value_count,
    .get = value_get,
    .at = value_at,
    .key_at = value_key_at,
    .as_bool = value_as_bool,
    .as_i64 = value_as_i64,
    .as_u64 = value_as_u64,
    .as_f64 = value_as_f64,
    .as_str = value_as_str,
    .is_bad = value_is_bad,
    .write = value_write,
    .write_free = value_write_free,
};

const hearth_value_api *value_table(void) { return &table; }

void value_install(void) { value_use(&table); }

void value_set_key(const uint8_t key[16]) { memcpy(hash_key, key, sizeof hash_key); }

void value_set_account(void (*fn)(hearth_ctx *ctx, ptrdiff_t bytes)) { account = fn; }
