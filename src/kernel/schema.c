/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* schema.c: from a schema's text to a flat list of rules.
 *
 * Every subschema becomes one rule; rules name each other by number. The list is its own queue: reading a rule
 * appends those it mentions, unread, and the loop goes on to them, so that nothing recurses here. A $ref becomes the
 * number of its target, found once; definitions that nothing refers to are never read, so a file may share its $defs
 * with what this validator is not asked about.
 *
 * Two things could make a check endless or exponential, and are stopped before it: a schema that refers to itself
 * without going down into the value (refused here), and combinations of alternatives (a budget, schema_check.c). */
#include "kernel/schema_rule.h"

#include <stdlib.h>

#include "kit/alloc.h"
#include "kit/describe.h"
#include "kit/limits.h"

typedef struct target {
    const hearth_value *at;
    rule_id             rule;
} target;

typedef struct compiler {
    schema     *s;
    target     *targets; /* of $ref, so that each is read once */
    uint32_t    target_count, target_room;
    hearth_err *err;
    hearth_code code;
} compiler;

static bool refuse(compiler *c, hearth_code code, const char *keyword, const char *want, const hearth_value *got)
{
    char text[DESCRIBE_BYTES];

    if (c->code == HEARTH_OK) {
        c->code = code;
        if (code == HEARTH_NO_MEMORY)
            hearth_err_set(c->err, code, "schema", "there is not enough memory to compile a schema");
        else
            hearth_err_set(c->err, code, "schema", "in a schema, \"%s\" %s, got %s", keyword, want,
                           describe_value(text, got));
    }
    return false;
}

/* The list with room for `more` elements behind the count; as it was, and the code set, when there is none. */
static void *reserve(compiler *c, void *list, uint32_t *room, uint32_t count, size_t more, size_t size)
{
    size_t need = count + more, grown = *room ? *room : 16;
    void  *p = NULL;

    if (need <= *room || c->code < 0)
        return list;
    if (need > LIMIT_SCHEMA_NODES) {
        c->code =
            hearth_err_set(c->err, HEARTH_TOO_LARGE, "schema", "the schema has over %d parts", LIMIT_SCHEMA_NODES);
        return list;
    }
    while (grown < need)
        grown *= 2;
    p = kit_realloc(list, grown * size);
    if (!p) {
        refuse(c, HEARTH_NO_MEMORY, "", "", NULL);
        return list;
    }
    *room = (uint32_t)grown;
    return p;
}

#define RESERVE(c, list, count, room, more)                                                                            \
    ((list) = reserve(c, list, &(room), count, more, sizeof *(list)), (c)->code == HEARTH_OK)

/* A new rule, to be read later. RULE_NONE when there is no room. */
static rule_id rule_of(compiler *c, const hearth_value *from)
{
    schema *s = c->s;

    if (!RESERVE(c, s->rules, s->rule_count, s->rule_room, 1))
        return RULE_NONE;
    s->rules[s->rule_count] = (rule){
        .from = from,
        .types = TYPE_ANY,
        .ref = RULE_NONE,
        .additional = RULE_NONE,
        .names = RULE_NONE,
        .items = RULE_NONE,
        .no = RULE_NONE,
        .max_length = UINT32_MAX,
        .max_items = UINT32_MAX,
        .max_members = UINT32_MAX,
    };
    return s->rule_count++;
}

/* -- keywords --------------------------------------------------------------------------------------------------------- */

static uint8_t type_named(hearth_str name)
{
    static const struct {
        const char *name;
        uint8_t     type;
    } types[] = { { "null", TYPE_NULL },     { "boolean", TYPE_BOOL },  { "integer", TYPE_INTEGER },
                  { "number", TYPE_NUMBER }, { "string", TYPE_STRING }, { "array", TYPE_ARRAY },
                  { "object", TYPE_OBJECT } };

    for (size_t i = 0; i < HEARTH_COUNT(types); i++)
        if (hearth_str_is(name, types[i].name))
            return types[i].type;
    return 0;
}

