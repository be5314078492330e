/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Files beneath a root: names, symbolic links, replacement, listing, the lock, and what an errno becomes. */
#include "io_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io/file.h"

static char       folder[64];
static file_root *root;

static int set_up(void **state)
{
    (void)state;
    hearth_err err = { 0 };
    io_test_folder(folder);
    char deep[128];
    snprintf(deep, sizeof deep, "%s/a/b/", folder);
    root = file_root_open(deep, true, &err);
    assert_non_null(root);
    snprintf(deep, sizeof deep, "%s/a/b", folder);
    assert_string_equal(file_root_path(root), deep);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    file_root_close(root);
    io_test_remove_folder(folder);
    return 0;
}

static void names(void **state)
{
    (void)state;
    char long_part[300];
    memset(long_part, 'x', sizeof long_part);
    assert_true(file_name_is_good(HEARTH_STR("a")));
    assert_true(file_name_is_good(HEARTH_STR("threads/01J/..x/.hidden")));
    assert_true(file_name_is_good((hearth_str){ long_part, 255 }));
    assert_false(file_name_is_good((hearth_str){ long_part, 256 }));
    static const hearth_str bad[] = { { "", 0 },    { "/a", 2 },  { "a/", 2 },   { "a//b", 4 },
                                      { ".", 1 },   { "..", 2 },  { "a/..", 4 }, { "a/../b", 6 },
                                      { "./a", 3 }, { "a/.", 3 }, { "a\0b", 3 }, { "../../etc/passwd", 16 } };
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        hearth_err err = { 0 };
        hearth_buf out;
        hearth_buf_init(&out, 100);
        assert_false(file_name_is_good(bad[i]));
        assert_int_equal(file_read(root, bad[i], &out, &err), HEARTH_INVALID_ARGUMENT);
        assert_int_equal(file_write(root, bad[i], HEARTH_STR("x"), 0600, NULL), HEARTH_INVALID_ARGUMENT);
        assert_int_equal(file_open(root, bad[i], O_RDONLY, 0, NULL), HEARTH_INVALID_ARGUMENT);
        hearth_buf_deinit(&out);
    }
}

static void write_replaces_and_read_reads(void **state)
{
    (void)state;
    hearth_err err = { 0 };
    hearth_buf out;
    hearth_buf_init(&out, 64);
    hearth_str name = HEARTH_STR("x/y/z.json");
    assert_int_equal(file_write(root, name, HEARTH_STR("one"), 0640, &err), HEARTH_OK);
    assert_int_equal(file_write(root, name, HEARTH_STR("second"), 0600, &err), HEARTH_OK);
    assert_int_equal(file_read(root, name, &out, &err), HEARTH_OK);
    assert_true(hearth_str_is(hearth_buf_str(&out), "second"));
    uint64_t bytes = 0, modified = 0, inode = 0;
    assert_int_equal(file_size(root, name, &bytes, &modified, &inode, &err), HEARTH_OK);
    assert_int_equal(bytes, 6);
    assert_true(modified > 1600000000000u && inode > 0);
    hearth_buf_deinit(&out);

    hearth_buf_init(&out, 3); /* the cap of a part is how much of it is read */
    assert_int_equal(file_read_at(root, name, 2, &out, &bytes, &err), HEARTH_OK);
    assert_true(hearth_str_is(hearth_buf_str(&out), "con"));
    assert_int_equal(bytes, 6);
    hearth_buf_reset(&out);
    assert_int_equal(file_read(root, name, &out, &err), HEARTH_TOO_LARGE);
    assert_non_null(strstr(err.msg, "x/y/z.json"));
    hearth_buf_deinit(&out);

    assert_int_equal(file_remove(root, name, NULL), HEARTH_OK);
    assert_int_equal(file_remove(root, name, NULL), HEARTH_NOT_FOUND);
    assert_int_equal(file_remove(root, HEARTH_STR("x"), NULL), HEARTH_CONFLICT); /* not empty */
    assert_int_equal(file_remove(root, HEARTH_STR("x/y"), NULL), HEARTH_OK);
}

