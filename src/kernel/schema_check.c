/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* schema_check.c: a value against the rules that schema.c made.
 *
 * The walk is as deep as the value is high (kit caps that) times what schema.c let a rule look at one value. Each rule
 * that is applied, each element compared and each instruction of a pattern costs a step of a budget; when that is used
 * up the answer is too_large, never yes.
 *
 * Alternatives are tried silently. When none fits, the person hears of the one they meant: the only one for values of
 * this type, else of the types that would do. Sentences are about the value, never about the schema. */
#include "kernel/schema_rule.h"

#include <math.h>
#include <stdlib.h>

#include "kit/alloc.h"
#include "kit/describe.h"
#include "kit/limits.h"
#include "kit/utf8.h"

/* Where we are, from the inside out; lives on the stack of the walk. */
typedef struct place {
    const struct place *up;
    hearth_str          key; /* or an element: */
    size_t              index;
    bool                is_element;
} place;

typedef struct check {
    const schema *s;
    hearth_err   *err;
    hearth_buf   *path;
    uint64_t      steps;
    unsigned      quiet; /* inside alternatives: fail without words */
    bool          is_over;
} check;

/* -- words ------------------------------------------------------------------------------------------------------------ */

static void put_place(hearth_buf *out, const place *at)
{
    if (!at)
        return;
    put_place(out, at->up);
    if (at->is_element) {
        hearth_buf_printf(out, "[%zu]", at->index);
    } else {
        if (at->up)
            hearth_buf_putc(out, '.');
        hearth_utf8_repair(out, at->key);
    }
}

static bool say(check *c, const place *at, const char *fmt, ...) HEARTH_PRINTF(3, 4);
/* Always false. `fmt` goes on after the name of the place. */
static bool say(check *c, const place *at, const char *fmt, ...)
{
    hearth_buf text;
    va_list    args;

    if (c->is_over)
        return false;
    hearth_buf_init(&text, 4096);
    if (at) {
        hearth_buf_putc(&text, '"');
        put_place(&text, at);
        hearth_buf_puts(&text, "\" ");
    } else {
        hearth_buf_puts(&text, "the value ");
    }
    va_start(args, fmt);
    hearth_buf_vprintf(&text, fmt, args);
    va_end(args);
    hearth_err_set(c->err, HEARTH_INVALID_ARGUMENT, "schema", "%s", text.p ? text.p : "an argument is wrong");
    if (c->path)
        put_place(c->path, at);
    hearth_buf_deinit(&text);
    return false;
}

/* In silence not even the words are put together: what is tried and fails must cost no more than its steps. */
#define fail(c, ...) ((c)->quiet ? false : say(c, __VA_ARGS__))

static void put_types(hearth_buf *out, uint8_t types)
{
    static const struct {
        uint8_t     type;
        const char *words;
    } names[] = { { TYPE_STRING, "a text" },      { TYPE_NUMBER, "a number" }, { TYPE_INTEGER, "a whole number" },
                  { TYPE_BOOL, "true or false" }, { TYPE_ARRAY, "an array" },  { TYPE_OBJECT, "an object" },
                  { TYPE_NULL, "null" } };
    bool is_first = true;

    if (types & TYPE_NUMBER)
        types = (uint8_t)(types & ~TYPE_INTEGER);
    for (size_t i = 0; i < HEARTH_COUNT(names); i++) {
        if (!(types & names[i].type))
            continue;
        hearth_buf_puts(out, is_first ? "" : " or ");
        hearth_buf_puts(out, names[i].words);
        is_first = false;
    }
}

/* "a number between 0 and 2", from a rule about numbers. */
static void put_range(hearth_buf *out, const rule *r)
{
    const hearth_value *low = r->minimum ? r->minimum : r->above, *high = r->maximum ? r->maximum : r->below;
    char                a[DESCRIBE_BYTES], b[DESCRIBE_BYTES];

    describe_value(a, low);
    describe_value(b, high);
    if (r->minimum && r->maximum)
        hearth_buf_printf(out, " between %s and %s", a, b);
    else if (low && high)
        hearth_buf_printf(out, " %s %s and %s %s", r->minimum ? "from" : "over", a, r->maximum ? "up to" : "under", b);
    else if (low)
        hearth_buf_printf(out, " %s %s", r->minimum ? "from" : "over", a);
    else if (high)
        hearth_buf_printf(out, " %s %s", r->maximum ? "up to" : "under", b);
}

