/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/kit.h>

static void the_nearest_cause_wins(void **state)
{
    (void)state;
    hearth_err err = { 0 };
    assert_int_equal(hearth_err_set(&err, HEARTH_IO, "file", "cannot read %s", "x"), HEARTH_IO);
    assert_int_equal(hearth_err_set(&err, HEARTH_INTERNAL, "caller", "it failed"), HEARTH_INTERNAL);
    assert_int_equal(err.code, HEARTH_IO);
    assert_string_equal(err.where, "file");
    assert_string_equal(err.msg, "cannot read x");
    assert_int_equal(hearth_err_set(NULL, HEARTH_BUSY, "x", "y"), HEARTH_BUSY);
}

static void long_words_are_cut_between_characters(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        hearth_err err = { 0 };
        char       text[600];
        size_t     n = shift;
        memset(text, 'x', shift);
        for (; n + 4 < sizeof text; n += 3)
            memcpy(text + n, "\xE4\xBD\xA0", 3);
        text[n] = '\0';
        hearth_err_set(&err, HEARTH_IO, text, "%s", text);
        assert_true(hearth_utf8_valid(hearth_cstr(err.msg)) && strlen(err.msg) > sizeof err.msg - 5);
        assert_true(hearth_utf8_valid(hearth_cstr(err.where)) && strlen(err.where) > sizeof err.where - 5);
    }
}

static void codes_translate_both_ways(void **state)
{
    (void)state;
    assert_string_equal(hearth_code_name(HEARTH_NOT_FOUND), "not_found");
    assert_string_equal(hearth_code_text(HEARTH_DISK_FULL), "the disk is full");
    assert_int_equal(hearth_code_http(HEARTH_BUSY), 429);
    assert_string_equal(hearth_code_name(-9999), "internal");
    assert_string_equal(hearth_code_name(HEARTH_OK), "ok");
    assert_int_equal(hearth_code_of_rpc(-9999), HEARTH_INTERNAL);
#define XX(NAME, name, code, http, rpc, text)                                                                          \
    assert_int_equal(hearth_code_of_rpc(hearth_code_rpc(HEARTH_##NAME)), HEARTH_##NAME);
    HEARTH_ERRORS(XX)
#undef XX
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_cause_wins),
        cmocka_unit_test(long_words_are_cut_between_characters),
        cmocka_unit_test(codes_translate_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
