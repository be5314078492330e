/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/kit.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>

#include "failing.h"
#include "kit/limits.h"
#include "kit/value.h"

static char *written(const hearth_value *v)
{
    char *text = hearth_write(v, NULL);
    assert_non_null(text);
    return text;
}

#define CHECK_WRITTEN(v, expected)                                                                                     \
    do {                                                                                                               \
        char *written_ = written(v);                                                                                   \
        assert_string_equal(written_, (expected));                                                                     \
        hearth_write_free(written_);                                                                                   \
    } while (0)

static void builds_every_kind(void **state)
{
    (void)state;
    hearth_value *o = hearth_object(NULL), *a = hearth_array(NULL);
    hearth_put_cstr(o, "text", "h\"i");
    hearth_put_i64(o, "least", INT64_MIN);
    hearth_put_u64(o, "most", UINT64_MAX);
    hearth_put_f64(o, "half", 0.5);
    hearth_put_f64(o, "nan", NAN);
    hearth_put_f64(o, "inf", -INFINITY);
    hearth_put_bool(o, "yes", true);
    hearth_put_null(o, "nothing");
    hearth_add_str(a, HEARTH_STR("x"));
    hearth_add_i64(a, 1);
    hearth_add_f64(a, 1);
    hearth_add(a, hearth_array(NULL));
    hearth_add(a, hearth_null(NULL));
    hearth_add(a, hearth_boolean(NULL, false));
    hearth_add(a, hearth_string(NULL, HEARTH_STR("own")));
    hearth_add(a, hearth_number(NULL, -0.25));
    hearth_add(a, hearth_integer(NULL, -7));
    hearth_put(o, "list", a);
    CHECK_WRITTEN(
        o,
        "{\"text\":\"h\\\"i\",\"least\":-9223372036854775808,\"most\":18446744073709551615,\"half\":0.5,\"nan\":null,"
        "\"inf\":null,\"yes\":true,\"nothing\":null,\"list\":[\"x\",1,1.0,[],null,false,\"own\",-0.25,-7]}");
    assert_int_equal(hearth_kind_of(hearth_get(o, "most")), HEARTH_UINT);
    assert_int_equal(hearth_kind_of(hearth_get(o, "least")), HEARTH_INT);
    assert_int_equal(hearth_kind_of(hearth_get(o, "nan")), HEARTH_NULL);
    hearth_value_unref(o);
}

static void reads_with_defaults(void **state)
{
    (void)state;
    hearth_value *v = hearth_parse(
        NULL, HEARTH_STR("{\"i\":-5,\"u\":18446744073709551615,\"d\":2.5,\"w\":3.0,\"s\":\"x\",\"b\":true}"), NULL);
    assert_int_equal(hearth_get_i64(v, "i", 0), -5);
    assert_int_equal(hearth_get_i64(v, "u", 9), 9);
    assert_int_equal(hearth_get_i64(v, "d", 9), 9);
    assert_int_equal(hearth_get_i64(v, "w", 9), 3); /* 3.0 is a whole number */
    assert_int_equal(hearth_get_i64(v, "s", 9), 9);
    assert_true(hearth_get_u64(v, "u", 0) == UINT64_MAX);
    assert_int_equal(hearth_get_u64(v, "i", 9), 9);
    assert_int_equal(hearth_get_u64(v, "w", 9), 3);
    assert_true(hearth_get_f64(v, "i", 0) == -5.0 && hearth_get_f64(v, "d", 0) == 2.5 &&
                hearth_get_f64(v, "b", 1) == 1);
    assert_true(hearth_get_bool(v, "b", false) && hearth_get_bool(v, "i", true) && !hearth_get_bool(v, "none", false));
    assert_null(hearth_get_str(v, "i").p);
    assert_int_equal(hearth_count(hearth_get(v, "s")), 1);
    assert_null(hearth_at(v, 6));
    assert_null(hearth_key_at(v, 6).p);
    assert_true(hearth_str_is(hearth_key_at(v, 4), "s"));
    assert_null(hearth_get(hearth_get(v, "i"), "x"));
    assert_int_equal(hearth_kind_of(NULL), HEARTH_NONE);
    assert_int_equal(hearth_count(NULL), 0);
    assert_null(hearth_get(NULL, "x"));
    assert_false(hearth_is_bad(NULL));
    hearth_value_unref(NULL);
    hearth_value_unref(v);
}

