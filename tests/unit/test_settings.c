/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The data folder and the settings in it. */
#define _GNU_SOURCE
#include "kernel_test.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/append_log.h"
#include "kernel/folder.h"
#include "kernel/settings.h"

static loop *l;
static bus  *b;
static char  dir[64];

static int setup(void **state)
{
    (void)state;
    value_install();
    hearth_err err = { 0 };
    l = loop_new(&err);
    b = bus_new(l);
    strcpy(dir, "/tmp/hearth-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    bus_free(b);
    loop_free(l);
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static folder *open_it(void)
{
    hearth_err err = { 0 };
    folder    *f = folder_open(dir, &err);
    if (!f)
        fail_msg("%s", err.msg);
    return f;
}

static void refuses(hearth_code code, const char *words)
{
    hearth_err err = { 0 };
    assert_null(folder_open(dir, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.msg, words))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, words);
}

static void a_folder_keeps_its_ids(void **state)
{
    (void)state;
    char    id[27], device[27];
    folder *f = open_it();
    strcpy(id, folder_id(f));
    strcpy(device, folder_device(f));
    assert_true(hearth_ulid_valid(hearth_cstr(device)));
    folder_close(f);
    f = open_it();
    assert_string_equal(folder_id(f), id);
    assert_string_equal(folder_device(f), device);
    folder_close(f);
}

static void a_second_daemon_is_refused_with_the_pid_of_the_first(void **state)
{
    (void)state;
    char    pid[32];
    folder *f = open_it();
    snprintf(pid, sizeof pid, "pid %d", (int)getpid());
    refuses(HEARTH_CONFLICT, pid);
    folder_close(f);
    folder_close(open_it()); /* the lock went with the first */
}

static void a_copied_folder_gets_a_device_of_its_own(void **state)
{
    (void)state;
    char    device[27], id[27], from[256], to[256];
    folder *f = open_it();
    strcpy(device, folder_device(f));
    strcpy(id, folder_id(f));
    folder_close(f);
    /* The same device.json beneath another inode: what a copy or a restore makes. */
    snprintf(from, sizeof from, "%s/local", dir);
    snprintf(to, sizeof to, "%s/was-local", dir);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(mkdir(from, 0700), 0);
    snprintf(from, sizeof from, "%s/was-local/device.json", dir);
    snprintf(to, sizeof to, "%s/local/device.json", dir);
    assert_int_equal(rename(from, to), 0);
    f = open_it();
    assert_string_not_equal(folder_device(f), device);
    assert_string_equal(folder_id(f), id);
    folder_close(f);
}

static void another_format_and_damage_are_refused_in_words(void **state)
{
    (void)state;
    put_file("hearth.json", "{\"format\":99,\"id\":\"x\"}");
    refuses(HEARTH_INCOMPATIBLE, "format 99");
    put_file("hearth.json", "{\"form");
    refuses(HEARTH_DAMAGED, "hearth.json is damaged");
}

static void a_folder_of_other_things_is_left_alone(void **state)
{
    (void)state;
    char path[256];
    put_file("taxes.ods", "x");
    refuses(HEARTH_INVALID_ARGUMENT, "taxes.ods");
    snprintf(path, sizeof path, "%s/local", dir);
    assert_int_equal(access(path, F_OK), -1); /* nothing was made in it */
    snprintf(path, sizeof path, "%s/taxes.ods", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/models", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    folder_close(open_it()); /* models that were put there first are welcome */
    put_file("notes.txt", "x");
    folder_close(open_it()); /* and what somebody puts beside them later is theirs */
}

static void a_damaged_device_file_is_made_anew(void **state)
{
    (void)state;
    folder *f = open_it();
    char    device[27];
    strcpy(device, folder_device(f));
    folder_close(f);
    put_file("local/device.json", "\0\0\0");
    f = open_it();
    assert_string_not_equal(folder_device(f), device);
    folder_close(f);
}

/* -- settings -------------------------------------------------------------------------------------------------------- */

typedef struct house {
    folder     *f;
    append_log *log;
    settings   *s;
} house;

static house open_house(void)
{
    hearth_err err = { 0 };
    house      h = { open_it(), NULL, NULL };
    h.log = append_log_new(l, folder_root(h.f));
    h.s = settings_open(h.f, h.log, b, &err);
    if (!h.s)
        fail_msg("%s", err.msg);
    hearth_value *declared = json("{\"properties\":{\"chat.model\":{\"type\":\"string\",\"default\":\"kindling\",\"title\":\"Model\"},"
                                "\"chat.turns\":{\"type\":\"integer\",\"minimum\":1,\"default\":9}}}");
    if (settings_declare(h.s, HEARTH_STR("chat"), declared, &err) < 0)
        fail_msg("%s", err.msg);
    hearth_value_unref(declared);
    return h;
}

static void log_closed(void *arg)
{
    *(bool *)arg = true;
}

static void close_house(house *h)
{
    bool done = false;
    append_log_free(h->log, log_closed, &done);
    run_until(l, &done);
    settings_close(h->s);
    folder_close(h->f);
}

typedef struct written {
    bool        is_done;
    hearth_code code;
    char        msg[400];
} written;

static void on_written(void *arg, hearth_code code, const hearth_err *err)
{
    written *w = arg;
    w->is_done = true;
    w->code = code;
    hearth_str_copy(w->msg, sizeof w->msg, hearth_cstr(err ? err->msg : ""));
}

static written set(house *h, const char *key, const char *value)
{
    written       w = { 0 };
    hearth_value *v = value ? json(value) : NULL;
    settings_set(h->s, hearth_cstr(key), v, on_written, &w);
    run_until(l, &w.is_done);
    hearth_value_unref(v);
    return w;
}

static void has(house *h, const char *key, const char *expected)
{
    size_t        n;
    hearth_value *v = settings_get(h->s, hearth_cstr(key));
    char         *text = v ? hearth_write(v, &n) : NULL;
    assert_string_equal(text ? text : "none", expected);
    hearth_write_free(text);
    hearth_value_unref(v);
}

static void a_value_outlives_the_daemon(void **state)
{
    (void)state;
    house h = open_house();
    has(&h, "chat.model", "\"kindling\"");
    assert_int_equal(set(&h, "chat.model", "\"big one\"").code, HEARTH_OK);
    assert_int_equal(set(&h, "chat.turns", "3").code, HEARTH_OK);
    close_house(&h);
    h = open_house();
    has(&h, "chat.model", "\"big one\"");
    has(&h, "chat.turns", "3");
    assert_int_equal(set(&h, "chat.model", NULL).code, HEARTH_OK); /* back to the default */
    close_house(&h);
    h = open_house();
    has(&h, "chat.model", "\"kindling\"");
    close_house(&h);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    house h = open_house();
    assert_int_equal(set(&h, "chat.turns", "0").code, HEARTH_INVALID_ARGUMENT);
    assert_int_equal(set(&h, "chat.model", "[]").code, HEARTH_INVALID_ARGUMENT);
    written w = set(&h, "chat.none", "1");
    assert_int_equal(w.code, HEARTH_NOT_FOUND);
    assert_non_null(strstr(w.msg, "settings.list"));
    has(&h, "chat.none", "none");
    close_house(&h);
}

static void the_last_writer_of_all_devices_wins(void **state)
{
    (void)state;
    house h = open_house();
    assert_int_equal(set(&h, "chat.turns", "3").code, HEARTH_OK);
    close_house(&h);
    /* Another device: one line long ago, one far ahead, and lines that a reader must skip. */
    put_file("log/settings/01ARZ3NDEKTSV4RRFFQ69G5FAV.jsonl",
             "{\"h\":\"0000000000000001\",\"d\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"n\":1,\"o\":\"set\",\"k\":\"chat.turns\",\"v\":5}\n"
             "{\"h\":\"7fffffffffff0000\",\"d\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"n\":2,\"o\":\"set\",\"k\":\"chat.model\",\"v\":\"far\"}\n"
             "\n{\"torn\n[1,2]\n{\"h\":\"zz\",\"d\":\"x\",\"o\":\"set\",\"k\":\"chat.turns\",\"v\":6}\n"
             "{\"h\":\"7fffffffffff0001\",\"d\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"n\":3,\"o\":\"set\",\"k\":\"chat.turns\",\"v\":7}"); /* no newline */
    h = open_house();
    has(&h, "chat.turns", "3");
    has(&h, "chat.model", "\"far\"");
    assert_int_equal(set(&h, "chat.model", "\"near\"").code, HEARTH_OK); /* our clock has moved past theirs */
    has(&h, "chat.model", "\"near\"");
    close_house(&h);
}

static void a_long_history_is_read_to_its_end(void **state)
{
    (void)state;
    folder *f = open_it();
    char    path[256];
    snprintf(path, sizeof path, "%s/log", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/log/settings", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/log/settings/%s.jsonl", dir, folder_device(f));
    FILE *file = fopen(path, "w");
    for (int i = 1; i <= 20; i++) { /* 20 MB in all */
        fprintf(file, "{\"h\":\"%016x\",\"d\":\"%s\",\"n\":%d,\"o\":\"set\",\"k\":\"a.text\",\"v\":\"", i, folder_device(f), i);
        for (int n = 0; n < 1000000; n += 100)
            fprintf(file, "%0100d", i);
        fputs("\"}\n", file);
    }
    fputs("{\"torn", file);
    fclose(file);
    append_log *log = append_log_new(l, folder_root(f));
    settings   *s = settings_open(f, log, b, NULL);
    hearth_value *declared = json("{\"properties\":{\"a.text\":{\"type\":\"string\"}}}");
    assert_int_equal(settings_declare(s, HEARTH_STR("a"), declared, NULL), HEARTH_OK);
    hearth_value *v = settings_get(s, HEARTH_STR("a.text"));
    hearth_str    text = hearth_as_str(v);
    assert_int_equal(text.n, 1000000);
    assert_text((hearth_str){ text.p + text.n - 3, 3 }, "020");
    hearth_value_unref(v);
    hearth_value_unref(declared);
    settings_close(s);
    append_log_free(log, NULL, NULL);
    settle_loop(l);
    folder_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_keeps_its_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_daemon_is_refused_with_the_pid_of_the_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copied_folder_gets_a_device_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(another_format_and_damage_are_refused_in_words, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_of_other_things_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_device_file_is_made_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_outlives_the_daemon, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_writer_of_all_devices_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_history_is_read_to_its_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
