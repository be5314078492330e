/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../../tests/unit/fakehost.h"
#include "log_name.h"
#include "scan.h"

const hearth_plugin *hearth_entry_store_folder(const hearth_host_api *host);

static fakehost *open_host(void)
{
    fakehost *f = fakehost_new(NULL);
    fakehost_load(f, "store-folder", hearth_entry_store_folder);
    return f;
}

static fake_call *must(fakehost *f, const char *method, const char *json)
{
    fake_call *c = fakehost_call(f, method, json);
    assert_true(c->is_done);
    if (c->code < 0)
        fail_msg("%s: %s", method, c->err.msg);
    return c;
}

static void must_fail(fakehost *f, const char *method, const char *json, hearth_code code)
{
    fake_call *c = fakehost_call(f, method, json);
    assert_int_equal(c->code, code);
    assert_true(c->err.msg[0]);
    fake_call_free(c);
}

static hearth_str line_at(const fake_call *c, size_t i)
{
    return hearth_as_str(hearth_at(hearth_get(c->value, "lines"), i));
}

static void appended_lines_come_back_in_order(void **state)
{
    (void)state;
    fakehost  *f = open_host();
    fake_call *c =
        must(f, "persistence.append", "{\"log\":\"threads/a/b\",\"lines\":[\"{\\\"n\\\":1}\",\"{\\\"n\\\":2}\"]}");
    assert_int_equal(hearth_get_u64(c->value, "offset", 0), 16);
    fake_call_free(c);
    c = must(f, "persistence.scan", "{\"log\":\"threads/a/b\"}");
    assert_int_equal(hearth_count(hearth_get(c->value, "lines")), 2);
    assert_true(hearth_str_is(line_at(c, 0), "{\"n\":1}"));
    assert_true(hearth_get_bool(c->value, "is_end", false));
    assert_int_equal(hearth_get_u64(hearth_get(c->value, "next"), "b.jsonl", 0), 16);
    fake_call_free(c);
    c = must(f, "persistence.scan", "{\"log\":\"threads/a/b\",\"from\":{\"b.jsonl\":8}}");
    assert_int_equal(hearth_count(hearth_get(c->value, "lines")), 1);
    assert_true(hearth_str_is(line_at(c, 0), "{\"n\":2}"));
    fake_call_free(c);
    assert_int_equal(fakehost_free(f), 0);
}

static void what_cannot_be_read_is_skipped_and_counted(void **state)
{
    (void)state;
    fakehost *f = open_host();
    fakehost_write(f, "log/x.jsonl", "{\"n\":1}\nrubbish\n{\"half\n\n{\"bad\":\"\xff\"}\n{\"n\":2}\r\n{\"n\":3}");
    fake_call *c = must(f, "persistence.scan", "{\"log\":\"log/x\"}");
    assert_int_equal(hearth_count(hearth_get(c->value, "lines")), 2);
    assert_int_equal(hearth_get_u64(c->value, "skipped", 0), 3);
    assert_true(hearth_str_is(line_at(c, 1), "{\"n\":2}"));
    assert_true(hearth_get_bool(c->value, "is_end", false)); /* the unfinished line is for later */
    fake_call_free(c);
    fakehost_append(f, "log/x.jsonl", "\n");
    c = must(f, "persistence.scan", "{\"log\":\"log/x\"}");
    assert_int_equal(hearth_count(hearth_get(c->value, "lines")), 3);
    fake_call_free(c);
    assert_int_equal(fakehost_free(f), 0);
}

