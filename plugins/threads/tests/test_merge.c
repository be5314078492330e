/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Devices with clocks that are an hour late or a day early write at random, exchange some of what they know at random,
 * and go on from there. Whoever has seen the same operations must show the same, in whatever order they came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../../tests/unit/fakehost.h"
#include "merge.h"

enum { DEVICES = 5, STEPS = 120, HISTORIES = 2000, ENTITIES = 6, MAX_OPS = STEPS };

static int set_up(void **state)
{
    *state = fakehost_new(NULL);
    fakehost_serve(*state, "none.here", NULL, NULL);
    return 0;
}

static int tear_down(void **state) { return (int)fakehost_free(*state); }

static uint32_t random_of(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

typedef struct device {
    char     name[4];
    uint64_t clock, now_ms;
    uint64_t n;
    bool     knows[MAX_OPS];
} device;

static op make_op(device *d, uint64_t *seed)
{
    static const op_kind     kinds[] = { OP_MSG_ADD, OP_MSG_SET, OP_MSG_SET, OP_MSG_SET, OP_MSG_DEL, OP_META_SET };
    static const char *const fields[] = { "parts", "state", "model", "head", MERGE_DELETED };
    char                     key[8], text[24];
    hearth_buf               line;
    op                       o;
    hearth_buf_init(&line, 4096);
    d->now_ms += random_of(seed, 50);
    d->clock = hearth_hlc_next(d->clock, d->now_ms);
    op_stamp at = { d->clock, hearth_cstr(d->name), ++d->n };
    op_kind  kind = kinds[random_of(seed, HEARTH_COUNT(kinds))];
    snprintf(key, sizeof key, "m%u", random_of(seed, ENTITIES));
    snprintf(text, sizeof text, "%s-%u", d->name, random_of(seed, 100));
    hearth_value *v;
    const char   *field = OP_ALL_FIELDS;
    if (kind == OP_MSG_DEL) {
        v = hearth_boolean(NULL, true);
        field = MERGE_DELETED;
    } else if (kind == OP_MSG_ADD || random_of(seed, 3) == 0) {
        v = hearth_object(NULL);
        for (size_t i = 0; i < HEARTH_COUNT(fields); i++)
            if (random_of(seed, 2))
                hearth_put_cstr(v, fields[i], text);
    } else {
        v = hearth_string(NULL, hearth_cstr(text));
        field = fields[random_of(seed, HEARTH_COUNT(fields))];
    }
    assert_int_equal(op_put(&line, kind, &at, hearth_cstr(key), field, v), HEARTH_OK);
    assert_int_equal(op_read(NULL, hearth_buf_str(&line), &o, NULL), HEARTH_OK);
    hearth_value_unref(v);
    hearth_buf_deinit(&line);
    return o;
}

static void take(merge_entity all[ENTITIES], const op *o) { assert_true(merge_op(&all[o->k.p[1] - '0'], o) >= 0); }

static void put_state(const merge_entity all[ENTITIES], hearth_buf *out)
{
    hearth_buf_init(out, 1 << 20);
    for (size_t i = 0; i < ENTITIES; i++)
        assert_int_equal(merge_put(&all[i], out), HEARTH_OK);
}

static void deinit(merge_entity all[ENTITIES])
{
    for (size_t i = 0; i < ENTITIES; i++)
        merge_deinit(&all[i]);
}

/* Merges the operations in a random order, some twice, with the index's round trip through text in between. */
static void merge_shuffled(const op *ops, size_t n, uint64_t *seed, hearth_buf *out)
{
    merge_entity all[ENTITIES] = { { 0 } };
    size_t       order[MAX_OPS];
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t j = random_of(seed, (uint32_t)i), t = order[i - 1];
        order[i - 1] = order[j];
        order[j] = t;
    }
    for (size_t i = 0; i < n; i++) {
        take(all, &ops[order[i]]);
        if (random_of(seed, 4) == 0)
            take(all, &ops[order[random_of(seed, (uint32_t)i + 1)]]);
        if (random_of(seed, 16) == 0) {
            merge_entity *e = &all[random_of(seed, ENTITIES)], back;
            hearth_buf    text;
            hearth_buf_init(&text, 1 << 20);
            merge_put(e, &text);
            assert_int_equal(merge_read(&back, NULL, hearth_buf_str(&text), NULL), HEARTH_OK);
            hearth_buf_deinit(&text);
            merge_deinit(e);
            *e = back;
        }
    }
    put_state(all, out);
    deinit(all);
}

