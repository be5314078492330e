/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/kit.h>

static void text_order_is_time_order(void **state)
{
    (void)state;
    static const uint64_t times[] = { 0, 1, 31, 32, 1023, 1469918176385u, 1469918176386u, (1ull << 48) - 1 };
    uint8_t               random[10];
    char                  last[27] = "", text[27];
    for (size_t i = 0; i < HEARTH_COUNT(times); i++) {
        memset(random, i % 2 ? 0x00 : 0xFF, sizeof random);
        hearth_ulid_make(text, times[i], random);
        assert_int_equal(strlen(text), 26);
        assert_true(hearth_ulid_valid(hearth_cstr(text)));
        assert_int_equal(hearth_ulid_time_ms(hearth_cstr(text)), times[i]);
        assert_true(strcmp(last, text) < 0);
        memcpy(last, text, sizeof last);
    }
}

static void spells_as_the_specification(void **state)
{
    (void)state;
    static const uint8_t zero[10] = { 0 }, ones[10] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };
    char                 text[27];
    hearth_ulid_make(text, 1469918176385u, zero); /* the specification's own example: 01ARYZ6S41 */
    assert_string_equal(text, "01ARYZ6S410000000000000000");
    hearth_ulid_make(text, (1ull << 48) - 1, ones);
    assert_string_equal(text, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = { "",
                                       "01ARYZ6S41000000000000000",
                                       "01ARYZ6S4100000000000000000",
                                       "81ARYZ6S410000000000000000",
                                       "01aryz6s410000000000000000",
                                       "01ARYZ6S41000000000000000U",
                                       "01ARYZ6S41000000000000000-" };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        assert_false(hearth_ulid_valid(hearth_cstr(bad[i])));
        assert_int_equal(hearth_ulid_time_ms(hearth_cstr(bad[i])), 0);
    }
    assert_false(hearth_ulid_valid((hearth_str){ "01ARYZ6S41000000000000000\0", 26 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_order_is_time_order),
        cmocka_unit_test(spells_as_the_specification),
        cmocka_unit_test(refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