/* Page by page is the same as at once, whatever the limit. */
static void every_limit_reads_everything_once(void **state)
{
    (void)state;
    fakehost *f = open_host();
    fakehost_write(
        f, "l.jsonl",
        "{\"n\":1}\n{\"text\":\"a rather long line, longer than the limits below\"}\nbad\n{\"n\":2}\n{\"torn");
    fakehost_write(f, "l.1.jsonl", "{\"n\":3}\n{\"n\":4}\n");
    for (unsigned limit = 1; limit < 90; limit++) {
        hearth_value *next = hearth_object(NULL);
        size_t        lines = 0, skipped = 0, rounds = 0;
        for (bool is_end = false; !is_end; rounds++) {
            size_t n = 0;
            char  *from = hearth_write(next, &n), json[300];
            snprintf(json, sizeof json, "{\"log\":\"l\",\"limit\":%u,\"from\":%s}", limit, from);
            hearth_write_free(from);
            fake_call *c = must(f, "persistence.scan", json);
            lines += hearth_count(hearth_get(c->value, "lines"));
            skipped += (size_t)hearth_get_u64(c->value, "skipped", 0);
            is_end = hearth_get_bool(c->value, "is_end", false);
            hearth_value_unref(next);
            next = hearth_value_ref(hearth_get(c->value, "next"));
            fake_call_free(c);
            assert_true(rounds < 20);
        }
        assert_int_equal(lines, 5);
        assert_int_equal(skipped, 1);
        hearth_value_unref(next);
    }
    assert_int_equal(fakehost_free(f), 0);
}

static void a_line_over_the_cap_is_skipped(void **state)
{
    (void)state;
    fakehost *f = open_host();
    size_t    n = SCAN_LINE_MAX_BYTES + 3 * SCAN_LIMIT_BYTES;
    char     *text = malloc(n + 32);
    memset(text, 'x', n);
    text[0] = '{';
    memcpy(text + n - 1, "}\n{\"n\":1}\n", 11);
    fakehost_write(f, "big.jsonl", text);
    fake_call *c = must(f, "persistence.scan", "{\"log\":\"big\"}");
    if (hearth_count(hearth_get(c->value, "lines")) == 0) { /* the limit is used up by what was skipped */
        char json[96];
        snprintf(json, sizeof json, "{\"log\":\"big\",\"from\":{\"big.jsonl\":%zu}}", n + 1);
        assert_int_equal(hearth_get_u64(c->value, "skipped", 0), 1);
        assert_int_equal(hearth_get_u64(hearth_get(c->value, "next"), "big.jsonl", 0), n + 1);
        fake_call_free(c);
        c = must(f, "persistence.scan", json);
    }
    assert_true(hearth_str_is(line_at(c, 0), "{\"n\":1}"));
    fake_call_free(c);
    free(text);
    assert_int_equal(fakehost_free(f), 0);
}

static void a_replaced_file_is_a_conflict(void **state)
{
    (void)state;
    fakehost *f = open_host();
    fakehost_write(f, "l.jsonl", "{\"a\":1}\n{\"b\":2}\n");
    must_fail(f, "persistence.scan", "{\"log\":\"l\",\"from\":{\"l.jsonl\":3}}", HEARTH_CONFLICT); /* inside a line */
    must_fail(f, "persistence.scan", "{\"log\":\"l\",\"from\":{\"l.jsonl\":400}}",
              HEARTH_CONFLICT); /* behind the end */
    must_fail(f, "persistence.scan", "{\"log\":\"l\",\"from\":{\"l.1.jsonl\":8}}", HEARTH_CONFLICT); /* gone */
    fake_call_free(must(f, "persistence.scan", "{\"log\":\"l\",\"from\":{\"l.1.jsonl\":0,\"l.jsonl\":8}}"));
    assert_int_equal(fakehost_free(f), 0);
}