static bool fail_type(check *c, const place *at, const rule *r, uint8_t types, const hearth_value *v)
{
    hearth_buf want;
    char       got[DESCRIBE_BYTES];

    if (c->quiet)
        return false;
    hearth_buf_init(&want, 1024);
    put_types(&want, types);
    if (types == TYPE_NUMBER || types == TYPE_INTEGER || types == (TYPE_NUMBER | TYPE_INTEGER))
        put_range(&want, r);
    fail(c, at, "must be %s, got %s", want.p ? want.p : "of another type", describe_value(got, v));
    hearth_buf_deinit(&want);
    return false;
}

static bool fail_choice(check *c, const place *at, const rule *r, const hearth_value *v)
{
    enum { SHOWN = 12 };
    hearth_buf want;
    char       text[DESCRIBE_BYTES];
    size_t     n = hearth_count(r->enumeration);

    if (c->quiet)
        return false;
    hearth_buf_init(&want, 2048);
    for (size_t i = 0; i < n && i < SHOWN; i++)
        hearth_buf_printf(&want, "%s%s", i ? ", " : "", describe_value(text, hearth_at(r->enumeration, i)));
    if (n > SHOWN)
        hearth_buf_printf(&want, " and %zu more", n - SHOWN);
    fail(c, at, "must be one of %s, got %s", want.p ? want.p : "a list", describe_value(text, v));
    hearth_buf_deinit(&want);
    return false;
}

static bool fail_unknown(check *c, const place *at, const rule *r)
{
    enum { SHOWN = 10 };
    hearth_buf known;
    span       all = r->properties;

    if (c->quiet)
        return false;
    hearth_buf_init(&known, 1024);
    for (uint32_t i = 0; i < all.count && i < SHOWN; i++)
        hearth_buf_printf(&known, "%s%.*s", i ? ", " : "", HEARTH_FMT(c->s->properties[all.first + i].name));
    if (all.count == 0)
        fail(c, at, "is not known here: nothing is expected");
    else
        fail(c, at, "is not known here; known are %s%s", known.p ? known.p : "others",
             all.count > SHOWN ? " and more" : "");
    hearth_buf_deinit(&known);
    return false;
}

/* -- values ----------------------------------------------------------------------------------------------------------- */

static bool spend(check *c, uint64_t n)
{
    if (c->steps >= n) {
        c->steps -= n;
        return true;
    }
    if (!c->is_over)
        hearth_err_set(c->err, HEARTH_TOO_LARGE, "schema", "checking this would take too long; send less at once");
    c->is_over = true;
    return false;
}

static bool is_whole(double x) { return floor(x) == x; }

static uint8_t types_of(const hearth_value *v)
{
    switch (hearth_kind_of(v)) {
    case HEARTH_BOOL:
        return TYPE_BOOL;
    case HEARTH_INT:
    case HEARTH_UINT:
        return TYPE_INTEGER | TYPE_NUMBER;
    case HEARTH_DOUBLE:
        return is_whole(hearth_as_f64(v, 0.5)) ? TYPE_INTEGER | TYPE_NUMBER : TYPE_NUMBER;
    case HEARTH_STRING:
        return TYPE_STRING;
    case HEARTH_ARRAY:
        return TYPE_ARRAY;
    case HEARTH_OBJECT:
        return TYPE_OBJECT;
    default:
        return TYPE_NULL;
    }
}

/* Less, equal, greater: as -1, 0, 1. Whole numbers exactly, also where doubles have gaps. */
static int compare_numbers(const hearth_value *a, const hearth_value *b)
{
    hearth_kind x = hearth_kind_of(a), y = hearth_kind_of(b);

    if (x == HEARTH_INT && y == HEARTH_INT)
        return (hearth_as_i64(a, 0) > hearth_as_i64(b, 0)) - (hearth_as_i64(a, 0) < hearth_as_i64(b, 0));
    if (x == HEARTH_UINT && y == HEARTH_UINT)
        return (hearth_as_u64(a, 0) > hearth_as_u64(b, 0)) - (hearth_as_u64(a, 0) < hearth_as_u64(b, 0));
    if ((x == HEARTH_UINT && y == HEARTH_INT) || (x == HEARTH_INT && y == HEARTH_UINT))
        return x == HEARTH_UINT ? 1 : -1;
    return (hearth_as_f64(a, 0) > hearth_as_f64(b, 0)) - (hearth_as_f64(a, 0) < hearth_as_f64(b, 0));
}

static bool is_number(const hearth_value *v) { return (types_of(v) & TYPE_NUMBER) != 0; }