static void an_inner_reference_keeps_the_document(void **state)
{
    (void)state;
    hearth_value *o = hearth_parse(NULL, HEARTH_STR("{\"a\":{\"b\":[1,{\"c\":\"deep\"}]}}"), NULL);
    hearth_value *inner = hearth_value_ref(hearth_at(hearth_get(hearth_get(o, "a"), "b"), 1));
    hearth_value_unref(o);
    CHECK_WRITTEN(inner, "{\"c\":\"deep\"}");
    hearth_value_unref(inner);
}

static void put_shares_and_keeps_alive(void **state)
{
    (void)state;
    hearth_value *from = hearth_parse(NULL, HEARTH_STR("{\"thread\":{\"id\":\"t1\",\"parts\":[1,2]}}"), NULL);
    hearth_value *o = hearth_object(NULL), *outer = hearth_object(NULL);
    hearth_put_ref(o, "thread", hearth_get(from, "thread"));
    hearth_put_ref(o, "none", hearth_get(from, "none")); /* what is not there adds nothing */
    hearth_value_unref(from);
    hearth_put(outer, "o", o);
    hearth_value *parts = hearth_value_ref(hearth_get(hearth_get(hearth_get(outer, "o"), "thread"), "parts"));
    hearth_value_unref(outer);
    CHECK_WRITTEN(parts, "[1,2]");
    hearth_value_unref(parts);
}

static void putting_a_key_again_replaces_it(void **state)
{
    (void)state;
    hearth_value *o = hearth_object(NULL);
    hearth_put_i64(o, "a", 1);
    hearth_put_i64(o, "b", 2);
    hearth_put(o, "a", hearth_array(NULL));
    hearth_put_cstr(o, "b", "text");
    CHECK_WRITTEN(o, "{\"a\":[],\"b\":\"text\"}");
    hearth_put_ref(o, "b", hearth_get(o, "a")); /* out of itself */
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        hearth_put_ref(o, key, hearth_get(o, "a")); /* while the members move */
    }
    assert_int_equal(hearth_count(o), 102);
    assert_int_equal(hearth_kind_of(hearth_get(o, "k99")), HEARTH_ARRAY);
    assert_false(hearth_is_bad(o));
    hearth_value_unref(o);
}

static void what_was_given_away_does_not_change(void **state)
{
    (void)state;
    hearth_value *child = hearth_array(NULL), *kept = hearth_value_ref(child), *o = hearth_object(NULL);
    hearth_add_i64(child, 1);
    hearth_put(o, "list", child);
    hearth_add_i64(kept, 2); /* a mistake: it shows as a bad value, not as another's data changing */
    CHECK_WRITTEN(o, "{\"list\":[1]}");
    assert_true(hearth_is_bad(kept));
    hearth_value_unref(kept);
    hearth_value_unref(o);

    o = hearth_object(NULL);
    hearth_put(o, "self", o);
    assert_true(hearth_is_bad(o));
    hearth_value_unref(o);
    o = hearth_object(NULL);
    hearth_add_i64(o, 1);
    assert_true(hearth_is_bad(o));
    assert_null(hearth_write(o, NULL));
    hearth_value *parent = hearth_object(NULL);
    hearth_put(parent, "bad", o);
    assert_true(hearth_is_bad(parent)); /* it spreads upwards */
    hearth_value_unref(parent);
}

static void height_is_capped_for_built_values_too(void **state)
{
    (void)state;
    hearth_value *v = hearth_array(NULL);
    for (int i = 1; i < LIMIT_JSON_DEPTH; i++) {
        hearth_value *up = hearth_array(NULL);
        hearth_add(up, v);
        v = up;
    }
    assert_false(hearth_is_bad(v));
    char         *text = written(v);
    hearth_value *back = hearth_parse(NULL, hearth_cstr(text), NULL);
    assert_non_null(back);
    hearth_write_free(text);
    hearth_value_unref(back);
    hearth_value *up = hearth_array(NULL);
    hearth_add(up, v);
    assert_true(hearth_is_bad(up));
    hearth_value_unref(up);
}