static bool read_type(compiler *c, rule *r, const hearth_value *v)
{
    size_t n = hearth_kind_of(v) == HEARTH_ARRAY ? hearth_count(v) : 1;

    r->types = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t type = type_named(hearth_as_str(hearth_kind_of(v) == HEARTH_ARRAY ? hearth_at(v, i) : v));
        if (!type)
            return refuse(c, HEARTH_INVALID_ARGUMENT, "type",
                          "must be null, boolean, integer, number, string, array, object or some of them", v);
        r->types |= type;
    }
    return true;
}

static bool read_count(compiler *c, uint32_t *to, const char *keyword, const hearth_value *v)
{
    int64_t x = hearth_as_i64(v, -1);

    if (x < 0)
        return refuse(c, HEARTH_INVALID_ARGUMENT, keyword, "must be a whole number from 0", v);
    *to = x < UINT32_MAX ? (uint32_t)x : UINT32_MAX;
    return true;
}

static bool read_bound(compiler *c, const hearth_value **to, const char *keyword, const hearth_value *v)
{
    hearth_kind kind = hearth_kind_of(v);

    if (kind != HEARTH_INT && kind != HEARTH_UINT && kind != HEARTH_DOUBLE)
        return refuse(c, HEARTH_INVALID_ARGUMENT, keyword, "must be a number", v);
    if (hearth_str_is(hearth_cstr(keyword), "multipleOf") && hearth_as_f64(v, 0) <= 0)
        return refuse(c, HEARTH_INVALID_ARGUMENT, keyword, "must be over 0", v);
    *to = v;
    return true;
}