/* 1 and 1.0 are equal; order matters in arrays only. False also when the budget is used up. */
static bool is_equal(check *c, const hearth_value *a, const hearth_value *b)
{
    if (!spend(c, 1))
        return false;
    if (is_number(a) && is_number(b))
        return compare_numbers(a, b) == 0;
    if (hearth_kind_of(a) != hearth_kind_of(b) || hearth_count(a) != hearth_count(b))
        return false;
    switch (hearth_kind_of(a)) {
    case HEARTH_BOOL:
        return hearth_as_bool(a, false) == hearth_as_bool(b, false);
    case HEARTH_STRING:
        return spend(c, hearth_count(a) / 64) && hearth_str_equal(hearth_as_str(a), hearth_as_str(b));
    case HEARTH_ARRAY:
        for (size_t i = 0; i < hearth_count(a); i++)
            if (!is_equal(c, hearth_at(a, i), hearth_at(b, i)))
                return false;
        return true;
    case HEARTH_OBJECT:
        for (size_t i = 0; i < hearth_count(a); i++) {
            const hearth_value *other = hearth_get_by(b, hearth_key_at(a, i));
            if (!other || !is_equal(c, hearth_at(a, i), other))
                return false;
        }
        return true;
    default:
        return true; /* null */
    }
}

/* Equal values have equal sums; members are added, so that their order does not count. */
static uint64_t sum_of(check *c, const hearth_value *v)
{
    hearth_str text = hearth_as_str(v);
    uint64_t   sum = 0;
    double     x = 0;

    if (!spend(c, 1 + text.n / 64))
        return 0;
    if (is_number(v)) {
        x = hearth_as_f64(v, 0) + 0.0; /* -0 is 0 */
        return hearth_hash(&x, sizeof x);
    }
    sum = (uint64_t)hearth_kind_of(v) * 31 + hearth_count(v);
    if (hearth_kind_of(v) == HEARTH_BOOL)
        return sum + hearth_as_bool(v, false);
    if (text.p)
        return sum ^ hearth_hash(text.p, text.n);
    for (size_t i = 0; i < hearth_count(v); i++) {
        hearth_str key = hearth_key_at(v, i);
        uint64_t   part = sum_of(c, hearth_at(v, i));
        sum = key.p ? sum + (part ^ hearth_hash(key.p, key.n)) * 3 : sum * 1099511628211u + part;
    }
    return sum;
}

struct element {
    uint64_t            sum;
    const hearth_value *v;
    size_t              index;
};

