/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/kit.h>

#include "kit/utf8.h"

#define GOOD(text) assert_true(hearth_utf8_valid(HEARTH_STR(text)))
#define BAD(text)  assert_false(hearth_utf8_valid(HEARTH_STR(text)))

static void knows_well_formed_text(void **state)
{
    (void)state;
    GOOD("");
    GOOD("plain ascii, long enough to go by words");
    GOOD("h\xC3\xA9"
         "arth \xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x94\xA5");
    GOOD("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80");
    BAD("\xC0\xAF"); /* overlong */
    BAD("\xE0\x9F\xBF");
    BAD("\xF0\x8F\xBF\xBF");
    BAD("\xED\xA0\x80");     /* a surrogate */
    BAD("\xF4\x90\x80\x80"); /* over U+10FFFF */
    BAD("\xF5\x80\x80\x80");
    BAD("\x80");
    BAD("\xFF");
    BAD("12345678\xE4\xBD");
    BAD("\xE4\xBDx");
}

/* Every code point, and every sequence of up to three bytes against the rule written another way. */
static bool is_valid_the_slow_way(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint32_t rune = p[i];
        size_t   length = rune < 0x80 ? 1 : rune < 0xC0 ? 0 : rune < 0xE0 ? 2 : rune < 0xF0 ? 3 : rune < 0xF8 ? 4 : 0;
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        if (length == 0 || i + length > n)
            return false;
        if (length > 1)
            rune &= 0xFFu >> (length + 1);
        for (size_t k = 1; k < length; k++) {
            if ((p[i + k] & 0xC0) != 0x80)
                return false;
            rune = rune << 6 | (p[i + k] & 0x3Fu);
        }
        if (rune < least[length] || rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000))
            return false;
        i += length;
    }
    return true;
}

static void agrees_with_the_definition(void **state)
{
    (void)state;
    unsigned char p[4];
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b += b < 0x70 ? 16 : 1)
            for (unsigned c = 0; c < 256; c += c < 0x70 ? 16 : 1) {
                p[0] = (unsigned char)a;
                p[1] = (unsigned char)b;
                p[2] = (unsigned char)c;
                for (size_t n = 1; n <= 3; n++)
                    assert_int_equal(hearth_utf8_valid((hearth_str){ (char *)p, n }), is_valid_the_slow_way(p, n));
            }
    for (uint32_t last = 0x80; last < 0xC0; last++)
        for (unsigned b = 0x70; b < 256; b++)
            for (unsigned a = 0xEF; a < 0xF6; a++) {
                p[0] = (unsigned char)a;
                p[1] = (unsigned char)b;
                p[2] = 0x80;
                p[3] = (unsigned char)last;
                assert_int_equal(hearth_utf8_valid((hearth_str){ (char *)p, 4 }), is_valid_the_slow_way(p, 4));
            }
}

/* Cut anywhere, the whole part is well-formed and at most three bytes shorter. */
static void whole_never_ends_inside_a_character(void **state)
{
    (void)state;
    hearth_str text = HEARTH_STR("a\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x94\xA5z");
    for (size_t n = 0; n <= text.n; n++) {
        size_t whole = hearth_utf8_whole((hearth_str){ text.p, n });
        assert_true(whole <= n && n - whole <= 3);
        assert_true(hearth_utf8_valid((hearth_str){ text.p, whole }));
    }
    assert_int_equal(hearth_utf8_whole(HEARTH_STR("x\x80")), 2); /* will never become good: may as well be shown */
    assert_int_equal(hearth_utf8_whole(HEARTH_STR("x\xC0")), 2);
    assert_int_equal(hearth_utf8_whole(HEARTH_STR("x\xE0\x80")), 3);
    assert_int_equal(hearth_utf8_whole(HEARTH_STR("x\xE0\xA0")), 1);
}

static void check_repair(hearth_str from, const char *to)
{
    hearth_buf out;
    hearth_buf_init(&out, 1000);
    assert_int_equal(hearth_utf8_repair(&out, from), HEARTH_OK);
    assert_string_equal(out.p, to);
    assert_true(hearth_utf8_valid(hearth_buf_str(&out)));
    hearth_buf_deinit(&out);
}

#define MARK "\xEF\xBF\xBD"

static void repair_puts_one_mark_per_broken_part(void **state)
{
    (void)state;
    check_repair(HEARTH_STR(""), "");
    check_repair(HEARTH_STR("fine \xC3\xA9"), "fine \xC3\xA9");
    check_repair(HEARTH_STR("a\xFF"
                            "b"),
                 "a" MARK "b");
    check_repair(HEARTH_STR("\xE4\xBD"
                            "x"),
                 MARK "x"); /* one for the two bytes that began a character */
    check_repair(HEARTH_STR("\xF0\x9F\x94"), MARK);
    check_repair(HEARTH_STR("\xC0\xAF"), MARK MARK);
    check_repair(HEARTH_STR("\xED\xA0\x80"), MARK MARK MARK);
}

static void counts_characters(void **state)
{
    (void)state;
    assert_int_equal(utf8_count(HEARTH_STR("")), 0);
    assert_int_equal(utf8_count(HEARTH_STR("0123456789")), 10);
    assert_int_equal(utf8_count(HEARTH_STR("12345678\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x94\xA5")), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_well_formed_text),
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(whole_never_ends_inside_a_character),
        cmocka_unit_test(repair_puts_one_mark_per_broken_part),
        cmocka_unit_test(counts_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
