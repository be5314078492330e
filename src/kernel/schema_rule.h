/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* schema_rule.h: a compiled schema; shared by schema.c, which makes it, and schema_check.c, which runs it. */
#ifndef HEARTH_KERNEL_SCHEMA_RULE_H
#define HEARTH_KERNEL_SCHEMA_RULE_H

#include "kernel/pattern.h"
#include "kernel/schema.h"

enum {
    TYPE_NULL = 1,
    TYPE_BOOL = 2,
    TYPE_INTEGER = 4, /* a number is both, when it is whole */
    TYPE_NUMBER = 8,
    TYPE_STRING = 16,
    TYPE_ARRAY = 32,
    TYPE_OBJECT = 64,
    TYPE_ANY = 127
};

/* Rules are known by number; 0 is the document itself. */
typedef uint32_t rule_id;

#define RULE_NONE UINT32_MAX

typedef struct span {
    uint32_t first, count;
} span;

typedef struct property {
    hearth_str name;
    rule_id    rule;
} property;

typedef struct rule {
    const hearth_value *from; /* the schema's own text: what the compiler has yet to read */
    uint8_t             types;
    bool                is_never; /* the schema `false` */
    bool                is_unique;
    rule_id             ref, additional, names, items, no;
    span                properties;            /* of schema.properties, by name */
    span                required;              /* of schema.names */
    span                prefix, all, any, one; /* of schema.ids */
    const hearth_value *enumeration, *constant;
    const hearth_value *minimum, *maximum, *above, *below, *multiple;
    uint32_t            min_length, max_length, min_items, max_items, min_members, max_members;
    pattern            *pattern;
} rule;

struct schema {
    hearth_value *document; /* keeps all borrowed views alive */
    rule         *rules;
    rule_id      *ids;
    property     *properties;
    hearth_str   *names;
    uint32_t      rule_count, id_count, property_count, name_count;
    uint32_t      rule_room, id_room, property_room, name_room;
};

#endif