/* Each adopts the one before through a long text: freeing must not recurse. */
static void a_long_chain_of_adoptions_is_freed(void **state)
{
    (void)state;
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text);
    hearth_value *v = hearth_array(NULL);
    hearth_add_str(v, (hearth_str){ long_text, sizeof long_text });
    for (int i = 0; i < 200000; i++) {
        hearth_value *next = hearth_array(NULL);
        hearth_add_ref(next, hearth_at(v, 0));
        hearth_value_unref(v);
        v = next;
    }
    assert_int_equal(hearth_as_str(hearth_at(v, 0)).n, sizeof long_text);
    hearth_value_unref(v);
}

static void large_objects_are_indexed(void **state)
{
    (void)state;
    enum { N = 20000 };
    hearth_value *o = hearth_object(NULL);
    char          key[32];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) {
            snprintf(key, sizeof key, "key %d", i);
            hearth_put_i64(o, key, i + round);
        }
    assert_int_equal(hearth_count(o), N);
    char         *text = written(o);
    hearth_value *back = hearth_parse(NULL, hearth_cstr(text), NULL);
    hearth_write_free(text);
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof key, "key %d", i);
        assert_int_equal(hearth_get_i64(o, key, -1), i + 1);
        assert_int_equal(hearth_get_i64(back, key, -1), i + 1);
        assert_true(hearth_str_equal(hearth_key_at(o, (size_t)i), hearth_cstr(key)));
    }
    assert_null(hearth_get(back, "key 20000"));
    assert_null(hearth_get(back, ""));
    hearth_value_unref(back);
    hearth_value_unref(o);
}

/* -- random values ------------------------------------------------------------------------------------------------- */

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static hearth_str random_text(char *to, size_t size)
{
    static const char *const pieces[] = { "a", "\"",   "\\", "\n", "\xC3\xA9", "\xE4\xBD\xA0", "\xF0\x9F\x94\xA5",
                                          "/", "\x01", "key" };
    size_t                   n = 0;
    for (uint64_t left = next_random() % 8; left > 0; left--) {
        const char *piece = pieces[next_random() % HEARTH_COUNT(pieces)];
        if (n + strlen(piece) < size) {
            memcpy(to + n, piece, strlen(piece));
            n += strlen(piece);
        }
    }
    return (hearth_str){ to, n };
}

static hearth_value *random_value(unsigned depth)
{
    char          text[64], key[64];
    double        x;
    uint64_t      bits = next_random();
    hearth_value *v = NULL;
    switch (next_random() % (depth ? 8 : 6)) {
    case 0:
        return hearth_null(NULL);
    case 1:
        return hearth_boolean(NULL, bits & 1);
    case 2:
        return hearth_integer(NULL, (int64_t)(bits >> (next_random() % 64)));
    case 3:
        memcpy(&x, &bits, sizeof x);
        return hearth_number(NULL, x);
    case 4:
    case 5:
        return hearth_string(NULL, random_text(text, sizeof text));
    case 6:
        v = hearth_array(NULL);
        for (uint64_t n = next_random() % 6; n > 0; n--)
            hearth_add(v, random_value(depth - 1));
        return v;
    default:
        v = hearth_object(NULL);
        for (uint64_t n = next_random() % 24; n > 0; n--)
            hearth_values()->put(v, random_text(key, sizeof key), random_value(depth - 1));
        return v;
    }
}

static bool is_same(const hearth_value *a, const hearth_value *b)
{
    if (hearth_kind_of(a) != hearth_kind_of(b) || hearth_count(a) != hearth_count(b))
        return false;
    switch (hearth_kind_of(a)) {
    case HEARTH_BOOL:
        return hearth_as_bool(a, false) == hearth_as_bool(b, false);
    case HEARTH_INT:
        return hearth_as_i64(a, 0) == hearth_as_i64(b, 0);
    case HEARTH_DOUBLE:
        return hearth_as_f64(a, 0) == hearth_as_f64(b, 0) &&
               signbit(hearth_as_f64(a, 0)) == signbit(hearth_as_f64(b, 0));
    case HEARTH_STRING:
        return hearth_str_equal(hearth_as_str(a), hearth_as_str(b));
    default:
        for (size_t i = 0; i < hearth_count(a); i++)
            if (!hearth_str_equal(hearth_key_at(a, i), hearth_key_at(b, i)) ||
                !is_same(hearth_at(a, i), hearth_at(b, i)))
                return false;
        return true;
    }
}