static void links_are_not_followed(void **state)
{
    (void)state;
    char secret[128], link[128];
    snprintf(secret, sizeof secret, "%s/secret", folder);
    int fd = open(secret, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    snprintf(link, sizeof link, "%s/link", file_root_path(root));
    assert_int_equal(symlink(secret, link), 0);
    snprintf(link, sizeof link, "%s/up", file_root_path(root));
    assert_int_equal(symlink("..", link), 0);

    hearth_err err = { 0 };
    hearth_buf out;
    hearth_buf_init(&out, 64);
    assert_int_equal(file_read(root, HEARTH_STR("link"), &out, &err), HEARTH_DENIED);
    assert_non_null(strstr(err.msg, "symbolic link"));
    assert_int_equal(file_read(root, HEARTH_STR("up/secret"), &out, NULL), HEARTH_DENIED);
    assert_int_equal(file_write(root, HEARTH_STR("up/new"), HEARTH_STR("x"), 0600, NULL), HEARTH_DENIED);
    /* Writing over a link replaces the link, never what it points to. */
    assert_int_equal(file_write(root, HEARTH_STR("link"), HEARTH_STR("mine"), 0600, NULL), HEARTH_OK);
    struct stat st;
    assert_int_equal(stat(secret, &st), 0);
    assert_int_equal(st.st_size, 0);
    hearth_buf_deinit(&out);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    char fifo[128];
    snprintf(fifo, sizeof fifo, "%s/fifo", file_root_path(root));
    assert_int_equal(mkfifo(fifo, 0600), 0);
    hearth_buf out;
    hearth_buf_init(&out, 64);
    assert_int_equal(file_read(root, HEARTH_STR("fifo"), &out, NULL), HEARTH_INVALID_ARGUMENT); /* and does not hang */
    assert_int_equal(file_make_dirs(root, HEARTH_STR("d/e/f"), NULL), HEARTH_OK);
    assert_int_equal(file_read(root, HEARTH_STR("d"), &out, NULL), HEARTH_INVALID_ARGUMENT);
    assert_int_equal(file_write(root, HEARTH_STR("plain"), HEARTH_STR("x"), 0600, NULL), HEARTH_OK);
    assert_int_equal(file_make_dirs(root, HEARTH_STR("plain/sub"), NULL), HEARTH_INVALID_ARGUMENT);
    hearth_buf_deinit(&out);
}

typedef struct seen {
    int files, folders;
} seen;

static hearth_code see(void *arg, const hearth_dir_entry *e)
{
    seen *s = arg;
    *(e->is_dir ? &s->folders : &s->files) += 1;
    return hearth_str_is(e->name, "stop") ? HEARTH_CANCELLED : HEARTH_OK;
}

static void list(void **state)
{
    (void)state;
    seen s = { 0, 0 };
    file_write(root, HEARTH_STR("l/one"), HEARTH_STR("1"), 0600, NULL);
    file_write(root, HEARTH_STR("l/two"), HEARTH_STR("2"), 0600, NULL);
    file_write(root, HEARTH_STR("l/.hearth-tmp-left"), HEARTH_STR("2"), 0600, NULL);
    file_make_dirs(root, HEARTH_STR("l/sub"), NULL);
    assert_int_equal(file_list(root, HEARTH_STR("l"), see, &s, NULL), HEARTH_OK);
    assert_int_equal(s.files, 2); /* a temporary file that a crash left is not content */
    assert_int_equal(s.folders, 1);
    assert_int_equal(file_list(root, (hearth_str){ NULL, 0 }, see, &s, NULL), HEARTH_OK);
    assert_int_equal(file_list(root, HEARTH_STR("nowhere"), see, &s, NULL), HEARTH_NOT_FOUND);
    file_write(root, HEARTH_STR("m/stop"), HEARTH_STR("2"), 0600, NULL);
    assert_int_equal(file_list(root, HEARTH_STR("m"), see, &s, NULL), HEARTH_CANCELLED);
}

static void lock_names_its_owner(void **state)
{
    (void)state;
    int64_t    pid = 0;
    hearth_err err = { 0 };
    file_lock *l = file_lock_take(root, HEARTH_STR("lock"), &pid, &err);
    assert_non_null(l);
    /* flock belongs to the open file: a second open conflicts even within one process. */
    assert_null(file_lock_take(root, HEARTH_STR("lock"), &pid, &err));
    assert_int_equal(err.code, HEARTH_CONFLICT);
    assert_int_equal(pid, getpid());
    file_unlock(l);
    file_unlock(NULL);
    l = file_lock_take(root, HEARTH_STR("lock"), &pid, NULL);
    assert_non_null(l);
    file_unlock(l);
}

/* A full disk cannot be mounted in a unit test; a file size limit fails the same write with EFBIG. */
static void failed_write_leaves_the_old_content(void **state)
{
    (void)state;
    hearth_str name = HEARTH_STR("precious");
    assert_int_equal(file_write(root, name, HEARTH_STR("old"), 0600, NULL), HEARTH_OK);
    struct rlimit before, small = { 1000, RLIM_INFINITY };
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    char big[5000];
    memset(big, 'x', sizeof big);
    hearth_err  err = { 0 };
    hearth_code code = file_write(root, name, (hearth_str){ big, sizeof big }, 0600, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(code, HEARTH_TOO_LARGE);
    hearth_buf out;
    hearth_buf_init(&out, 64);
    assert_int_equal(file_read(root, name, &out, NULL), HEARTH_OK);
    assert_true(hearth_str_is(hearth_buf_str(&out), "old"));
    seen s = { 0, 0 };
    assert_int_equal(file_list(root, (hearth_str){ NULL, 0 }, see, &s, NULL), HEARTH_OK);
    hearth_buf_deinit(&out);
}

static void codes(void **state)
{
    (void)state;
    assert_int_equal(file_code_of_errno(0), HEARTH_OK);
    assert_int_equal(file_code_of_errno(ENOSPC), HEARTH_DISK_FULL);
    assert_int_equal(file_code_of_errno(EROFS), HEARTH_READ_ONLY);
    assert_int_equal(file_code_of_errno(EACCES), HEARTH_DENIED);
    assert_int_equal(file_code_of_errno(EIO), HEARTH_IO);
    hearth_err err = { 0 };
    assert_null(file_root_open("relative/path", true, &err));
    assert_int_equal(err.code, HEARTH_INVALID_ARGUMENT);
    err.code = HEARTH_OK;
    assert_null(file_root_open("/proc/nothing-can-be-made-here", true, &err));
    assert_true(err.code < 0);
    file_root_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(write_replaces_and_read_reads),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(list),
        cmocka_unit_test(lock_names_its_owner),
        cmocka_unit_test(failed_write_leaves_the_old_content),
        cmocka_unit_test(codes),
    };
    return cmocka_run_group_tests_name("file", tests, set_up, tear_down);
}
