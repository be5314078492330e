/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The append log: every system call fails once, and what was acknowledged is still there. */
#include "io_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "io/append_log.h"

enum { MAX_LINES = 400 };

typedef struct answer {
    struct test *t;
    int          id;
    bool         is_told;
    hearth_code  code;
    uint64_t     offset;
    char         file[200], msg[400];
} answer;

typedef struct test {
    char        folder[64];
    loop       *l;
    file_root  *root;
    append_log *log;
    answer      answers[MAX_LINES];
    int         asked, told;
    bool        is_idle, add_from_done;
} test;

static void begin(test *t)
{
    memset(t, 0, sizeof *t);
    io_test_folder(t->folder);
    t->l = io_test_loop();
    t->root = file_root_open(t->folder, false, NULL);
    t->log = append_log_new(t->l, t->root);
    assert_non_null(t->log);
}

static void on_idle(void *arg)
{
    test *t = arg;
    t->is_idle = true;
    loop_stop(t->l);
}

static void stop_log(test *t)
{
    append_log_free(t->log, on_idle, t);
    loop_run(t->l);
    assert_true(t->is_idle);
    t->is_idle = false;
    t->log = NULL;
}

static void end(test *t)
{
    if (t->log)
        stop_log(t);
    file_root_close(t->root);
    loop_free(t->l);
    io_test_remove_folder(t->folder);
}

static void add(test *t, const char *name, const char *lines);

static void on_done(void *arg, hearth_code code, hearth_str file, uint64_t offset, const hearth_err *err)
{
    answer *a = arg;
    test   *t = a->t;
    assert_false(a->is_told);
    a->is_told = true;
    a->code = code;
    a->offset = offset;
    hearth_str_copy(a->file, sizeof a->file, file);
    snprintf(a->msg, sizeof a->msg, "%s", err->msg);
    t->told++;
    if (t->add_from_done && t->asked < 50)
        add(t, "a.jsonl", "from within\n");
    if (t->told == t->asked)
        loop_stop(t->l);
}

static void add(test *t, const char *name, const char *lines)
{
    answer *a = &t->answers[t->asked];
    a->t = t;
    a->id = t->asked++;
    append_log_add(t->log, (hearth_str){ name, strlen(name) }, (hearth_str){ lines, strlen(lines) }, on_done, a);
    assert_false(a->is_told); /* later, always */
}

static void add_numbered(test *t, const char *name)
{
    char line[64];
    snprintf(line, sizeof line, "{\"n\":%d,\"text\":\"abcdefghijkl\"}\n", t->asked);
    add(t, name, line);
}

static void put_file(test *t, const char *name, const char *bytes)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", t->folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(bytes, f);
    fclose(f);
}

static char *get_file(test *t, const char *name)
{
    static char bytes[65536];
    char        path[400];
    snprintf(path, sizeof path, "%s/%s", t->folder, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    bytes[fread(bytes, 1, sizeof bytes - 1, f)] = '\0';
    fclose(f);
    return bytes;
}

static void lines_come_in_order_with_their_offsets(void **state)
{
    (void)state;
    test t;
    begin(&t);
    for (int i = 0; i < 300; i++)
        add_numbered(&t, "threads/x/dev.jsonl");
    loop_run(t.l);
    uint64_t last = 0;
    for (int i = 0; i < 300; i++) {
        assert_int_equal(t.answers[i].code, HEARTH_OK);
        assert_true(t.answers[i].offset > last);
        assert_string_equal(t.answers[i].file, "threads/x/dev.jsonl");
        last = t.answers[i].offset;
    }
    char *text = get_file(&t, "threads/x/dev.jsonl");
    assert_non_null(text);
    assert_int_equal(strlen(text), last);
    int n = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n++)
        assert_int_equal(atoi(line + 5), n);
    assert_int_equal(n, 300);
    end(&t);
}

static void adding_from_the_answer_and_freeing_with_work(void **state)
{
    (void)state;
    test t;
    begin(&t);
    t.add_from_done = true;
    add(&t, "a.jsonl", "first\n");
    loop_run(t.l);
    assert_int_equal(t.told, 50);
    t.add_from_done = false;
    for (int i = 0; i < 20; i++)
        add(&t, "b.jsonl", "last\n");
    stop_log(&t); /* finishes what was added */
    assert_int_equal(t.told, 70);
    assert_int_equal(strlen(get_file(&t, "b.jsonl")), 20 * 5);
    end(&t);
}

