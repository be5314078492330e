/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* value_node.h: what a value is made of; shared by value.c (building), value_read.c and value_json.c, nobody else. */
#ifndef KIT_VALUE_NODE_H
#define KIT_VALUE_NODE_H

#include <stdatomic.h>

#include <hearth/kit.h>

/* 32 bytes. Children lie in one piece, so that the i-th is found at once; a child that came from another document
 * is a copy of its node, whose text or children still lie in that document (which is kept alive). */
struct hearth_value {
    struct document *root;
    union {
        bool           yes;
        int64_t        i;
        uint64_t       u;
        double         d;
        const char    *text;    /* count bytes and a NUL */
        hearth_value  *items;   /* room for `room`, of which count are used */
        struct member *members; /* the same, then the index when room is over INDEX_FROM */
    } as;
    uint32_t count, room;
    uint8_t  kind;   /* hearth_kind */
    uint8_t  height; /* of a scalar 0, of an empty array 1; never over LIMIT_JSON_DEPTH */
};

struct member {
    const char  *key; /* NUL-terminated */
    uint32_t     key_n;
    uint32_t     hash; /* 0 in a small object */
    hearth_value value;
};

/* Objects with room for more than this are looked up by hash; a smaller one is faster searched in line. */
enum { INDEX_FROM = 16 };

struct block;

struct adopted {
    struct adopted  *next;
    struct document *root;
};

/* A tree with its memory, counted as one. Built by one owner; from the first adoption or value_freeze on it never
 * changes again, but for the count and the mark. */
struct document {
    atomic_size_t    refs;
    atomic_bool      is_frozen;
    atomic_bool      is_bad;
    hearth_ctx      *ctx;
    size_t           bytes; /* charged to ctx */
    struct block    *blocks;
    char            *next, *end; /* of the room that is left in the newest block */
    struct adopted  *adopted;
    struct document *dead; /* list of documents that are being freed */
    hearth_value     node;
};

/* What stands for every value that could not be made. Immortal. */
extern struct document value_bad;

struct document *document_new(hearth_ctx *ctx, size_t room); /* one reference, `room` bytes ready; NULL: no memory */
void             document_unref(struct document *root);
void            *document_take(struct document *root, size_t n);
/* Bytes that an object's members take, with their index. */
size_t members_bytes(uint32_t room);
/* The member, or NULL. */
struct member *member_find(const hearth_value *o, hearth_str key, uint32_t *hash);
/* A new member at the end: the caller has asked member_find and there is room. `key` is kept. */
struct member *member_append(hearth_value *o, hearth_str key, uint32_t hash);

hearth_value *value_parse(hearth_ctx *ctx, hearth_str json, hearth_err *err);
char         *value_write(const hearth_value *v, size_t *n);
void          value_write_free(char *text);

hearth_kind         value_kind(const hearth_value *v);
size_t              value_count(const hearth_value *v);
const hearth_value *value_get(const hearth_value *o, hearth_str key);
const hearth_value *value_at(const hearth_value *v, size_t i);
hearth_str          value_key_at(const hearth_value *o, size_t i);
bool                value_as_bool(const hearth_value *v, bool otherwise);
int64_t             value_as_i64(const hearth_value *v, int64_t otherwise);
uint64_t            value_as_u64(const hearth_value *v, uint64_t otherwise);
double              value_as_f64(const hearth_value *v, double otherwise);
hearth_str          value_as_str(const hearth_value *v);
bool                value_is_bad(const hearth_value *v);

#endif
