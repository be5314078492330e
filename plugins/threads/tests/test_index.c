/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../../../tests/unit/fakehost.h"
#include "index.h"
#include "index_query.h"
#include "message.h"

#define THREAD HEARTH_STR("01J00000000000000000000001")
#define DEVICE HEARTH_STR("01JDEV1CE0000000000000000A")

/* The index runs on a plugin's context: this plugin is nothing else. */
static index_db *ix;

static hearth_code load(hearth_ctx *ctx, void **self, hearth_err *err)
{
    (void)err;
    *self = ix = hearth_new(ctx, index_db);
    ix->ctx = ctx;
    return HEARTH_OK;
}

static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
{
    (void)ctx;
    return index_ready(self, err);
}

static void dispose(void *self)
{
    index_db *mine = self;
    index_close(mine);
    hearth_free(mine->ctx, mine);
}

#undef HEARTH_PLUGIN_ENTRY
#define HEARTH_PLUGIN_ENTRY hearth_entry_index_test
HEARTH_PLUGIN(load, implement, dispose)

static int set_up(void **state)
{
    *state = fakehost_new(NULL);
    fakehost_load(*state, "index-test", hearth_entry_index_test);
    return 0;
}

static int tear_down(void **state) { return (int)fakehost_free(*state); }

static hearth_value *parse(const char *json)
{
    hearth_err    err = { 0 };
    hearth_value *v = hearth_parse(NULL, hearth_cstr(json), &err);
    if (!v)
        fail_msg("%s: %s", json, err.msg);
    return v;
}

static hearth_value *message_line(const char *id, unsigned n, const char *text)
{
    char          line[600];
    hearth_value *lines = hearth_array(NULL);
    snprintf(line, sizeof line,
             "{\"h\":\"01a3185c5%07x\",\"d\":\"01JDEV1CE0000000000000000A\",\"n\":%u,\"o\":\"msg.add\",\"k\":\"%s\","
             "\"f\":\"*\",\"v\":{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"%s\"}]}}",
             n, n, id, text);
    hearth_add_str(lines, hearth_cstr(line));
    return lines;
}

static size_t count_hits(const char *query)
{
    hearth_value *out = NULL;
    assert_int_equal(query_search(ix, hearth_cstr(query), 100, &out, NULL), HEARTH_OK);
    size_t n = hearth_count(hearth_get(out, "hits"));
    hearth_value_unref(out);
    return n;
}

static void applying_twice_is_applying_once(void **state)
{
    (void)state;
    hearth_value *lines = message_line("m1", 1, "hello"), *next = parse("{\"a.jsonl\":100}");
    for (int i = 0; i < 3; i++) {
        index_report report = { 0 };
        assert_int_equal(index_apply(ix, THREAD, lines, next, &report, NULL), HEARTH_OK);
        assert_int_equal(report.applied, i == 0);
        assert_int_equal(report.known, i != 0);
        assert_int_equal(count_hits("hello"), 1);
    }
    hearth_value_unref(lines);
    hearth_value_unref(next);
}

static void a_number_used_twice_is_damage_and_both_stay(void **state)
{
    (void)state;
    index_report  report = { 0 };
    hearth_value *one = message_line("m1", 1, "first"), *two = message_line("m2", 1, "second");
    index_apply(ix, THREAD, one, NULL, &report, NULL);
    index_apply(ix, THREAD, two, NULL, &report, NULL);
    assert_int_equal(report.damaged, 1);
    assert_int_equal(count_hits("first") + count_hits("second"), 2);
    hearth_value_unref(one);
    hearth_value_unref(two);
}

