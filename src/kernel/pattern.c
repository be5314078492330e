/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* pattern.c: a regular expression as a list of instructions, run for all its alternatives at once (Thompson 1968,
 * in the form of Cox 2007): the time is the length of the text times the length of the list, whatever both say. A
 * matcher that backtracks would let one schema and one argument stop the loop for years.
 *
 * A counted repetition is written out, so the list is bounded by LIMIT_SCHEMA_PATTERN and INSTRUCTIONS. The reader is
 * a recursive descent, whose depth the length of the pattern bounds and GROUPS_DEEP caps. Characters are code points;
 * an ill-formed byte stands for itself above all of them and matches only what is negated. */
#include "kernel/pattern.h"

#include "kit/alloc.h"
#include "kit/limits.h"
#include "kit/utf8.h"

enum { INSTRUCTIONS = 4096, RANGES = 2048, GROUPS_DEEP = 32, REPEAT_MAX = 1000, ILL_FORMED = 0x110000 };

typedef enum op { OP_INVALID = 0, OP_RANGES, OP_SPLIT, OP_JUMP, OP_START, OP_END, OP_MATCH } op;

typedef struct instruction {
    uint8_t  op;
    bool     is_negated; /* OP_RANGES */
    uint16_t x, y;       /* OP_SPLIT, OP_JUMP: where to; OP_RANGES: first and count */
} instruction;

typedef struct range {
    uint32_t low, high;
} range;

struct pattern {
    uint16_t     count, range_count;
    instruction *code;
    range       *ranges;
};

/* -- reading --------------------------------------------------------------------------------------------------------- */

typedef struct reader {
    pattern    *p;
    const char *at, *end;
    unsigned    depth;
    hearth_code code;
    const char *why;
} reader;

static bool stop(reader *r, hearth_code code, const char *why)
{
    if (r->code == HEARTH_OK) {
        r->code = code;
        r->why = why;
    }
    return false;
}

static bool emit(reader *r, instruction i)
{
    if (r->p->count == INSTRUCTIONS)
        return stop(r, HEARTH_TOO_LARGE, "it is too long once its repetitions are written out");
    r->p->code[r->p->count++] = i;
    return true;
}

static bool add_range(reader *r, uint32_t low, uint32_t high)
{
    if (r->p->range_count == RANGES)
        return stop(r, HEARTH_TOO_LARGE, "it has too many character ranges");
    r->p->ranges[r->p->range_count++] = (range){ low, high };
    return true;
}

