/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

/* Feeds `bytes` in pieces of `step` and gives all that was shown, with a bar after each piece that showed something. */
static const char *feed(text_writer *t, const char *bytes, size_t n, size_t step)
{
    static char out[1024];
    size_t      at = 0;
    for (size_t i = 0; i < n; i += step) {
        hearth_str shown = text_put(t, (hearth_str){ bytes + i, n - i < step ? n - i : step });
        assert_true(hearth_utf8_valid(shown));
        if (shown.n)
            at += (size_t)snprintf(out + at, sizeof out - at, "%.*s|", HEARTH_FMT(shown));
    }
    hearth_str rest = text_end(t);
    snprintf(out + at, sizeof out - at, "%.*s", (int)rest.n, rest.n ? rest.p : "");
    return out;
}

static void test_plain_text_is_shown_at_once(void **state)
{
    (void)state;
    text_writer t;
    text_init(&t, NULL, 0, 1000);
    assert_string_equal(feed(&t, "abcdef", 6, 2), "ab|cd|ef|");
    assert_int_equal(t.whole.n, 6);
    text_deinit(&t);
}

static void test_cut_characters_wait(void **state)
{
    (void)state;
    static const char bytes[] = "aé漢😀z";
    text_writer       t;
    text_init(&t, NULL, 0, 1000);
    assert_string_equal(feed(&t, bytes, sizeof bytes - 1, 1), "a|é|漢|😀|z|");
    assert_memory_equal(t.whole.p, bytes, sizeof bytes - 1);
    text_deinit(&t);
}

static void test_bytes_that_are_no_text_are_repaired(void **state)
{
    (void)state;
    text_writer t;
    text_init(&t, NULL, 0, 1000);
    feed(&t, "a\xff" "b\xf0\x9f", 5, 1); /* the end of a character never comes */
    assert_true(hearth_utf8_valid(hearth_buf_str(&t.whole)));
    assert_memory_equal(t.whole.p, "a\xef\xbf\xbd" "b\xef\xbf\xbd", 8);
    text_deinit(&t);
}

static void test_stop_strings_hold_back(void **state)
{
    (void)state;
    hearth_str stops[] = { HEARTH_STR("STOP"), HEARTH_STR("\n\n") };
    for (size_t step = 1; step <= 7; step++) {
        text_writer t;
        text_init(&t, stops, 2, 1000);
        feed(&t, "one ST\ntwo STOP three", 21, step);
        assert_string_equal(t.whole.p, "one ST\ntwo ");
        assert_true(text_is_stopped(&t));
        assert_ptr_equal(t.stop, &stops[0]);
        assert_int_equal(text_put(&t, HEARTH_STR("more")).n, 0);
        text_deinit(&t);
    }
}

static void test_what_only_looked_like_a_stop_comes_after_all(void **state)
{
    (void)state;
    hearth_str  stops[] = { HEARTH_STR("aab") };
    text_writer t;
    text_init(&t, stops, 1, 1000);
    assert_string_equal(feed(&t, "xaaac", 5, 1), "x|a|aac|");
    text_deinit(&t);
    text_init(&t, stops, 1, 1000);
    assert_string_equal(feed(&t, "xaa", 3, 1), "x|aa");
    text_deinit(&t);
}

static void test_the_first_stop_wins_and_the_longest_at_its_place(void **state)
{
    (void)state;
    hearth_str  stops[] = { HEARTH_STR("cd"), HEARTH_STR("b"), HEARTH_STR("bc") };
    text_writer t;
    text_init(&t, stops, 3, 1000);
    feed(&t, "abcd", 4, 4);
    assert_ptr_equal(t.stop, &stops[2]);
    assert_string_equal(t.whole.p, "a");
    text_deinit(&t);
}

static void test_a_stop_within_a_cut_character_does_not_cut_it(void **state)
{
    (void)state;
    hearth_str  stops[] = { HEARTH_STR("é!") };
    text_writer t;
    text_init(&t, stops, 1, 1000);
    assert_string_equal(feed(&t, "aéb", 4, 1), "a|éb|");
    text_deinit(&t);
}

static void test_the_cap_is_kept(void **state)
{
    (void)state;
    text_writer t;
    text_init(&t, NULL, 0, 8);
    text_put(&t, HEARTH_STR("1234567"));
    assert_false(text_is_bad(&t));
    text_put(&t, HEARTH_STR("89abcdef"));
    assert_true(text_is_bad(&t));
    text_deinit(&t);
    text_deinit(&(text_writer){ 0 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_is_shown_at_once),
        cmocka_unit_test(test_cut_characters_wait),
        cmocka_unit_test(test_bytes_that_are_no_text_are_repaired),
        cmocka_unit_test(test_stop_strings_hold_back),
        cmocka_unit_test(test_what_only_looked_like_a_stop_comes_after_all),
        cmocka_unit_test(test_the_first_stop_wins_and_the_longest_at_its_place),
        cmocka_unit_test(test_a_stop_within_a_cut_character_does_not_cut_it),
        cmocka_unit_test(test_the_cap_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