static void positions_decide_what_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *files;
        size_t      behind;
    } cases[] = {
        { "{\"a.jsonl\":100}", 0 }, { "{\"a.jsonl\":101}", 1 },
        { "{\"a.jsonl\":99}", 1 },  { "{\"a.jsonl\":100,\"a.1.jsonl\":1}", 1 },
        { "{\"a.1.jsonl\":5}", 1 }, { "{\"a.jsonl\":100,\"a.1.jsonl\":0}", 0 },
    };
    index_report  report = { 0 };
    hearth_value *lines = message_line("m1", 1, "hello"), *next = parse("{\"a.jsonl\":100}");
    index_apply(ix, THREAD, lines, next, &report, NULL);
    for (size_t i = 0; i < HEARTH_COUNT(cases); i++) {
        char json[300];
        bool is_gone = true;
        snprintf(json, sizeof json,
                 "{\"logs\":[{\"log\":\"threads/01J00000000000000000000001/a\",\"files\":%s},{\"log\":\"threads/"
                 "rubbish/a\",\"files\":{\"a.jsonl\":1}}]}",
                 cases[i].files);
        hearth_value *listed = parse(json), *plan = NULL, *behind = hearth_array(NULL);
        assert_int_equal(index_plan(ix, THREAD, listed, &plan, &is_gone, NULL), HEARTH_OK);
        assert_false(is_gone);
        assert_int_equal(hearth_count(plan), cases[i].behind);
        assert_int_equal(index_compare(ix, listed, 0, 100, behind, NULL), 2);
        assert_int_equal(hearth_count(behind), cases[i].behind);
        assert_int_equal(index_missing(ix, listed, behind, NULL), HEARTH_OK);
        assert_int_equal(hearth_count(behind), cases[i].behind);
        hearth_value_unref(listed);
        hearth_value_unref(plan);
        hearth_value_unref(behind);
    }
    hearth_value *empty = parse("{\"logs\":[]}"), *plan = NULL, *missing = hearth_array(NULL);
    bool          is_gone = false;
    index_plan(ix, THREAD, empty, &plan, &is_gone, NULL);
    assert_true(is_gone);
    index_missing(ix, empty, missing, NULL);
    assert_int_equal(hearth_count(missing), 1);
    hearth_value_unref(empty);
    hearth_value_unref(plan);
    hearth_value_unref(missing);
    hearth_value_unref(lines);
    hearth_value_unref(next);
}

/* An append's end tells that nothing lies between only when it fits what is known. */
static void own_lines_move_the_position_only_without_a_gap(void **state)
{
    (void)state;
    hearth_value *first = message_line("m1", 1, "a"), *second = message_line("m2", 2, "b"), *plan = NULL;
    uint64_t      n = hearth_as_str(hearth_at(first, 0)).n + 1;
    char          json[300];
    for (int gap = 0; gap < 2; gap++) {
        hearth_str thread = gap ? HEARTH_STR("01J00000000000000000000002") : THREAD;
        bool       is_gone;
        index_apply_own(ix, thread, DEVICE, first, n, NULL);
        index_apply_own(ix, thread, DEVICE, second, 2 * n + (gap ? 30 : 0), NULL);
        snprintf(json, sizeof json,
                 "{\"logs\":[{\"log\":\"threads/%.*s/"
                 "01JDEV1CE0000000000000000A\",\"files\":{\"01JDEV1CE0000000000000000A.jsonl\":%llu}}]}",
                 HEARTH_FMT(thread), (unsigned long long)(2 * n + (gap ? 30 : 0)));
        hearth_value *listed = parse(json);
        index_plan(ix, thread, listed, &plan, &is_gone, NULL);
        assert_int_equal(hearth_count(plan), gap);
        hearth_value_unref(listed);
        hearth_value_unref(plan);
    }
    hearth_value_unref(first);
    hearth_value_unref(second);
}

static void a_log_of_rubbish_makes_no_thread(void **state)
{
    (void)state;
    index_report  report = { 0 };
    hearth_value *lines = parse("[\"{}\",\"{\\\"h\\\":1}\"]"), *next = parse("{\"a.jsonl\":9}"), *out = NULL;
    assert_int_equal(index_apply(ix, THREAD, lines, next, &report, NULL), HEARTH_OK);
    assert_int_equal(report.unreadable, 2);
    assert_int_equal(query_thread(ix, THREAD, &out, NULL), HEARTH_NOT_FOUND);
    hearth_value_unref(lines);
    hearth_value_unref(next);
}