static bool next_is(reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool read_rune(reader *r, uint32_t *rune)
{
    size_t n = 0;

    if (r->at == r->end || utf8_step(r->at, (size_t)(r->end - r->at), &n, rune) != UTF8_GOOD)
        return stop(r, HEARTH_INVALID_ARGUMENT, "it ends too early or is not UTF-8");
    r->at += n;
    return true;
}

static bool read_hex(reader *r, unsigned digits, uint32_t *rune)
{
    unsigned char bytes[2] = { 0, 0 };

    if ((size_t)(r->end - r->at) < digits || hearth_hex_decode(bytes, digits / 2, (hearth_str){ r->at, digits }) < 0)
        return stop(r, HEARTH_INVALID_ARGUMENT, "\\x wants two hexadecimal digits and \\u four");
    r->at += digits;
    *rune = digits == 2 ? bytes[0] : (uint32_t)bytes[0] << 8 | bytes[1];
    return true;
}

/* The sets that a letter names, and their complements. */
static bool add_set(reader *r, char letter)
{
    switch (letter) {
    case 'd':
        return add_range(r, '0', '9');
    case 'D':
        return add_range(r, 0, '0' - 1) && add_range(r, '9' + 1, ILL_FORMED);
    case 'w':
        return add_range(r, '0', '9') && add_range(r, 'A', 'Z') && add_range(r, '_', '_') && add_range(r, 'a', 'z');
    case 'W':
        return add_range(r, 0, '0' - 1) && add_range(r, '9' + 1, 'A' - 1) && add_range(r, 'Z' + 1, '_' - 1) &&
               add_range(r, '`', '`') && add_range(r, 'z' + 1, ILL_FORMED);
    case 's':
        return add_range(r, 9, 13) && add_range(r, ' ', ' ') && add_range(r, 0xA0, 0xA0) &&
               add_range(r, 0x2028, 0x2029) && add_range(r, 0xFEFF, 0xFEFF);
    default: /* 'S' */
        return add_range(r, 0, 8) && add_range(r, 14, ' ' - 1) && add_range(r, ' ' + 1, 0x9F) &&
               add_range(r, 0xA1, 0x2027) && add_range(r, 0x202A, 0xFEFE) && add_range(r, 0xFF00, ILL_FORMED);
    }
}

static bool is_set(char c) { return c != '\0' && strchr("dDwWsS", c) != NULL; }

/* After a backslash: one character. Letters and digits with no meaning are refused, as in ECMA-262's u mode. */
static bool read_escape(reader *r, uint32_t *rune)
{
    static const char names[] = "tnrfv", values[] = "\t\n\r\f\v";
    const char       *name = NULL;

    if (!read_rune(r, rune))
        return false;
    if (*rune == 'x' || *rune == 'u')
        return read_hex(r, *rune == 'x' ? 2 : 4, rune);
    name = *rune && *rune < 0x80 ? strchr(names, (int)*rune) : NULL;
    if (name) {
        *rune = (unsigned char)values[name - names];
        return true;
    }
    if ((*rune >= '0' && *rune <= '9') || (*rune >= 'a' && *rune <= 'z') || (*rune >= 'A' && *rune <= 'Z'))
        return stop(r, HEARTH_UNSUPPORTED, "it uses an escape that is not supported, such as \\b or a back-reference");
    return true;
}

/* One element of a class; *is_single says whether it may begin or end a range. */
static bool read_class_item(reader *r, uint32_t *rune, bool *is_single)
{
    *is_single = true;
    if (!next_is(r, '\\'))
        return read_rune(r, rune);
    if (r->at < r->end && is_set(*r->at)) {
        *is_single = false;
        return add_set(r, *r->at++);
    }
    return read_escape(r, rune);
}

static bool read_class(reader *r)
{
    instruction i = { .op = OP_RANGES, .is_negated = next_is(r, '^'), .x = r->p->range_count };

    while (!next_is(r, ']')) {
        uint32_t low = 0, high = 0;
        bool     is_single = false;

        if (!read_class_item(r, &low, &is_single))
            return false;
        if (!is_single)
            continue;
        high = low;
        if (r->end - r->at >= 2 && r->at[0] == '-' && r->at[1] != ']') {
            r->at++;
            if (!read_class_item(r, &high, &is_single))
                return false;
            if (!is_single || high < low)
                return stop(r, HEARTH_INVALID_ARGUMENT, "a range in [ ] runs backwards or ends in a set");
        }
        if (!add_range(r, low, high))
            return false;
    }
    i.y = (uint16_t)(r->p->range_count - i.x);
    return emit(r, i);
}

static bool read_either(reader *r);

static bool read_group(reader *r)
{
    bool good = false;

    if (next_is(r, '?') && !next_is(r, ':'))
        return stop(r, HEARTH_UNSUPPORTED, "it uses look-around or a named group; only ( and (?: are supported");
    if (++r->depth > GROUPS_DEEP)
        return stop(r, HEARTH_TOO_LARGE, "its groups are nested too deep");
    good = read_either(r);
    r->depth--;
    return good && (next_is(r, ')') || stop(r, HEARTH_INVALID_ARGUMENT, "a ( has no )"));
}

static bool read_atom(reader *r)
{
    instruction i = { .op = OP_RANGES, .x = r->p->range_count, .y = 1 };
    uint32_t    rune = 0;

    if (next_is(r, '('))
        return read_group(r);
    if (next_is(r, '['))
        return read_class(r);
    if (next_is(r, '^'))
        return emit(r, (instruction){ .op = OP_START });
    if (next_is(r, '$'))
        return emit(r, (instruction){ .op = OP_END });
    if (next_is(r, '.')) { /* everything but the ends of lines */
        i.is_negated = true;
        i.y = 3;
        return add_range(r, '\n', '\n') && add_range(r, '\r', '\r') && add_range(r, 0x2028, 0x2029) && emit(r, i);
    }
    if (next_is(r, '\\')) {
        if (r->at < r->end && is_set(*r->at)) {
            if (!add_set(r, *r->at++))
                return false;
            i.y = (uint16_t)(r->p->range_count - i.x);
            return emit(r, i);
        }
        return read_escape(r, &rune) && add_range(r, rune, rune) && emit(r, i);
    }
    if (strchr("*+?{})]|", *r->at))
        return stop(r, HEARTH_INVALID_ARGUMENT, "a quantifier or a bracket stands where a character is expected");
    return read_rune(r, &rune) && add_range(r, rune, rune) && emit(r, i);
}

static bool read_number(reader *r, unsigned *n)
{
    const char *from = r->at;

    for (*n = 0; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        *n = *n * 10 + (unsigned)(*r->at - '0');
        if (*n > REPEAT_MAX)
            return stop(r, HEARTH_TOO_LARGE, "a repetition is over 1000 times");
    }
    return r->at > from;
}

/* * + ? {m} {m,} {m,n}; `most` 0 without end. Nothing there is once. */
static bool read_quantifier(reader *r, unsigned *least, unsigned *most)
{
    *least = *most = 1;
    if (next_is(r, '*')) {
        *least = *most = 0;
    } else if (next_is(r, '+')) {
        *most = 0;
    } else if (next_is(r, '?')) {
        *least = 0;
    } else if (next_is(r, '{')) {
        if (!read_number(r, least))
            return stop(r, HEARTH_INVALID_ARGUMENT, "{ wants a number");
        *most = *least;
        if (next_is(r, ',')) {
            *most = 0;
            if (r->at < r->end && *r->at != '}' && (!read_number(r, most) || *most < *least || *most == 0))
                return stop(r, HEARTH_INVALID_ARGUMENT, "{m,n} wants m up to n");
        } else if (*most == 0) {
            return stop(r, HEARTH_INVALID_ARGUMENT, "{0} never matches anything");
        }
        if (!next_is(r, '}'))
            return stop(r, HEARTH_INVALID_ARGUMENT, "a { has no }");
    } else {
        return true;
    }
    if (r->at < r->end && (*r->at == '?' || *r->at == '+'))
        return stop(r, HEARTH_UNSUPPORTED, "lazy and possessive quantifiers are not supported");
    return true;
}

/* Another copy of the `n` instructions from `from`, moved to the end. */
static bool emit_copy(reader *r, unsigned from, unsigned n)
{
    unsigned moved = r->p->count - from;

    for (unsigned k = 0; k < n; k++) {
        instruction i = r->p->code[from + k];
        if (i.op == OP_SPLIT || i.op == OP_JUMP) {
            i.x = (uint16_t)(i.x + moved);
            i.y = (uint16_t)(i.y + moved);
        }
        if (!emit(r, i))
            return false;
    }
    return true;
}

/* Makes room for one instruction in front of those from `from`. */
static bool insert(reader *r, unsigned from, instruction i)
{
    if (!emit(r, i))
        return false;
    for (unsigned k = r->p->count - 1u; k > from; k--) {
        instruction moved = r->p->code[k - 1];
        if (moved.op == OP_SPLIT || moved.op == OP_JUMP) {
            moved.x = (uint16_t)(moved.x + 1);
            moved.y = (uint16_t)(moved.y + 1);
        }
        r->p->code[k] = moved;
    }
    r->p->code[from] = i;
    return true;
}

/* Turns the piece that begins at `from` into its repetition. */
static bool repeat(reader *r, unsigned from, unsigned least, unsigned most)
{
    unsigned n = r->p->count - from, last = from;

    for (unsigned k = 1; k < least; k++) {
        last = r->p->count;
        if (!emit_copy(r, from, n))
            return false;
    }
    if (most == 0 && least > 0) /* x+ after the copies before: again, or on */
        return emit(r, (instruction){ .op = OP_SPLIT, .x = (uint16_t)last, .y = (uint16_t)(r->p->count + 1) });
    if (most == 0) /* x*: either x and back here, or on */
        return insert(r, from,
                      (instruction){ .op = OP_SPLIT, .x = (uint16_t)(from + 1), .y = (uint16_t)(from + n + 2) }) &&
               emit(r, (instruction){ .op = OP_JUMP, .x = (uint16_t)from });
    if (least == 0) {
        if (!insert(r, from, (instruction){ .op = OP_SPLIT, .x = (uint16_t)(from + 1), .y = (uint16_t)(from + n + 1) }))
            return false;
        from++;
        least = 1;
    }
    for (unsigned k = least; k < most; k++) {
        unsigned here = r->p->count;
        if (!emit(r, (instruction){ .op = OP_SPLIT, .x = (uint16_t)(here + 1), .y = (uint16_t)(here + n + 1) }) ||
            !emit_copy(r, from, n))
            return false;
    }
    return true;
}

static bool read_sequence(reader *r)
{
    while (r->at < r->end && *r->at != '|' && *r->at != ')') {
        unsigned from = r->p->count, least = 1, most = 1;
        if (!read_atom(r) || !read_quantifier(r, &least, &most))
            return false;
        if ((least != 1 || most != 1) && !repeat(r, from, least, most))
            return false;
    }
    return true;
}

static bool read_either(reader *r)
{
    unsigned from = r->p->count;

    if (!read_sequence(r))
        return false;
    while (next_is(r, '|')) { /* what is read so far, or what comes */
        unsigned jump = 0;

        if (!insert(r, from, (instruction){ .op = OP_SPLIT, .x = (uint16_t)(from + 1) }))
            return false;
        jump = r->p->count;
        if (!emit(r, (instruction){ .op = OP_JUMP }))
            return false;
        r->p->code[from].y = r->p->count;
        if (!read_sequence(r))
            return false;
        r->p->code[jump].x = r->p->count;
    }
    return true;
}

/* The same in no more memory than it needs. */
static pattern *fit(const pattern *p)
{
    pattern *out = kit_malloc(sizeof *out + p->range_count * sizeof *p->ranges + p->count * sizeof *p->code);

    if (!out)
        return NULL;
    *out = *p;
    out->ranges = (range *)(out + 1);
    out->code = (instruction *)(out->ranges + p->range_count);
    if (p->range_count)
        memcpy(out->ranges, p->ranges, p->range_count * sizeof *p->ranges);
    memcpy(out->code, p->code, p->count * sizeof *p->code);
    return out;
}

pattern *pattern_new(hearth_str text, hearth_err *err)
{
    range       ranges[RANGES];
    instruction code[INSTRUCTIONS];
    pattern     draft = { .ranges = ranges, .code = code }, *p = NULL;
    reader      r = { .p = &draft, .at = text.p, .end = text.p + text.n };

    if (text.n > LIMIT_SCHEMA_PATTERN)
        stop(&r, HEARTH_TOO_LARGE, "it is too long");
    else if (read_either(&r) && r.at < r.end)
        stop(&r, HEARTH_INVALID_ARGUMENT, "a ) has no (");
    else if (r.code == HEARTH_OK)
        emit(&r, (instruction){ .op = OP_MATCH });
    if (r.code == HEARTH_OK)
        p = fit(&draft);
    if (r.code == HEARTH_OK && !p)
        stop(&r, HEARTH_NO_MEMORY, "there is not enough memory");
    if (r.code < 0)
        hearth_err_set(err, r.code, "pattern", "the pattern \"%.*s\" cannot be used: %s",
                       (int)(text.n < 80 ? text.n : 80), text.n ? text.p : "", r.why);
    return p;
}

void pattern_free(pattern *p) { kit_free(p); }

/* -- running ---------------------------------------------------------------------------------------------------------- */

/* The instructions that wait for the next character, each once (a sparse set: Briggs and Torczon 1993). */
typedef struct threads {
    uint16_t count;
    uint16_t list[INSTRUCTIONS], where[INSTRUCTIONS];
} threads;

static bool set_has(const threads *t, uint16_t i) { return t->where[i] < t->count && t->list[t->where[i]] == i; }

static void set_add(threads *t, uint16_t i)
{
    t->where[i] = t->count;
    t->list[t->count++] = i;
}

/* Adds an instruction with everything that is reached from it without a character. The set is its own queue. */
static void follow(const pattern *p, threads *t, uint16_t from, bool is_start, bool is_end)
{
    uint16_t first = t->count;

    if (!set_has(t, from))
        set_add(t, from);
    for (uint16_t k = first; k < t->count; k++) {
        const instruction *i = &p->code[t->list[k]];
        uint16_t           next[2] = { i->x, i->y };
        unsigned           n = i->op == OP_SPLIT ? 2 : i->op == OP_JUMP ? 1 : 0;

        if ((i->op == OP_START && is_start) || (i->op == OP_END && is_end)) {
            next[0] = (uint16_t)(t->list[k] + 1);
            n = 1;
        }
        for (unsigned m = 0; m < n; m++)
            if (!set_has(t, next[m]))
                set_add(t, next[m]);
    }
}

static bool in_ranges(const pattern *p, const instruction *i, uint32_t rune)
{
    for (unsigned k = 0; k < i->y; k++)
        if (rune >= p->ranges[i->x + k].low && rune <= p->ranges[i->x + k].high)
            return !i->is_negated;
    return i->is_negated;
}

bool pattern_test(const pattern *p, hearth_str text, uint64_t *steps)
{
    threads  sets[2];
    threads *now = &sets[0], *then = &sets[1];

    sets[0].count = sets[1].count = 0;
    memset(sets[0].where, 0, p->count * sizeof sets[0].where[0]);
    memset(sets[1].where, 0, p->count * sizeof sets[1].where[0]);
    for (size_t at = 0;;) {
        threads *swap = now;
        uint32_t rune = ILL_FORMED;
        size_t   n = 1;

        follow(p, now, 0, at == 0, at == text.n); /* a match may begin anywhere */
        for (uint16_t k = 0; k < now->count; k++)
            if (p->code[now->list[k]].op == OP_MATCH)
                return true;
        if (at >= text.n || *steps < now->count)
            break;
        *steps -= now->count;
        if (utf8_step(text.p + at, text.n - at, &n, &rune) != UTF8_GOOD)
            rune = ILL_FORMED;
        at += n;
        then->count = 0;
        for (uint16_t k = 0; k < now->count; k++) {
            const instruction *i = &p->code[now->list[k]];
            if (i->op == OP_RANGES && in_ranges(p, i, rune))
                follow(p, then, (uint16_t)(now->list[k] + 1), false, at == text.n);
        }
        now = then;
        then = swap;
    }
    if (*steps < now->count)
        *steps = 0;
    return false;
}