static bool read_pattern(compiler *c, rule_id id, const hearth_value *v)
{
    hearth_err why = { 0 };

    if (hearth_kind_of(v) != HEARTH_STRING)
        return refuse(c, HEARTH_INVALID_ARGUMENT, "pattern", "must be a text", v);
    c->s->rules[id].pattern = pattern_new(hearth_as_str(v), &why);
    if (!c->s->rules[id].pattern) {
        c->code = hearth_err_set(c->err, why.code, "schema", "%s", why.msg);
        return false;
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    return hearth_str_compare(((const property *)a)->name, ((const property *)b)->name);
}

static bool read_properties(compiler *c, rule_id id, const hearth_value *v)
{
    schema *s = c->s;
    size_t  n = hearth_count(v);
    span    all = { s->property_count, (uint32_t)n };

    if (hearth_kind_of(v) != HEARTH_OBJECT)
        return refuse(c, HEARTH_INVALID_ARGUMENT, "properties", "must be an object", v);
    if (!RESERVE(c, s->properties, s->property_count, s->property_room, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        rule_id child = rule_of(c, hearth_at(v, i));
        if (child == RULE_NONE)
            return false;
        s->properties[s->property_count++] = (property){ hearth_key_at(v, i), child };
    }
    if (n)
        qsort(s->properties + all.first, n, sizeof *s->properties, by_name);
    s->rules[id].properties = all;
    return true;
}

static bool read_required(compiler *c, rule_id id, const hearth_value *v)
{
    schema *s = c->s;
    size_t  n = hearth_count(v);

    if (hearth_kind_of(v) != HEARTH_ARRAY)
        return refuse(c, HEARTH_INVALID_ARGUMENT, "required", "must be an array of names", v);
    if (!RESERVE(c, s->names, s->name_count, s->name_room, n))
        return false;
    s->rules[id].required = (span){ s->name_count, (uint32_t)n };
    for (size_t i = 0; i < n; i++) {
        if (hearth_kind_of(hearth_at(v, i)) != HEARTH_STRING)
            return refuse(c, HEARTH_INVALID_ARGUMENT, "required", "must be an array of names", v);
        s->names[s->name_count++] = hearth_as_str(hearth_at(v, i));
    }
    return true;
}

static bool read_list(compiler *c, span *to, const char *keyword, const hearth_value *v)
{
    schema *s = c->s;
    size_t  n = hearth_count(v);
    span    all = { s->id_count, (uint32_t)n };

    if (hearth_kind_of(v) != HEARTH_ARRAY || n == 0)
        return refuse(c, HEARTH_INVALID_ARGUMENT, keyword, "must be an array of schemas", v);
    if (!RESERVE(c, s->ids, s->id_count, s->id_room, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        rule_id child = rule_of(c, hearth_at(v, i));
        if (child == RULE_NONE)
            return false;
        s->ids[s->id_count++] = child;
    }
    *to = all;
    return true;
}

/* The next name of a JSON pointer (RFC 6901), its ~0 and ~1 undone; false at the end or when it is malformed. */
static bool next_token(hearth_str *pointer, char *out, size_t size, hearth_str *token)
{
    size_t n = 0, i = 1;

    if (pointer->n == 0 || pointer->p[0] != '/')
        return false;
    for (; i < pointer->n && pointer->p[i] != '/' && n < size; i++) {
        char c = pointer->p[i];
        if (c == '~' && i + 1 < pointer->n && (pointer->p[i + 1] == '0' || pointer->p[i + 1] == '1'))
            c = pointer->p[++i] == '0' ? '~' : '/';
        out[n++] = c;
    }
    *token = (hearth_str){ out, n };
    pointer->p += i;
    pointer->n -= i;
    return n < size;
}

static const hearth_value *resolve(const compiler *c, hearth_str ref)
{
    const hearth_value *at = c->s->document;
    hearth_str          pointer = ref, token;
    char                name[128];
    uint64_t            i = 0;

    if (ref.n == 0 || ref.p[0] != '#')
        return NULL;
    pointer.p++;
    pointer.n--;
    while (at && pointer.n > 0) {
        if (!next_token(&pointer, name, sizeof name, &token))
            return NULL;
        if (hearth_kind_of(at) == HEARTH_ARRAY)
            at = hearth_str_u64(token, &i) == HEARTH_OK ? hearth_at(at, (size_t)i) : NULL;
        else
            at = hearth_get_by(at, token);
    }
    return at;
}

static bool read_ref(compiler *c, rule_id id, const hearth_value *v)
{
    const hearth_value *at = resolve(c, hearth_as_str(v));
    rule_id             found = at == c->s->document ? 0 : RULE_NONE;

    if (!at)
        return refuse(c, HEARTH_INVALID_ARGUMENT, "$ref",
                      "must lead to a part of the same document, such as #/$defs/Name", v);
    for (uint32_t i = 0; found == RULE_NONE && i < c->target_count; i++)
        if (c->targets[i].at == at)
            found = c->targets[i].rule;
    if (found == RULE_NONE) {
        if (!RESERVE(c, c->targets, c->target_count, c->target_room, 1))
            return false;
        found = rule_of(c, at);
        if (found == RULE_NONE)
            return false;
        c->targets[c->target_count++] = (target){ at, found };
    }
    c->s->rules[id].ref = found;
    return true;
}

static bool read_child(compiler *c, rule_id *to, const hearth_value *v)
{
    *to = rule_of(c, v);
    return *to != RULE_NONE;
}

/* Keywords that check something which this validator does not: to ignore them would be to promise too much. */
static bool is_unsupported(hearth_str key)
{
    static const char *const keys[] = { "patternProperties",
                                        "dependentRequired",
                                        "dependentSchemas",
                                        "dependencies",
                                        "if",
                                        "then",
                                        "else",
                                        "contains",
                                        "minContains",
                                        "maxContains",
                                        "unevaluatedItems",
                                        "unevaluatedProperties",
                                        "additionalItems",
                                        "$dynamicRef",
                                        "$recursiveRef" };

    for (size_t i = 0; i < HEARTH_COUNT(keys); i++)
        if (hearth_str_is(key, keys[i]))
            return true;
    return false;
}

/* What says something about numbers, texts, lengths. `r` stays valid: nothing here makes rules. */
static bool read_plain(compiler *c, rule *r, hearth_str key, const hearth_value *v)
{
    const struct {
        const char          *name;
        uint32_t            *count;
        const hearth_value **bound;
    } plain[] = {
        { "minLength", &r->min_length, NULL },      { "maxLength", &r->max_length, NULL },
        { "minItems", &r->min_items, NULL },        { "maxItems", &r->max_items, NULL },
        { "minProperties", &r->min_members, NULL }, { "maxProperties", &r->max_members, NULL },
        { "minimum", NULL, &r->minimum },           { "maximum", NULL, &r->maximum },
        { "exclusiveMinimum", NULL, &r->above },    { "exclusiveMaximum", NULL, &r->below },
        { "multipleOf", NULL, &r->multiple },
    };

    for (size_t i = 0; i < HEARTH_COUNT(plain); i++)
        if (hearth_str_is(key, plain[i].name))
            return plain[i].count ? read_count(c, plain[i].count, plain[i].name, v)
                                  : read_bound(c, plain[i].bound, plain[i].name, v);
    if (hearth_str_is(key, "type"))
        return read_type(c, r, v);
    if (hearth_str_is(key, "const")) {
        r->constant = v;
    } else if (hearth_str_is(key, "enum")) {
        if (hearth_kind_of(v) != HEARTH_ARRAY || hearth_count(v) == 0)
            return refuse(c, HEARTH_INVALID_ARGUMENT, "enum", "must be an array of values", v);
        r->enumeration = v;
    } else if (hearth_str_is(key, "uniqueItems")) {
        if (hearth_kind_of(v) != HEARTH_BOOL)
            return refuse(c, HEARTH_INVALID_ARGUMENT, "uniqueItems", "must be true or false", v);
        r->is_unique = hearth_as_bool(v, false);
    }
    return true;
}

static bool read_keyword(compiler *c, rule_id id, hearth_str key, const hearth_value *v)
{
    static const char *const one[] = { "additionalProperties", "propertyNames", "items", "not" };
    static const char *const many[] = { "prefixItems", "allOf", "anyOf", "oneOf" };
    char                     name[32];
    span                     list = { 0, 0 };
    rule_id                  child = RULE_NONE;

    if (is_unsupported(key)) {
        hearth_str_copy(name, sizeof name, key);
        return refuse(c, HEARTH_UNSUPPORTED, name, "is not supported", v);
    }
    if (hearth_str_is(key, "properties"))
        return read_properties(c, id, v);
    if (hearth_str_is(key, "required"))
        return read_required(c, id, v);
    if (hearth_str_is(key, "$ref"))
        return read_ref(c, id, v);
    if (hearth_str_is(key, "pattern"))
        return read_pattern(c, id, v);
    for (size_t i = 0; i < HEARTH_COUNT(one); i++) {
        if (!hearth_str_is(key, one[i]))
            continue;
        if (!read_child(c, &child, v))
            return false;
        rule *r = &c->s->rules[id]; /* only now: making a rule may move them */
        *(i == 0 ? &r->additional : i == 1 ? &r->names : i == 2 ? &r->items : &r->no) = child;
        return true;
    }
    for (size_t i = 0; i < HEARTH_COUNT(many); i++) {
        if (!hearth_str_is(key, many[i]))
            continue;
        if (!read_list(c, &list, many[i], v))
            return false;
        rule *r = &c->s->rules[id];
        *(i == 0 ? &r->prefix : i == 1 ? &r->all : i == 2 ? &r->any : &r->one) = list;
        return true;
    }
    return read_plain(c, &c->s->rules[id], key, v);
}

static bool read_rule(compiler *c, rule_id id)
{
    const hearth_value *from = c->s->rules[id].from;

    if (hearth_kind_of(from) == HEARTH_BOOL) {
        c->s->rules[id].is_never = !hearth_as_bool(from, true);
        return true;
    }
    if (hearth_kind_of(from) != HEARTH_OBJECT)
        return refuse(c, HEARTH_INVALID_ARGUMENT, "schema", "must be an object, true or false", from);
    for (size_t i = 0; i < hearth_count(from); i++)
        if (!read_keyword(c, id, hearth_key_at(from, i), hearth_at(from, i)))
            return false;
    return true;
}

/* -- circles ---------------------------------------------------------------------------------------------------------- */

enum { UNSEEN = 0, OPEN = 255 }; /* else the height: how many rules deep one value is looked at */

/* Follows what looks at the same value again ($ref, allOf, anyOf, oneOf, not). */
static bool climb(compiler *c, uint8_t *heights, rule_id id, unsigned depth)
{
    const rule *r = &c->s->rules[id];
    const span  lists[] = { r->all, r->any, r->one };
    rule_id     next[2] = { r->ref, r->no };
    uint8_t     mine = 1;

    if (heights[id] == OPEN) {
        c->code = hearth_err_set(c->err, HEARTH_INVALID_ARGUMENT, "schema",
                                 "the schema refers to itself without going into the value");
        return false;
    }
    if (depth + (heights[id] ? heights[id] : 1u) > LIMIT_SCHEMA_DEPTH) {
        c->code = hearth_err_set(c->err, HEARTH_TOO_LARGE, "schema", "the schema is over %d levels deep for one value",
                                 LIMIT_SCHEMA_DEPTH);
        return false;
    }
    if (heights[id] != UNSEEN)
        return true;
    heights[id] = OPEN;
    for (size_t k = 0; k <= HEARTH_COUNT(lists); k++) {
        bool           is_list = k < HEARTH_COUNT(lists);
        uint32_t       n = is_list ? lists[k].count : HEARTH_COUNT(next);
        const rule_id *ids = is_list && n ? c->s->ids + lists[k].first : next;
        for (uint32_t i = 0; i < n; i++) {
            if (ids[i] == RULE_NONE)
                continue;
            if (!climb(c, heights, ids[i], depth + 1))
                return false;
            if (heights[ids[i]] >= mine)
                mine = (uint8_t)(heights[ids[i]] + 1);
        }
    }
    heights[id] = mine;
    return true;
}

static bool find_circles(compiler *c)
{
    uint8_t *heights = kit_malloc(c->s->rule_count);
    bool     good = heights != NULL;

    if (good)
        memset(heights, UNSEEN, c->s->rule_count);
    else
        refuse(c, HEARTH_NO_MEMORY, "", "", NULL);
    for (rule_id id = 0; good && id < c->s->rule_count; id++)
        good = climb(c, heights, id, 0);
    kit_free(heights);
    return good;
}

schema *schema_compile(const hearth_value *json_schema, hearth_err *err)
{
    compiler c = { .s = kit_malloc(sizeof *c.s), .err = err };
    bool     good = c.s != NULL;

    if (!good) {
        refuse(&c, HEARTH_NO_MEMORY, "", "", NULL);
        return NULL;
    }
    *c.s = (schema){ .document = hearth_value_ref(json_schema) };
    good = rule_of(&c, json_schema) != RULE_NONE;
    for (rule_id id = 0; good && id < c.s->rule_count; id++)
        good = read_rule(&c, id);
    good = good && find_circles(&c);
    kit_free(c.targets);
    if (!good) {
        schema_free(c.s);
        return NULL;
    }
    return c.s;
}

void schema_free(schema *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->rule_count; i++)
        pattern_free(s->rules[i].pattern);
    hearth_value_unref(s->document);
    kit_free(s->rules);
    kit_free(s->ids);
    kit_free(s->properties);
    kit_free(s->names);
    kit_free(s);
}