static void logs_are_listed_with_their_files(void **state)
{
    (void)state;
    fakehost *f = open_host();
    fakehost_write(f, "threads/t1/dev.jsonl", "{}\n");
    fakehost_write(f, "threads/t1/dev.1.jsonl", "{}\n{}\n");
    fakehost_write(f, "threads/t1/other.jsonl", "{}\n");
    fakehost_write(f, "threads/t1/dev.sync-conflict-1.jsonl", "{}\n");
    fakehost_write(f, "threads/t1/notes.txt", "x");
    fakehost_write(f, "threads/t2/dev.jsonl", "{}\n");
    fakehost_write(f, "local/secret.jsonl", "{}\n");
    fakehost_write(f, "hearth.json", "{}");
    fake_call          *c = must(f, "persistence.list", "{\"prefix\":\"threads/t1/\"}");
    const hearth_value *logs = hearth_get(c->value, "logs");
    assert_int_equal(hearth_count(logs), 2);
    assert_true(hearth_str_is(hearth_get_str(hearth_at(logs, 0), "log"), "threads/t1/dev"));
    assert_int_equal(hearth_count(hearth_get(hearth_at(logs, 0), "files")), 3);
    assert_int_equal(hearth_get_u64(hearth_at(logs, 0), "bytes", 0), 12);
    fake_call_free(c);
    c = must(f, "persistence.list", "{\"prefix\":\"\"}");
    assert_int_equal(hearth_count(hearth_get(c->value, "logs")), 3); /* local/ is not a store's */
    fake_call_free(c);
    c = must(f, "persistence.list", "{\"prefix\":\"nothing/here/\"}");
    assert_int_equal(hearth_count(hearth_get(c->value, "logs")), 0);
    fake_call_free(c);
    assert_int_equal(fakehost_free(f), 0);
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    fakehost                *f = open_host();
    static const char *const names[] = { "",    "/a",  "a/",      "a//b",      "../a",
                                         "a.b", "a b", "local/x", "a\\u0000b", "\xc3\xa4" };
    for (size_t i = 0; i < HEARTH_COUNT(names); i++) {
        char json[96];
        snprintf(json, sizeof json, "{\"log\":\"%s\",\"lines\":[\"{}\"]}", names[i]);
        must_fail(f, "persistence.append", json, HEARTH_INVALID_ARGUMENT);
        must_fail(f, "persistence.scan", json, HEARTH_INVALID_ARGUMENT);
    }
    must_fail(f, "persistence.append", "{\"log\":\"a\",\"lines\":[]}", HEARTH_INVALID_ARGUMENT);
    must_fail(f, "persistence.append", "{\"log\":\"a\",\"lines\":[\"{}\",\"\"]}", HEARTH_INVALID_ARGUMENT);
    must_fail(f, "persistence.append", "{\"log\":\"a\",\"lines\":[\"{}\\n{}\"]}", HEARTH_INVALID_ARGUMENT);
    must_fail(f, "persistence.list", "{\"prefix\":\"../x/\"}", HEARTH_INVALID_ARGUMENT);
    assert_int_equal(fakehost_appends(f), 0);
    assert_int_equal(fakehost_free(f), 0);
}

static void a_failed_append_is_not_acknowledged(void **state)
{
    (void)state;
    fakehost *f = open_host();
    fake_call_free(must(f, "persistence.append", "{\"log\":\"l\",\"lines\":[\"{\\\"n\\\":1}\"]}"));
    fakehost_fail_append(f, HEARTH_DISK_FULL, 4);
    must_fail(f, "persistence.append", "{\"log\":\"l\",\"lines\":[\"{\\\"n\\\":2}\"]}", HEARTH_DISK_FULL);
    fake_call_free(must(f, "persistence.append", "{\"log\":\"l\",\"lines\":[\"{\\\"n\\\":3}\"]}"));
    fake_call *c = must(f, "persistence.scan", "{\"log\":\"l\"}");
    assert_int_equal(hearth_count(hearth_get(c->value, "lines")), 2);
    assert_true(hearth_str_is(line_at(c, 1), "{\"n\":3}"));
    assert_true(fakehost_has(f, "l.1.jsonl"));
    fake_call_free(c);
    assert_int_equal(fakehost_free(f), 0);
}

static void work_under_way_is_given_back_at_the_end(void **state)
{
    (void)state;
    fakehost  *f = open_host();
    fake_call *a = fakehost_start(f, "persistence.append", "{\"log\":\"l\",\"lines\":[\"{}\"]}");
    fake_call *b = fakehost_start(f, "persistence.list", "{}");
    for (int i = 0; i < 3; i++)
        fakehost_step(f);
    fakehost_crash(f);
    fake_call_free(a);
    fake_call_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_lines_come_back_in_order),
        cmocka_unit_test(what_cannot_be_read_is_skipped_and_counted),
        cmocka_unit_test(every_limit_reads_everything_once),
        cmocka_unit_test(a_line_over_the_cap_is_skipped),
        cmocka_unit_test(a_replaced_file_is_a_conflict),
        cmocka_unit_test(logs_are_listed_with_their_files),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(a_failed_append_is_not_acknowledged),
        cmocka_unit_test(work_under_way_is_given_back_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
