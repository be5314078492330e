/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel_test.h"

#include "face/heads.h"

static void read_one_pass(void **state)
{
    (void)state;
    const hearth_header all[] = {
        { HEARTH_STR("host"), HEARTH_STR("localhost:1") },
        { HEARTH_STR("x-other"), HEARTH_STR("1") },
        { HEARTH_STR("cookie"), HEARTH_STR("a=b; hearth_session=v=1;c=d") },
        { HEARTH_STR("origin"), { NULL, 0 } },
    };
    http_request r = { .headers = all, .header_count = HEARTH_COUNT(all) };
    heads        h;
    heads_read(&h, &r);
    assert_text(h.host, "localhost:1");
    assert_false(h.is_ambiguous);
    assert_non_null(h.origin.p); /* an empty header is there all the same */
    assert_null(h.authorization.p);
    assert_text(heads_cookie(&h, "hearth_session"), "v=1");
    assert_text(heads_cookie(&h, "c"), "d");
    assert_null(heads_cookie(&h, "hearth").p);
}

static void two_of_a_kind(void **state)
{
    (void)state;
    const hearth_header twice[] = { { HEARTH_STR("authorization"), HEARTH_STR("x") },
                                    { HEARTH_STR("authorization"), HEARTH_STR("y") } };
    const hearth_header fine[] = { { HEARTH_STR("accept"), HEARTH_STR("x") },
                                   { HEARTH_STR("accept"), HEARTH_STR("y") } };
    heads               h;
    heads_read(&h, &(http_request){ .headers = twice, .header_count = 2 });
    assert_true(h.is_ambiguous);
    heads_read(&h, &(http_request){ .headers = fine, .header_count = 2 });
    assert_false(h.is_ambiguous);
}

static void lists(void **state)
{
    (void)state;
    assert_true(heads_lists(HEARTH_STR("gzip, br"), "br"));
    assert_true(heads_lists(HEARTH_STR("GZIP;q=0.5,br"), "gzip"));
    assert_false(heads_lists(HEARTH_STR("gzip;q=0"), "gzip"));
    assert_false(heads_lists(HEARTH_STR("gzip;q=0.000, deflate"), "gzip"));
    assert_true(heads_lists(HEARTH_STR("gzip;q=0.001"), "gzip"));
    assert_false(heads_lists(HEARTH_STR("brotli"), "br"));
    assert_false(heads_lists((hearth_str){ NULL, 0 }, "br"));
    assert_true(heads_same(HEARTH_STR("LocalHost"), HEARTH_STR("localhost")));
    assert_false(heads_same(HEARTH_STR("localhost"), HEARTH_STR("localhost.")));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(read_one_pass), cmocka_unit_test(two_of_a_kind),
                                        cmocka_unit_test(lists) };
    return cmocka_run_group_tests_name("heads", tests, NULL, NULL);
}