static int by_sum(const void *a, const void *b)
{
    const struct element *x = a, *y = b;

    if (x->sum != y->sum)
        return x->sum < y->sum ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static bool check_unique(check *c, const hearth_value *v, const place *at)
{
    size_t          n = hearth_count(v);
    struct element *all = NULL;
    bool            good = true;

    if (n < 2)
        return true;
    if (n > LIMIT_SCHEMA_UNIQUE)
        return fail(c, at, "must have at most %d elements, got %zu", LIMIT_SCHEMA_UNIQUE, n);
    all = kit_malloc(n * sizeof *all);
    if (!all) {
        hearth_err_set(c->err, HEARTH_NO_MEMORY, "schema", "there is not enough memory to compare %zu elements", n);
        c->is_over = true;
        return false;
    }
    for (size_t i = 0; i < n; i++)
        all[i] = (struct element){ sum_of(c, hearth_at(v, i)), hearth_at(v, i), i };
    qsort(all, n, sizeof *all, by_sum);
    for (size_t i = 0; good && i < n; i++)
        for (size_t k = i + 1; good && k < n && all[k].sum == all[i].sum; k++)
            if (is_equal(c, all[i].v, all[k].v))
                good = fail(c, at, "has the same element twice: [%zu] and [%zu]", all[i].index, all[k].index);
    kit_free(all);
    return good && !c->is_over;
}

/* -- rules ------------------------------------------------------------------------------------------------------------ */

static bool check_rule(check *c, rule_id id, const hearth_value *v, const place *at);

static bool check_number(check *c, const rule *r, const hearth_value *v, const place *at)
{
    char got[DESCRIBE_BYTES], step[DESCRIBE_BYTES];
    bool is_inside = (!r->minimum || compare_numbers(v, r->minimum) >= 0) &&
                     (!r->maximum || compare_numbers(v, r->maximum) <= 0) &&
                     (!r->above || compare_numbers(v, r->above) > 0) && (!r->below || compare_numbers(v, r->below) < 0);

    if (!is_inside)
        return fail_type(c, at, r, r->types & TYPE_NUMBER ? TYPE_NUMBER : TYPE_INTEGER, v);
    if (r->multiple) {
        double times = hearth_as_f64(v, 0) / hearth_as_f64(r->multiple, 1);
        /* 0.3 is a multiple of 0.1 to everybody but the processor. */
        if (!(fabs(times - round(times)) <= 1e-9 * fmax(1, fabs(times))))
            return fail(c, at, "must be a multiple of %s, got %s", describe_value(step, r->multiple),
                        describe_value(got, v));
    }
    return true;
}

static bool check_text(check *c, const rule *r, const hearth_value *v, const place *at)
{
    hearth_str text = hearth_as_str(v);
    char       got[DESCRIBE_BYTES];
    size_t     n = text.n;

    if (r->min_length > 0 || r->max_length < text.n) {
        if (!spend(c, text.n / 64))
            return false;
        n = utf8_count(text);
        if (n < r->min_length)
            return n == 0 ? fail(c, at, "must not be empty")
                          : fail(c, at, "must have at least %u characters, got %zu", r->min_length, n);
        if (n > r->max_length)
            return fail(c, at, "must have at most %u characters, got %zu", r->max_length, n);
    }
    if (r->pattern && !pattern_test(r->pattern, text, &c->steps)) {
        if (!spend(c, 1))
            return false;
        return fail(c, at, "must match %.*s, got %s", HEARTH_FMT(hearth_get_str(r->from, "pattern")),
                    describe_value(got, v));
    }
    return true;
}

static bool check_array(check *c, const rule *r, const hearth_value *v, const place *at)
{
    size_t n = hearth_count(v);

    if (n < r->min_items)
        return n == 0 ? fail(c, at, "must not be empty")
                      : fail(c, at, "must have at least %u elements, got %zu", r->min_items, n);
    if (n > r->max_items)
        return fail(c, at, "must have at most %u elements, got %zu", r->max_items, n);
    for (size_t i = 0; i < n; i++) {
        place   here = { .up = at, .index = i, .is_element = true };
        rule_id child = i < r->prefix.count ? c->s->ids[r->prefix.first + i] : r->items;
        if (child != RULE_NONE && !check_rule(c, child, hearth_at(v, i), &here))
            return false;
    }
    return !r->is_unique || check_unique(c, v, at);
}

static rule_id property_named(const check *c, span all, hearth_str name)
{
    uint32_t low = 0, high = all.count;

    while (low < high) {
        uint32_t        middle = low + (high - low) / 2;
        const property *p = &c->s->properties[all.first + middle];
        int             order = hearth_str_compare(name, p->name);
        if (order == 0)
            return p->rule;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return RULE_NONE;
}

static bool check_name(check *c, const rule *r, hearth_str key, const place *at)
{
    hearth_value *name = hearth_string(NULL, key);
    bool          good = false;

    if (hearth_is_bad(name)) {
        hearth_err_set(c->err, HEARTH_NO_MEMORY, "schema", "there is not enough memory to check a name");
        c->is_over = true;
    } else {
        c->quiet++;
        good = check_rule(c, r->names, name, at);
        c->quiet--;
    }
    hearth_value_unref(name);
    return good || fail(c, at, "is not a name that is allowed here");
}

static bool check_object(check *c, const rule *r, const hearth_value *v, const place *at)
{
    size_t n = hearth_count(v);

    if (!spend(c, r->required.count))
        return false;
    for (uint32_t i = 0; i < r->required.count; i++) {
        place here = { .up = at, .key = c->s->names[r->required.first + i] };
        if (!hearth_get_by(v, here.key))
            return fail(c, &here, "is missing");
    }
    if (n < r->min_members)
        return fail(c, at, "must have at least %u members, got %zu", r->min_members, n);
    if (n > r->max_members)
        return fail(c, at, "must have at most %u members, got %zu", r->max_members, n);
    for (size_t i = 0; i < n; i++) {
        place   here = { .up = at, .key = hearth_key_at(v, i) };
        rule_id child = property_named(c, r->properties, here.key);

        if (!spend(c, 1) || (r->names != RULE_NONE && !check_name(c, r, here.key, &here)))
            return false;
        if (child == RULE_NONE)
            child = r->additional;
        if (child == RULE_NONE)
            continue;
        if (child == r->additional && c->s->rules[child].is_never)
            return fail_unknown(c, &here, r);
        if (!check_rule(c, child, hearth_at(v, i), &here))
            return false;
    }
    return true;
}

/* The types that a rule lets through, as far as its own words, its reference and its alternatives say. */
static uint8_t types_let(const check *c, rule_id id)
{
    const rule *r = &c->s->rules[id];
    uint8_t     types = r->is_never ? 0 : r->types, some = 0;

    if (r->ref != RULE_NONE)
        types &= types_let(c, r->ref);
    if (r->constant)
        types &= types_of(r->constant);
    for (size_t i = 0; i < hearth_count(r->enumeration); i++)
        some |= types_of(hearth_at(r->enumeration, i));
    return r->enumeration ? types & some : types;
}

/* None of the alternatives fits: say what would. */
static bool fail_any(check *c, span list, const hearth_value *v, const place *at)
{
    uint8_t union_of = 0, mine = types_of(v);
    rule_id meant = RULE_NONE;
    size_t  candidates = 0;
    char    got[DESCRIBE_BYTES];

    for (uint32_t i = 0; i < list.count; i++) {
        rule_id id = c->s->ids[list.first + i];
        union_of |= types_let(c, id);
        if (types_let(c, id) & mine) {
            meant = id;
            candidates++;
        }
    }
    if (c->quiet || c->is_over)
        return false;
    if (candidates == 0 && union_of)
        return fail_type(c, at, &(rule){ 0 }, union_of, v);
    if (candidates == 1 && !check_rule(c, meant, v, at))
        return false; /* in its own words */
    return fail(c, at, "fits none of the %u forms that are allowed, got %s", list.count, describe_value(got, v));
}

static unsigned count_fits(check *c, span list, const hearth_value *v, const place *at, unsigned enough)
{
    unsigned fits = 0;

    c->quiet++;
    for (uint32_t i = 0; i < list.count && fits < enough && !c->is_over; i++)
        fits += check_rule(c, c->s->ids[list.first + i], v, at);
    c->quiet--;
    return fits;
}

static bool check_combined(check *c, const rule *r, const hearth_value *v, const place *at)
{
    if (r->ref != RULE_NONE && !check_rule(c, r->ref, v, at))
        return false;
    for (uint32_t i = 0; i < r->all.count; i++)
        if (!check_rule(c, c->s->ids[r->all.first + i], v, at))
            return false;
    if (r->any.count && count_fits(c, r->any, v, at, 1) == 0)
        return fail_any(c, r->any, v, at);
    if (r->one.count) {
        unsigned fits = count_fits(c, r->one, v, at, 2);
        if (fits == 0)
            return fail_any(c, r->one, v, at);
        if (fits > 1)
            return fail(c, at, "fits more than one of the forms that exclude each other");
    }
    if (r->no != RULE_NONE) {
        bool fits = false;
        c->quiet++;
        fits = check_rule(c, r->no, v, at);
        c->quiet--;
        if (fits)
            return fail(c, at, "has a form that is not allowed");
    }
    return !c->is_over;
}

static bool check_values(check *c, const rule *r, const hearth_value *v, const place *at)
{
    char want[DESCRIBE_BYTES], got[DESCRIBE_BYTES];
    bool found = !r->enumeration;

    for (size_t i = 0; !found && !c->is_over && i < hearth_count(r->enumeration); i++)
        found = is_equal(c, v, hearth_at(r->enumeration, i));
    if (!found)
        return fail_choice(c, at, r, v);
    if (r->constant && !is_equal(c, v, r->constant))
        return fail(c, at, "must be %s, got %s", describe_value(want, r->constant), describe_value(got, v));
    return true;
}

static bool check_rule(check *c, rule_id id, const hearth_value *v, const place *at)
{
    const rule *r = &c->s->rules[id];
    uint8_t     mine = types_of(v);

    if (!spend(c, 1))
        return false;
    if (r->is_never)
        return fail(c, at, "is not allowed here");
    if (!(r->types & mine))
        return fail_type(c, at, r, r->types, v);
    if (!check_values(c, r, v, at))
        return false;
    if ((mine & TYPE_NUMBER) && !check_number(c, r, v, at))
        return false;
    if (mine == TYPE_STRING && !check_text(c, r, v, at))
        return false;
    if (mine == TYPE_ARRAY && !check_array(c, r, v, at))
        return false;
    if (mine == TYPE_OBJECT && !check_object(c, r, v, at))
        return false;
    return check_combined(c, r, v, at);
}

hearth_code schema_check(const schema *s, const hearth_value *v, hearth_err *err, hearth_buf *path)
{
    hearth_err own = { 0 };
    check      c = { .s = s, .err = &own, .path = path, .steps = LIMIT_SCHEMA_STEPS };

    if (check_rule(&c, 0, v, NULL) && !c.is_over)
        return HEARTH_OK;
    if (own.code == HEARTH_OK)
        hearth_err_set(&own, HEARTH_INVALID_ARGUMENT, "schema", "the value is not as the schema says");
    return hearth_err_set(err, own.code, own.where, "%s", own.msg);
}