static void a_torn_line_gets_its_newline(void **state)
{
    (void)state;
    test t;
    begin(&t);
    put_file(&t, "a.jsonl", "{\"good\":1}\n{\"torn\":");
    add(&t, "a.jsonl", "{\"next\":1}\n");
    add(&t, "a.jsonl", "{\"next\":2}\n");
    loop_run(t.l);
    assert_string_equal(get_file(&t, "a.jsonl"), "{\"good\":1}\n{\"torn\":\n{\"next\":1}\n{\"next\":2}\n");
    assert_int_equal(t.answers[1].offset, strlen(get_file(&t, "a.jsonl")));
    end(&t);
}

static void bad_input_is_refused_by_name(void **state)
{
    (void)state;
    test t;
    begin(&t);
    add(&t, "a.jsonl", "no newline");
    add(&t, "a.jsonl", "");
    add(&t, "../a.jsonl", "x\n");
    add(&t, "", "x\n");
    add(&t, "a.jsonl", "good\n");
    loop_run(t.l);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(t.answers[i].code, HEARTH_INVALID_ARGUMENT);
        assert_true(strlen(t.answers[i].msg) > 0);
    }
    assert_int_equal(t.answers[4].code, HEARTH_OK);
    assert_string_equal(get_file(&t, "a.jsonl"), "good\n");
    end(&t);
}

static void count_answer(void *arg, hearth_code code, hearth_str file, uint64_t offset, const hearth_err *err)
{
    (void)file, (void)offset, (void)err;
    ++((int *)arg)[code == HEARTH_OK ? 0 : code == HEARTH_BUSY ? 1 : 2];
}

/* Small lines cost more than their bytes: what waits is bounded by number too, and a refusal does not wait with it. */
static void what_waits_for_a_slow_disk_is_bounded(void **state)
{
    (void)state;
    test t;
    begin(&t);
    int answers[3] = { 0 };
    for (int i = 0; i < 70000; i++)
        append_log_add(t.log, HEARTH_STR("a.jsonl"), HEARTH_STR("x\n"), count_answer, answers);
    assert_int_equal(answers[1], 0); /* never before the call returned */
    stop_log(&t);
    assert_int_equal(answers[0] + answers[1], 70000);
    assert_int_equal(answers[2], 0);
    assert_true(answers[1] > 0);
    assert_true(answers[0] > 1000);
    end(&t);
}

/* All lines of all files that belong to a.jsonl, each in lines of its own; torn ones are skipped as a reader would. */
static int count_line(test *t, const char *wanted)
{
    int  found = 0;
    DIR *d = opendir(t->folder);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        char *text = e->d_name[0] == 'a' ? get_file(t, e->d_name) : NULL;
        for (char *line = text; line && *line;) {
            char *newline = strchr(line, '\n');
            if (newline && (size_t)(newline - line) == strlen(wanted) && memcmp(line, wanted, strlen(wanted)) == 0)
                found++;
            line = newline ? newline + 1 : NULL;
        }
    }
    closedir(d);
    return found;
}

static void run_with_fault(unsigned nth, int e)
{
    test t;
    begin(&t);
    put_file(&t, "a.jsonl", "{\"old\":true}\n{\"torn");
    append_log_fail_at(t.log, nth, e);
    char broken[8][200];
    int  broken_count = 0, refused = 0;
    for (int batch = 0; batch < 5; batch++) {
        int first = t.asked;
        for (int i = 0; i < 3; i++)
            add_numbered(&t, "a.jsonl");
        loop_run(t.l);
        for (int i = first; i < t.asked; i++) {
            const answer *a = &t.answers[i];
            char          line[64];
            snprintf(line, sizeof line, "{\"n\":%d,\"text\":\"abcdefghijkl\"}", i);
            if (a->code == HEARTH_OK) {
                assert_int_equal(count_line(&t, line), 1); /* acknowledged: there, whole, once */
                for (int k = 0; k < broken_count; k++)
                    assert_string_not_equal(a->file, broken[k]); /* a file that failed is never appended to again */
            } else {
                assert_true(count_line(&t, line) <= 1);
                assert_int_equal(a->code, file_code_of_errno(e));
                assert_true(strlen(a->msg) > 0);
                refused++;
            }
        }
        if (t.answers[first].code < 0 && strstr(t.answers[first].msg, "could not write")) {
            assert_true(e != ENOSPC || strstr(t.answers[first].msg, "free some space"));
            snprintf(broken[broken_count++], sizeof broken[0], "%s", t.answers[first].file);
        }
    }
    assert_int_equal(count_line(&t, "{\"old\":true}"), 1);
    assert_true(refused <= 2); /* one fault costs one batch: the first add goes alone, the other two gather behind it */
    if (e == 0)
        assert_int_equal(refused, 0); /* a short write is finished, not failed */

    /* After a restart the newest file goes on, and everything acknowledged is still there. */
    char newest[200];
    snprintf(newest, sizeof newest, "%s", t.answers[t.asked - 1].file);
    stop_log(&t);
    t.log = append_log_new(t.l, t.root);
    add_numbered(&t, "a.jsonl");
    loop_run(t.l);
    assert_int_equal(t.answers[t.asked - 1].code, HEARTH_OK);
    assert_string_equal(t.answers[t.asked - 1].file, newest);
    for (int i = 0; i < t.asked; i++) {
        char line[64];
        snprintf(line, sizeof line, "{\"n\":%d,\"text\":\"abcdefghijkl\"}", i);
        if (t.answers[i].code == HEARTH_OK)
            assert_int_equal(count_line(&t, line), 1);
    }
    end(&t);
}

