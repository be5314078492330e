/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/kit.h>

static void check_base64(const char *bytes, const char *text)
{
    hearth_buf out;
    hearth_buf_init(&out, 1000);
    hearth_base64_put(&out, bytes, strlen(bytes));
    hearth_buf_puts(&out, "");
    assert_string_equal(out.p, text);
    hearth_buf_reset(&out);
    assert_int_equal(hearth_base64_decode(&out, hearth_cstr(text)), HEARTH_OK);
    assert_int_equal(out.n, strlen(bytes));
    assert_memory_equal(out.p ? out.p : "", bytes, out.n);
    hearth_buf_deinit(&out);
}

static void speaks_rfc_4648(void **state)
{
    (void)state;
    check_base64("", "");
    check_base64("f", "Zg==");
    check_base64("fo", "Zm8=");
    check_base64("foo", "Zm9v");
    check_base64("foob", "Zm9vYg==");
    check_base64("fooba", "Zm9vYmE=");
    check_base64("foobar", "Zm9vYmFy");
    check_base64("\xFB\xFF\xBF", "+/+/");
}

static void refuses_any_other_spelling(void **state)
{
    (void)state;
    static const char *const bad[] = { "Zg",   "Zg=",  "Zg===",  "Z===", "====",    "Zh==",
                                       "Zm9=", "Zm 8", "Zm8=\n", "-_-_", "Zg==Zg==" };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        hearth_buf out;
        hearth_buf_init(&out, 1000);
        assert_int_equal(hearth_base64_decode(&out, hearth_cstr(bad[i])), HEARTH_INVALID_ARGUMENT);
        hearth_buf_deinit(&out);
    }
}

static void respects_the_cap(void **state)
{
    (void)state;
    hearth_buf out;
    hearth_buf_init(&out, 7);
    assert_int_equal(hearth_base64_put(&out, "foobar", 6), HEARTH_TOO_LARGE);
    assert_true(out.failed);
    hearth_buf_deinit(&out);
}

static void hex_both_ways(void **state)
{
    (void)state;
    hearth_buf    out;
    unsigned char back[4];
    hearth_buf_init(&out, 100);
    hearth_hex_put(&out, "\x00\x1f\xa9\xff", 4);
    assert_string_equal(out.p, "001fa9ff");
    assert_int_equal(hearth_hex_decode(back, 4, HEARTH_STR("001FA9ff")), HEARTH_OK);
    assert_memory_equal(back, "\x00\x1f\xa9\xff", 4);
    assert_int_equal(hearth_hex_decode(back, 4, HEARTH_STR("001fa9f")), HEARTH_INVALID_ARGUMENT);
    assert_int_equal(hearth_hex_decode(back, 4, HEARTH_STR("001fa9fg")), HEARTH_INVALID_ARGUMENT);
    assert_int_equal(hearth_hex_decode(back, 3, HEARTH_STR("001fa9ff")), HEARTH_INVALID_ARGUMENT);
    hearth_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speaks_rfc_4648),
        cmocka_unit_test(refuses_any_other_spelling),
        cmocka_unit_test(respects_the_cap),
        cmocka_unit_test(hex_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