static void forgetting_takes_the_words_along(void **state)
{
    (void)state;
    index_report  report = { 0 };
    hearth_value *lines = message_line("m1", 1, "hello");
    index_apply(ix, THREAD, lines, NULL, &report, NULL);
    assert_int_equal(count_hits("hello"), 1);
    assert_int_equal(index_forget(ix, THREAD, NULL), HEARTH_OK);
    assert_int_equal(count_hits("hello"), 0);
    index_apply(ix, THREAD, lines, NULL, &report, NULL);
    assert_int_equal(count_hits("hello"), 1);
    assert_int_equal(
        sqlite3_exec(ix->db, "INSERT INTO words(words, rank) VALUES('integrity-check', 1)", NULL, NULL, NULL),
        SQLITE_OK);
    hearth_value_unref(lines);
}

static void stamps_go_on_from_what_is_known(void **state)
{
    (void)state;
    op_stamp      stamp;
    index_report  report = { 0 };
    hearth_value *lines = message_line("m1", 41, "x");
    index_apply(ix, THREAD, lines, NULL, &report, NULL);
    index_stamp(ix, THREAD, DEVICE, &stamp, NULL);
    assert_int_equal(stamp.n, 42);
    uint64_t before = stamp.h;
    index_next(ix, &stamp);
    assert_int_equal(stamp.n, 43);
    assert_true(stamp.h > before);
    ix->n_floor = 90; /* a failed append may have left up to 89 */
    index_stamp(ix, THREAD, DEVICE, &stamp, NULL);
    assert_int_equal(stamp.n, 90);
    hearth_value_unref(lines);
}

/* A device whose clock is years ahead must not take everybody's clock along. */
static void a_clock_far_ahead_is_not_followed(void **state)
{
    (void)state;
    index_report  report = { 0 };
    op_stamp      stamp;
    hearth_value *lines =
        parse("[\"{\\\"h\\\":\\\"ffffffffffffffff\\\",\\\"d\\\":\\\"z\\\",\\\"n\\\":1,\\\"o\\\":\\\"meta.set\\\","
              "\\\"k\\\":\\\"x\\\",\\\"f\\\":\\\"title\\\",\\\"v\\\":\\\"mad\\\"}\"]");
    index_apply(ix, THREAD, lines, NULL, &report, NULL);
    assert_int_equal(report.applied, 1);
    index_stamp(ix, THREAD, DEVICE, &stamp, NULL);
    assert_true(stamp.h < 0x7fffffffffffffffu);
    hearth_value_unref(lines);
}

/* Parents in a circle are damage that must not hang anybody. */
static void a_circle_of_parents_ends(void **state)
{
    (void)state;
    index_report  report = { 0 };
    hearth_value *out = NULL,
                 *lines =
                     parse("[\"{\\\"h\\\":\\\"01a3185c50000001\\\",\\\"d\\\":\\\"a\\\",\\\"n\\\":1,\\\"o\\\":\\\"msg."
                           "add\\\",\\\"k\\\":\\\"A\\\",\\\"f\\\":\\\"*\\\",\\\"v\\\":{\\\"parent\\\":\\\"B\\\"}}\","
                           "\"{\\\"h\\\":\\\"01a3185c50000002\\\",\\\"d\\\":\\\"a\\\",\\\"n\\\":2,\\\"o\\\":\\\"msg."
                           "add\\\",\\\"k\\\":\\\"B\\\",\\\"f\\\":\\\"*\\\",\\\"v\\\":{\\\"parent\\\":\\\"A\\\"}}\","
                           "\"{\\\"h\\\":\\\"01a3185c50000003\\\",\\\"d\\\":\\\"a\\\",\\\"n\\\":3,\\\"o\\\":\\\"meta."
                           "set\\\",\\\"k\\\":\\\"t\\\",\\\"f\\\":\\\"head\\\",\\\"v\\\":\\\"A\\\"}\"]");
    assert_int_equal(index_apply(ix, THREAD, lines, NULL, &report, NULL), HEARTH_OK);
    assert_int_equal(query_get(ix, THREAD, &out, NULL), HEARTH_OK);
    assert_int_equal(hearth_count(hearth_get(out, "messages")), 2);
    hearth_value_unref(out);
    hearth_value_unref(lines);
}

