/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/kit.h>

#include "kit/hash.h"

static void compares_bytes(void **state)
{
    (void)state;
    assert_true(hearth_str_compare(HEARTH_STR("a"), HEARTH_STR("b")) < 0);
    assert_true(hearth_str_compare(HEARTH_STR("ab"), HEARTH_STR("a")) > 0);
    assert_true(hearth_str_compare(HEARTH_STR("\xFF"), HEARTH_STR("a")) > 0);
    assert_int_equal(hearth_str_compare((hearth_str){ NULL, 0 }, HEARTH_STR("")), 0);
    assert_true(hearth_str_compare((hearth_str){ NULL, 0 }, HEARTH_STR("a")) < 0);
}

static void copies_whole_characters(void **state)
{
    (void)state;
    char to[6];
    assert_int_equal(hearth_str_copy(to, sizeof to, HEARTH_STR("abc")), 3);
    assert_string_equal(to, "abc");
    assert_int_equal(hearth_str_copy(to, sizeof to, HEARTH_STR("abc\xE4\xBD\xA0")), 3);
    assert_string_equal(to, "abc");
    assert_int_equal(hearth_str_copy(to, sizeof to, HEARTH_STR("abcdefgh")), 5);
    assert_int_equal(hearth_str_copy(to, 0, HEARTH_STR("x")), 0);
    assert_int_equal(hearth_str_copy(to, 1, HEARTH_STR("x")), 0);
    assert_string_equal(to, "");
}

static void reads_whole_numbers_only(void **state)
{
    (void)state;
    uint64_t x = 7;
    assert_int_equal(hearth_str_u64(HEARTH_STR("0"), &x), HEARTH_OK);
    assert_int_equal(x, 0);
    assert_int_equal(hearth_str_u64(HEARTH_STR("18446744073709551615"), &x), HEARTH_OK);
    assert_true(x == UINT64_MAX);
    assert_int_equal(hearth_str_u64(HEARTH_STR("18446744073709551616"), &x), HEARTH_TOO_LARGE);
    static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "1.0", "0x1", "99999999999999999999999x" };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++)
        assert_int_equal(hearth_str_u64(hearth_cstr(bad[i]), &x), HEARTH_INVALID_ARGUMENT);
    assert_true(x == UINT64_MAX);
}

static void hashes_as_published(void **state)
{
    (void)state;
    unsigned char bytes[16];
    uint64_t      key[2];
    assert_true(hearth_hash("", 0) == 0xCBF29CE484222325u);
    assert_true(hearth_hash("a", 1) == 0xAF63DC4C8601EC8Cu);
    for (unsigned i = 0; i < 16; i++)
        bytes[i] = (unsigned char)i;
    key[0] = 0x0706050403020100u;
    key[1] = 0x0F0E0D0C0B0A0908u;
    assert_true(hash_keyed(key, bytes, 0) == 0xABAC0158050FC4DCu); /* SipHash-1-3, the authors' vectors */
    for (size_t n = 0; n < sizeof bytes; n++) /* every length, also across words, and every byte counts */
        for (size_t i = 0; i < n; i++) {
            uint64_t before = hash_keyed(key, bytes, n);
            assert_true(before != hash_keyed(key, bytes, i));
            bytes[i] ^= 0x80;
            assert_true(before != hash_keyed(key, bytes, n));
            bytes[i] ^= 0x80;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_bytes),
        cmocka_unit_test(copies_whole_characters),
        cmocka_unit_test(reads_whole_numbers_only),
        cmocka_unit_test(hashes_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