static void every_system_call_fails_once(void **state)
{
    (void)state;
    static const int errors[] = { EIO, ENOSPC, EROFS, 0 };
    for (size_t k = 0; k < HEARTH_COUNT(errors); k++)
        for (unsigned nth = 1; nth <= 14; nth++)
            run_with_fault(nth, errors[k]);
}

/* The second batch fails at its sync, and then making the failover file fails too: nothing is left behind, and it works again. */
static void a_failing_failover_leaves_no_trail(void **state)
{
    (void)state;
    test t;
    begin(&t);
    add_numbered(&t, "a.jsonl");
    loop_run(t.l);
    append_log_fail_at(t.log, 2, ENOSPC); /* write, sync */
    add_numbered(&t, "a.jsonl");
    loop_run(t.l);
    assert_int_equal(t.answers[1].code, HEARTH_DISK_FULL);
    for (unsigned nth = 1; nth <= 3; nth++) { /* open, sync of the folder, write */
        append_log_fail_at(t.log, nth, ENOSPC);
        add_numbered(&t, "a.jsonl");
        loop_run(t.l);
        assert_int_equal(t.answers[t.asked - 1].code, HEARTH_DISK_FULL);
        assert_null(get_file(&t, "a.1.jsonl"));
    }
    add_numbered(&t, "a.jsonl");
    loop_run(t.l);
    assert_int_equal(t.answers[t.asked - 1].code, HEARTH_OK);
    assert_string_equal(t.answers[t.asked - 1].file, "a.1.jsonl");
    end(&t);
}

static void a_file_that_was_taken_away_is_made_anew(void **state)
{
    (void)state;
    test t;
    char path[128], other[128];
    begin(&t);
    snprintf(path, sizeof path, "%s/a.jsonl", t.folder);
    add(&t, "a.jsonl", "one\n");
    loop_run(t.l);
    assert_int_equal(unlink(path), 0);
    add(&t, "a.jsonl", "two\n");
    loop_run(t.l);
    assert_string_equal(get_file(&t, "a.jsonl"), "two\n");
    put_file(&t, "copy", "restored\nhalf");
    snprintf(other, sizeof other, "%s/copy", t.folder);
    assert_int_equal(rename(other, path), 0);
    add(&t, "a.jsonl", "three\n");
    loop_run(t.l);
    assert_string_equal(get_file(&t, "a.jsonl"), "restored\nhalf\nthree\n");
    end(&t);
}

static int open_descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void descriptors_are_bounded(void **state)
{
    (void)state;
    test t;
    begin(&t);
    int before = open_descriptors();
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "t/%d.jsonl", i % 150);
        add(&t, name, "x\n");
    }
    loop_run(t.l);
    assert_true(open_descriptors() - before <= 64 + 8);
    for (int i = 0; i < 150; i++) {
        char name[32];
        snprintf(name, sizeof name, "t/%d.jsonl", i);
        assert_string_equal(get_file(&t, name), "x\nx\n");
    }
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_in_order_with_their_offsets),
        cmocka_unit_test(adding_from_the_answer_and_freeing_with_work),
        cmocka_unit_test(a_torn_line_gets_its_newline),
        cmocka_unit_test(bad_input_is_refused_by_name),
        cmocka_unit_test(what_waits_for_a_slow_disk_is_bounded),
        cmocka_unit_test(every_system_call_fails_once),
        cmocka_unit_test(a_failing_failover_leaves_no_trail),
        cmocka_unit_test(a_file_that_was_taken_away_is_made_anew),
        cmocka_unit_test(descriptors_are_bounded),
    };
    return cmocka_run_group_tests_name("append_log", tests, NULL, NULL);
}