static void random_values_survive_the_way_through_text(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        hearth_value *v = random_value(4);
        hearth_err    err = { 0 };
        char         *text = written(v), *again = NULL;
        hearth_value *back = hearth_parse(NULL, hearth_cstr(text), &err);
        if (!back || !is_same(v, back))
            fail_msg("%s: %s", text, err.msg);
        again = written(back);
        assert_string_equal(text, again);
        hearth_write_free(text);
        hearth_write_free(again);
        hearth_value_unref(v);
        hearth_value_unref(back);
    }
}

/* -- threads, memory ------------------------------------------------------------------------------------------------ */

static void *read_and_share(void *arg)
{
    const hearth_value *v = arg;
    for (int i = 0; i < 5000; i++) {
        hearth_value *mine = hearth_value_ref(hearth_get(v, "list")), *o = hearth_object(NULL);
        hearth_put_ref(o, "shared", mine);
        hearth_value_unref(mine);
        if (hearth_get_i64(hearth_at(hearth_get(o, "shared"), 0), "x", 0) != 7)
            return arg;
        hearth_value_unref(o);
    }
    return NULL;
}

static void many_threads_share_one_value(void **state)
{
    (void)state;
    pthread_t     threads[4];
    void         *result = NULL;
    hearth_value *v = hearth_parse(NULL, HEARTH_STR("{\"list\":[{\"x\":7}]}"), NULL);
    for (size_t i = 0; i < HEARTH_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_and_share, v), 0);
    for (size_t i = 0; i < HEARTH_COUNT(threads); i++) {
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    hearth_value_unref(v);
}

static ptrdiff_t charged, peak;

static void charge(hearth_ctx *ctx, ptrdiff_t bytes)
{
    assert_ptr_equal(ctx, &charged);
    charged += bytes;
    peak = charged > peak ? charged : peak;
}

static void memory_is_counted_and_given_back(void **state)
{
    (void)state;
    hearth_ctx   *ctx = (hearth_ctx *)&charged;
    hearth_value *o = NULL, *list = NULL;
    value_set_account(charge);
    o = hearth_object(ctx);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        hearth_put_cstr(o, key, "some text that takes memory");
    }
    assert_true(charged > 1000 * 28);
    list = hearth_array(ctx);
    hearth_add(list, o);
    hearth_value *inner = hearth_value_ref(hearth_at(list, 0));
    hearth_value_unref(list);
    assert_true(charged > 1000 * 28);
    hearth_value_unref(inner);
    assert_int_equal(charged, 0);
    value_set_account(NULL);
}

static void build(void)
{
    hearth_value *o = hearth_object(NULL), *list = hearth_array(NULL);
    hearth_value *from = hearth_parse(NULL, HEARTH_STR("{\"x\":[1,2]}"), NULL);
    char          key[16], *text = NULL;
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "key %d", i);
        hearth_put_i64(o, key, i);
        hearth_add_str(list, HEARTH_STR("some text"));
    }
    hearth_put(o, "list", list);
    hearth_put_ref(o, "x", hearth_get(from, "x"));
    hearth_put(o, "none", hearth_string(NULL, HEARTH_STR("x")));
    text = hearth_write(o, NULL);
    if (hearth_is_bad(o)) { /* whoever takes it answers no_memory: nothing half-made gets out */
        assert_null(text);
    } else if (text && from) {
        assert_int_equal(hearth_count(o), 43);
        assert_int_equal(hearth_count(hearth_get(o, "list")), 40);
    }
    hearth_write_free(text);
    hearth_value_unref(from);
    hearth_value_unref(o);
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    WITH_EACH_ALLOCATION_FAILING(build());
}

static int install(void **state)
{
    (void)state;
    value_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_every_kind),
        cmocka_unit_test(reads_with_defaults),
        cmocka_unit_test(an_inner_reference_keeps_the_document),
        cmocka_unit_test(put_shares_and_keeps_alive),
        cmocka_unit_test(putting_a_key_again_replaces_it),
        cmocka_unit_test(what_was_given_away_does_not_change),
        cmocka_unit_test(height_is_capped_for_built_values_too),
        cmocka_unit_test(a_long_chain_of_adoptions_is_freed),
        cmocka_unit_test(large_objects_are_indexed),
        cmocka_unit_test(random_values_survive_the_way_through_text),
        cmocka_unit_test(many_threads_share_one_value),
        cmocka_unit_test(memory_is_counted_and_given_back),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