/* Lists, openings and changes must not walk over whole tables, however many threads there are. */
static void no_statement_scans_a_table(void **state)
{
    (void)state;
    static const index_statement by_index[] = { SQL_FIND_THREAD,    SQL_FIND_MESSAGE,   SQL_LAST_OP,
                                                SQL_FILES,          SQL_NEWEST_MESSAGE, SQL_NEWEST_CHILD,
                                                SQL_FIRST_QUESTION, SQL_MESSAGE_KEYS,   SQL_THREAD,
                                                SQL_MESSAGES,       SQL_DELETED,        SQL_MESSAGE,
                                                SQL_LIST,           SQL_COUNT_MESSAGES };
    for (size_t i = 0; i < HEARTH_COUNT(by_index); i++) {
        char          text[1200];
        sqlite3_stmt *plan = NULL;
        snprintf(text, sizeof text, "EXPLAIN QUERY PLAN %s", sqlite3_sql(index_use(ix, by_index[i])));
        assert_int_equal(sqlite3_prepare_v2(ix->db, text, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            if (strncmp(step, "SCAN", 4) == 0 || (strstr(step, "TEMP B-TREE") && by_index[i] != SQL_MESSAGES))
                fail_msg("%s: %s", text, step);
        }
        sqlite3_finalize(plan);
    }
}

static void titles_and_previews_are_one_short_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *title;
    } cases[] = {
        { "", "" },
        { "  \n\t ", "" },
        { "Hello", "Hello" },
        { "How do I add a bigger model to this?", "How do I add a bigger model to this?" },
        { "1 2 3 4 5 6 7 8 9 10 11 12", "1 2 3 4 5 6 7 8 9 10 11 12" },
        { "1 2 3 4 5 6 7 8 9 10 11 12 13", "1 2 3 4 5 6 7 8 9 10 11 12…" },
        { "# Heading\n\nand\ttext", "Heading and text" },
        { "- > * quoted", "quoted" },
    };
    hearth_buf out;
    for (size_t i = 0; i < HEARTH_COUNT(cases); i++) {
        hearth_buf_init(&out, 4096);
        hearth_buf_puts(&out, "");
        message_put_title(&out, hearth_cstr(cases[i].text));
        assert_string_equal(out.p ? out.p : "", cases[i].title);
        hearth_buf_deinit(&out);
    }
    char text[3001];
    for (size_t i = 0; i < 1000; i++)
        memcpy(text + 3 * i, "\xe2\x82\xac", 3);
    hearth_buf_init(&out, 4096);
    message_put_title(&out, (hearth_str){ text, 3000 });
    assert_true(out.n <= MESSAGE_TITLE_BYTES + 3 && hearth_utf8_valid(hearth_buf_str(&out)));
    hearth_buf_reset(&out);
    message_put_preview(&out, (hearth_str){ text, 3000 });
    assert_true(out.n > 100 && out.n <= MESSAGE_PREVIEW_BYTES && hearth_utf8_valid(hearth_buf_str(&out)));
    hearth_buf_deinit(&out);
}

int main(void)
{
#define WITH_INDEX(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_INDEX(applying_twice_is_applying_once),
        WITH_INDEX(a_number_used_twice_is_damage_and_both_stay),
        WITH_INDEX(positions_decide_what_is_read),
        WITH_INDEX(own_lines_move_the_position_only_without_a_gap),
        WITH_INDEX(a_log_of_rubbish_makes_no_thread),
        WITH_INDEX(forgetting_takes_the_words_along),
        WITH_INDEX(stamps_go_on_from_what_is_known),
        WITH_INDEX(a_clock_far_ahead_is_not_followed),
        WITH_INDEX(a_circle_of_parents_ends),
        WITH_INDEX(no_statement_scans_a_table),
        WITH_INDEX(titles_and_previews_are_one_short_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
