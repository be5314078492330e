/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../../tests/unit/fakehost.h"
#include "context.h"

static int set_up(void **state)
{
    *state = fakehost_new(NULL); /* for its values */
    fakehost_serve(*state, "none.here", NULL, NULL);
    return 0;
}

static int tear_down(void **state) { return (int)fakehost_free(*state); }

#define M(id, parent, role, text)                                                                                      \
    "{\"id\":\"" id "\",\"parent\":" parent ",\"role\":\"" role "\",\"parts\":[{\"type\":\"text\",\"text\":\"" text    \
    "\"}]}"

/* The contents told, with a bar between. */
static char *told(const char *messages, const char *leaf, const char *system, hearth_code *code)
{
    static char   out[400];
    hearth_err    err = { 0 };
    hearth_value *all = hearth_parse(NULL, hearth_cstr(messages), &err), *context = NULL;
    assert_non_null(all);
    *code = context_build(NULL, all, hearth_cstr(leaf), hearth_cstr(system), &context, &err);
    assert_true(*code >= 0 || err.msg[0]);
    out[0] = '\0';
    for (size_t i = 0; i < hearth_count(context); i++) {
        char text[100];
        hearth_str_copy(text, sizeof text, hearth_get_str(hearth_at(context, i), "content"));
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", i ? "|" : "", text);
    }
    hearth_value_unref(context);
    hearth_value_unref(all);
    return out;
}

static void one_branch_oldest_first(void **state)
{
    (void)state;
    hearth_code       code;
    static const char all[] = "[" M("a", "null", "user", "A") "," M("b", "\"a\"", "assistant", "B") "," M(
        "x", "\"a\"", "assistant", "X") "," M("c", "\"b\"", "user", "C") "]";
    assert_string_equal(told(all, "c", "", &code), "A|B|C");
    assert_string_equal(told(all, "x", "S", &code), "S|A|X");
    assert_string_equal(told(all, "a", "", &code), "A");
}

/* Clocks that are wrong can put an answer before its question. */
static void any_order_of_messages_will_do(void **state)
{
    (void)state;
    hearth_code code;
    assert_string_equal(
        told("[" M("c", "\"b\"", "user", "C") "," M("b", "\"a\"", "assistant", "B") "," M("a", "null", "user", "A") "]",
             "c", "", &code),
        "A|B|C");
}

static void what_is_missing_or_circular_ends_the_branch(void **state)
{
    (void)state;
    hearth_code code;
    assert_string_equal(told("[" M("b", "\"gone\"", "user", "B") "]", "b", "", &code), "B");
    told("[" M("a", "\"b\"", "user", "A") "," M("b", "\"a\"", "user", "B") "]", "b", "", &code);
    assert_int_equal(code, HEARTH_OK);
    told("[" M("a", "null", "user", "A") "]", "z", "", &code);
    assert_int_equal(code, HEARTH_NOT_FOUND);
    told("[]", "z", "", &code);
    assert_int_equal(code, HEARTH_NOT_FOUND);
}

static void only_text_is_told(void **state)
{
    (void)state;
    hearth_code       code;
    static const char all[] =
        "[" M("a", "null", "user", "A") ",{\"id\":\"b\",\"parent\":\"a\",\"role\":\"assistant\",\"parts\":[{\"type\":"
                                        "\"reasoning\",\"text\":\"hm\"},{\"type\":\"text\",\"text\":\"B\"}]},"
                                        "{\"id\":\"f\",\"parent\":\"b\",\"role\":\"assistant\",\"parts\":[]}," M(
                                            "c", "\"f\"", "user", "C") "]";
    assert_string_equal(told(all, "c", "", &code), "A|B|C");
    told("[{\"id\":\"a\",\"parent\":null,\"role\":\"user\",\"parts\":[]}]", "a", "S", &code);
    assert_int_equal(code, HEARTH_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_branch_oldest_first),
        cmocka_unit_test(any_order_of_messages_will_do),
        cmocka_unit_test(what_is_missing_or_circular_ends_the_branch),
        cmocka_unit_test(only_text_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
