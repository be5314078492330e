/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/kit.h>

#include "failing.h"
#include "kernel/pattern.h"

static bool matches(const char *text, const char *subject)
{
    hearth_err err = { 0 };
    uint64_t   steps = 1000000;
    pattern   *p = pattern_new(hearth_cstr(text), &err);
    bool       found = false;
    if (!p)
        fail_msg("%s", err.msg);
    found = pattern_test(p, hearth_cstr(subject), &steps);
    pattern_free(p);
    return found;
}

static void matches_what_the_syntax_says(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *subject;
        bool        found;
    } cases[] = {
        { "", "", true },
        { "", "x", true },
        { "a", "cat", true },
        { "a", "dog", false },
        { "^a", "cat", false },
        { "^c", "cat", true },
        { "t$", "cat", true },
        { "a$", "cat", false },
        { "^$", "", true },
        { "^$", "x", false },
        { "^a*$", "aaaa", true },
        { "^a*$", "", true },
        { "^a+$", "", false },
        { "^a+$", "aaa", true },
        { "^ab?c$", "ac", true },
        { "^ab?c$", "abc", true },
        { "^ab?c$", "abbc", false },
        { "^a{3}$", "aaa", true },
        { "^a{3}$", "aa", false },
        { "^a{3}$", "aaaa", false },
        { "^a{2,}$", "a", false },
        { "^a{2,}$", "aaaaa", true },
        { "^a{2,4}$", "a", false },
        { "^a{2,4}$", "aaa", true },
        { "^a{2,4}$", "aaaaa", false },
        { "^a{0,2}b$", "b", true },
        { "^a{0,2}b$", "aab", true },
        { "^a{0,2}b$", "aaab", false },
        { "^a{0,}$", "", true },
        { "^(ab){2}$", "abab", true },
        { "^(ab){2}$", "aba", false },
        { "^(?:ab|cd)+$", "abcdab", true },
        { "^(?:ab|cd)+$", "abc", false },
        { "^(a|b|c|d)$", "c", true },
        { "^(a|b|c|d)$", "e", false },
        { "^(a|)$", "", true },
        { "a|^b$|c", "xxc", true },
        { "^(a|bc){1,2}d$", "abcd", true },
        { "^((a|b)*c)+$", "abcbbc", true },
        { "^((a|b)*c)+$", "abcbb", false },
        { "^[a-z][a-z0-9_-]*(\\.[a-z][a-z0-9_-]*)+$", "threads.message.add", true },
        { "^[a-z][a-z0-9_-]*(\\.[a-z][a-z0-9_-]*)+$", "threads", false },
        { "^[a-z][a-z0-9_-]*(\\.[a-z][a-z0-9_-]*)+$", "threads.", false },
        { "^[^a-c]$", "d", true },
        { "^[^a-c]$", "b", false },
        { "^[]$", "x", false },
        { "^[^]$", "x", true },
        { "^[-a]$", "-", true },
        { "^[a-]$", "-", true },
        { "^[\\d.]+$", "1.5", true },
        { "^[\\d.]+$", "1,5", false },
        { "^[\\]]$", "]", true },
        { "^\\d\\D\\w\\W\\s\\S$", "1xa-\tq", true },
        { "^\\W$", "_", false },
        { "^\\S$", "\xC2\xA0", false },
        { "^.$", "\n", false },
        { "^.$", "\xE4\xBD\xA0", true },
        { "^.{2}$", "\xE4\xBD\xA0\xE5\xA5\xBD", true },
        { "^[\xE4\xBD\xA0-\xE5\xA5\xBD]$", "\xE4\xBE\xA0", true },
        { "^\\u4f60$", "\xE4\xBD\xA0", true },
        { "^\\x41$", "A", true },
        { "^\\/\\.\\*$", "/.*", true },
        { "^\\t\\n$", "\t\n", true },
        { "^(a*)*$", "aaa", true },
        { "^(a*)*b$", "aaac", false },
        { "^(a?){3}$", "aa", true },
        { "x*", "aaa", true },
    };
    for (size_t i = 0; i < HEARTH_COUNT(cases); i++)
        if (matches(cases[i].pattern, cases[i].subject) != cases[i].found)
            fail_msg("%s on %s: expected %d", cases[i].pattern, cases[i].subject, cases[i].found);
}

static void refuses_what_it_cannot_do(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        hearth_code code;
    } bad[] = {
        { "(", HEARTH_INVALID_ARGUMENT },
        { ")", HEARTH_INVALID_ARGUMENT },
        { "a)", HEARTH_INVALID_ARGUMENT },
        { "[a", HEARTH_INVALID_ARGUMENT },
        { "[b-a]", HEARTH_INVALID_ARGUMENT },
        { "*", HEARTH_INVALID_ARGUMENT },
        { "a**", HEARTH_INVALID_ARGUMENT },
        { "a{", HEARTH_INVALID_ARGUMENT },
        { "a{2,1}", HEARTH_INVALID_ARGUMENT },
        { "a{1", HEARTH_INVALID_ARGUMENT },
        { "\\", HEARTH_INVALID_ARGUMENT },
        { "\\u12", HEARTH_INVALID_ARGUMENT },
        { "(?=a)", HEARTH_UNSUPPORTED },
        { "(?!a)", HEARTH_UNSUPPORTED },
        { "(?<n>a)", HEARTH_UNSUPPORTED },
        { "(a)\\1", HEARTH_UNSUPPORTED },
        { "\\bx", HEARTH_UNSUPPORTED },
        { "a*?", HEARTH_UNSUPPORTED },
        { "\\p{L}", HEARTH_UNSUPPORTED },
        { "a{1001}", HEARTH_TOO_LARGE },
        { "((a{100}){100}){100}", HEARTH_TOO_LARGE },
        { "\xFF", HEARTH_INVALID_ARGUMENT },
        { "((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))", HEARTH_TOO_LARGE },
    };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        hearth_err err = { 0 };
        if (pattern_new(hearth_cstr(bad[i].pattern), &err) || err.code != bad[i].code)
            fail_msg("%s: %d %s", bad[i].pattern, err.code, err.msg);
    }
}

/* What makes a backtracking matcher run for years takes a step per character and instruction here. */
static void cannot_run_away(void **state)
{
    (void)state;
    char       text[20001];
    uint64_t   steps = 2000000, before = steps;
    hearth_err err = { 0 };
    pattern   *p = pattern_new(HEARTH_STR("^(a+)+(a|aa)*(a*)*$"), &err);
    memset(text, 'a', sizeof text);
    text[20000] = 'b';
    assert_false(pattern_test(p, (hearth_str){ text, sizeof text }, &steps));
    assert_true(steps > 0 && before - steps < 40 * sizeof text);
    steps = 1000;
    assert_false(pattern_test(p, (hearth_str){ text, 20000 }, &steps));
    assert_int_equal(steps, 0); /* used up: the answer is no answer */
    pattern_free(p);
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    WITH_EACH_ALLOCATION_FAILING(pattern_free(pattern_new(HEARTH_STR("^[a-z]+$"), NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_what_the_syntax_says),
        cmocka_unit_test(refuses_what_it_cannot_do),
        cmocka_unit_test(cannot_run_away),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