static void devices_converge(void **state)
{
    (void)state;
    unsigned diverged = 0;
    for (uint64_t history = 0; history < HISTORIES; history++) {
        uint64_t seed = history * 2654435761u + 7;
        device   devices[DEVICES] = { { .n = 0 } };
        op       ops[MAX_OPS];
        size_t   n = 0;
        for (size_t i = 0; i < DEVICES; i++) {
            snprintf(devices[i].name, sizeof devices[i].name, "d%zu", i);
            devices[i].now_ms = 1800000000000u + (i == 1 ? -3600000 : i == 2 ? 86400000 : (int64_t)i);
        }
        for (unsigned step = 0; step < STEPS; step++) {
            device *d = &devices[random_of(&seed, DEVICES)], *other = &devices[random_of(&seed, DEVICES)];
            if (random_of(&seed, 5)) {
                d->knows[n] = true;
                ops[n++] = make_op(d, &seed);
                continue;
            }
            for (size_t i = 0; i < n; i++) /* a partial exchange: what came in between is missing */
                if (other->knows[i] && random_of(&seed, 4)) {
                    d->knows[i] = true;
                    d->clock = hearth_hlc_seen(d->clock, ops[i].at.h);
                }
        }
        hearth_buf first, other;
        merge_shuffled(ops, n, &seed, &first);
        for (size_t i = 1; i < DEVICES; i++) {
            merge_shuffled(ops, n, &seed, &other);
            diverged += !hearth_str_equal(hearth_buf_str(&first), hearth_buf_str(&other));
            hearth_buf_deinit(&other);
        }
        hearth_buf_deinit(&first);
        for (size_t i = 0; i < n; i++)
            op_deinit(&ops[i]);
    }
    assert_int_equal(diverged, 0);
}

static op op_of(const char *line)
{
    op o;
    assert_int_equal(op_read(NULL, hearth_cstr(line), &o, NULL), HEARTH_OK);
    return o;
}

#define OP(h, d, n, o, f, v)                                                                                           \
    "{\"h\":\"00000000000000" h "\",\"d\":\"" d "\",\"n\":" n ",\"o\":\"" o "\",\"k\":\"K\",\"f\":\"" f "\",\"v\":" v  \
    "}"

static int apply(merge_entity *e, const char *line)
{
    op  o = op_of(line);
    int result = merge_op(e, &o);
    op_deinit(&o);
    return result;
}

static void the_later_stamp_wins_per_field(void **state)
{
    (void)state;
    merge_entity e = { 0 };
    assert_int_equal(apply(&e, OP("05", "a", "1", "msg.add", "*", "{\"state\":\"running\",\"role\":\"user\"}")),
                     MERGE_CHANGED);
    assert_int_equal(apply(&e, OP("05", "a", "1", "msg.add", "*", "{\"state\":\"running\",\"role\":\"user\"}")),
                     MERGE_NOTHING);
    assert_int_equal(apply(&e, OP("04", "z", "9", "msg.set", "state", "\"old\"")), MERGE_NOTHING);
    assert_int_equal(apply(&e, OP("05", "b", "1", "msg.set", "state", "\"complete\"")), MERGE_CHANGED);
    assert_true(hearth_str_is(hearth_as_str(merge_get(&e, "state")), "complete"));
    assert_true(hearth_str_is(hearth_as_str(merge_get(&e, "role")), "user"));
    assert_null(merge_get(&e, "model"));
    merge_deinit(&e);
}

static void a_tombstone_can_be_lifted_later_not_earlier(void **state)
{
    (void)state;
    merge_entity e = { 0 };
    apply(&e, OP("05", "a", "1", "meta.del", "is_deleted", "true"));
    apply(&e, OP("04", "b", "1", "meta.set", "is_deleted", "false"));
    assert_true(hearth_as_bool(merge_get(&e, MERGE_DELETED), false));
    apply(&e, OP("06", "b", "2", "meta.set", "is_deleted", "false"));
    assert_false(hearth_as_bool(merge_get(&e, MERGE_DELETED), true));
    merge_deinit(&e);
}

static void one_stamp_with_two_values_is_damage_that_converges(void **state)
{
    (void)state;
    const char *one = OP("05", "a", "1", "msg.set", "state", "\"x\""),
               *two = OP("05", "a", "1", "msg.set", "state", "\"y\"");
    merge_entity e = { 0 }, f = { 0 };
    apply(&e, one);
    assert_int_equal(apply(&e, two), MERGE_DAMAGED);
    apply(&f, two);
    assert_int_equal(apply(&f, one), MERGE_DAMAGED);
    assert_true(hearth_str_equal(hearth_as_str(merge_get(&e, "state")), hearth_as_str(merge_get(&f, "state"))));
    merge_deinit(&e);
    merge_deinit(&f);
}

/* Nobody can make a message appear by setting the field that msg.add sets, and too many fields do no harm. */
static void hostile_fields_stay_out(void **state)
{
    (void)state;
    merge_entity e = { 0 }, f = { 0 };
    apply(&e, OP("05", "a", "1", "msg.set", "*", "{\"is_added\":true,\"x\":1}"));
    assert_null(merge_find(&e, MERGE_ADDED));
    merge_deinit(&e);
    for (int i = 0; i < 300; i++) {
        char up[160], down[160];
        snprintf(
            up, sizeof up,
            "{\"h\":\"0000000000000001\",\"d\":\"a\",\"n\":%d,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f%03d\",\"v\":1}",
            i + 1, i);
        snprintf(
            down, sizeof down,
            "{\"h\":\"0000000000000001\",\"d\":\"a\",\"n\":%d,\"o\":\"msg.set\",\"k\":\"K\",\"f\":\"f%03d\",\"v\":1}",
            300 - i, 299 - i);
        apply(&e, up);
        apply(&f, down);
    }
    assert_int_equal(e.n, MERGE_MAX_FIELDS);
    hearth_buf a, b;
    hearth_buf_init(&a, 1 << 20);
    hearth_buf_init(&b, 1 << 20);
    merge_put(&e, &a);
    merge_put(&f, &b);
    assert_string_equal(a.p, b.p);
    hearth_buf_deinit(&a);
    hearth_buf_deinit(&b);
    merge_deinit(&e);
    merge_deinit(&f);
}

static void a_damaged_entry_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "x", "{\"s\":[],\"f\":{\"a\":[0,1]}}",
                                       "{\"s\":[[\"zz\",\"d\",1]],\"f\":{\"a\":[0,1]}}",
                                       "{\"s\":[[\"0000000000000001\",\"d\",1]],\"f\":{\"a\":[0]}}" };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        merge_entity e;
        assert_true(merge_read(&e, NULL, hearth_cstr(bad[i]), NULL) < 0);
        assert_int_equal(e.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_converge),
        cmocka_unit_test(the_later_stamp_wins_per_field),
        cmocka_unit_test(a_tombstone_can_be_lifted_later_not_earlier),
        cmocka_unit_test(one_stamp_with_two_values_is_damage_that_converges),
        cmocka_unit_test(hostile_fields_stay_out),
        cmocka_unit_test(a_damaged_entry_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
