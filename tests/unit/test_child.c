/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Children: their end is noticed, their output is bounded, their walls hold. The program starts itself as the child. */
#include "io_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "hostile.h"
#include "io/child.h"

static char self[1024];

typedef struct seen {
    loop  *l;
    bool   has_exited;
    int    exits, status, signo;
    char   words[96];
    int    lines[2];
    char   text[16384];
    char   longest[5000], last[128];
    child *free_on_line;
} seen;

static void on_line(void *arg, bool is_stderr, hearth_str line)
{
    seen *s = arg;
    s->lines[is_stderr]++;
    if (line.n > strlen(s->longest))
        hearth_str_copy(s->longest, sizeof s->longest, line);
    hearth_str_copy(s->last, sizeof s->last, line);
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%s%.*s\n", is_stderr ? "err:" : "", HEARTH_FMT(line));
    if (s->free_on_line) {
        child_free(s->free_on_line);
        s->free_on_line = NULL;
        loop_stop(s->l);
    }
}

static void on_exit_of(void *arg, int status, int signo, const char *words)
{
    seen *s = arg;
    s->exits++;
    s->has_exited = true;
    s->status = status;
    s->signo = signo;
    snprintf(s->words, sizeof s->words, "%s", words);
    loop_stop(s->l);
}

static child *begin(seen *s, const char *action, const char *extra, const char *extra2, child_options *o, int *fd)
{
    const char *argv[] = { self, "--as-child", action, extra, extra2, NULL };
    memset(s, 0, sizeof *s);
    s->l = io_test_loop();
    o->argv = argv;
    o->on_line = on_line;
    o->on_exit = on_exit_of;
    hearth_err err = { 0 };
    child     *c = child_start(s->l, o, s, fd, &err);
    if (!c)
        print_error("%s\n", err.msg);
    assert_non_null(c);
    assert_true(child_pid(c) > 0);
    return c;
}

static void finish(seen *s, child *c, int fd)
{
    child_free(c);
    if (fd >= 0)
        close(fd);
    loop_free(s->l);
}

static void exit_and_output(void **state)
{
    (void)state;
    seen          s;
    int           fd;
    child_options o = { .no_walls = true };
    child        *c = begin(&s, "talk", NULL, NULL, &o, &fd);
    loop_run(s.l);
    assert_string_equal(s.words, "exit status 7");
    assert_int_equal(s.status, 7);
    assert_int_equal(s.signo, 0);
    assert_non_null(strstr(s.text, "one\n"));
    assert_non_null(strstr(s.text, "err:two\n"));
    assert_non_null(strstr(s.text, "last without newline\n"));
    finish(&s, c, fd);
}

static void the_socket_is_fd_3(void **state)
{
    (void)state;
    seen          s;
    int           fd;
    child_options o = { .no_walls = false };
    child        *c = begin(&s, "echo", NULL, NULL, &o, &fd);
    char          answer[6] = { 0 };
    assert_int_equal(write(fd, "hello", 5), 5);
    assert_int_equal(recv(fd, answer, 5, MSG_WAITALL), 5);
    assert_string_equal(answer, "hello");
    close(fd); /* the child's read ends, and so does the child */
    loop_run(s.l);
    assert_int_equal(s.status, 0);
    finish(&s, c, -1);
}

static void a_killed_child_is_named(void **state)
{
    (void)state;
    seen          s;
    int           fd;
    child_options o = { 0 };
    child        *c = begin(&s, "echo", NULL, NULL, &o, &fd);
    kill((pid_t)child_pid(c), SIGKILL);
    loop_run(s.l);
    assert_int_equal(s.signo, SIGKILL);
    assert_string_equal(s.words, "killed by signal 9 (Killed)");
    child_stop(c, 10); /* nothing any more */
    finish(&s, c, fd);
}

/* A child that ignores SIGTERM and one that is stopped: neither may hold up the end. */
static void a_hanging_child_is_killed_after_the_grace(void **state)
{
    (void)state;
    static const char *const actions[] = { "ignore", "stop" };
    for (size_t i = 0; i < HEARTH_COUNT(actions); i++) {
        seen          s;
        int           fd;
        char          ready = 0;
        child_options o = { 0 };
        child        *c = begin(&s, actions[i], NULL, NULL, &o, &fd);
        siginfo_t     info;
        assert_int_equal(read(fd, &ready, 1), 1);
        if (i == 1)
            waitid(P_PID, (id_t)child_pid(c), &info, WSTOPPED | WNOWAIT);
        child_stop(c, 30);
        loop_run(s.l);
        assert_int_equal(s.signo, SIGKILL);
        finish(&s, c, fd);
    }
}

static void a_polite_child_ends_by_sigterm(void **state)
{
    (void)state;
    seen          s;
    int           fd;
    child_options o = { 0 };
    child        *c = begin(&s, "echo", NULL, NULL, &o, &fd);
    child_stop(c, 30000);
    loop_run(s.l);
    assert_int_equal(s.signo, SIGTERM);
    finish(&s, c, fd);
}

static void a_freed_child_is_killed_and_tells_nothing(void **state)
{
    (void)state;
    seen          s;
    int           fd;
    child_options o = { 0 };
    child        *c = begin(&s, "echo", NULL, NULL, &o, &fd);
    pid_t         pid = (pid_t)child_pid(c);
    finish(&s, c, fd); /* loop_free waits for the reaping */
    assert_int_equal(s.exits, 0);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);

    c = begin(&s, "talk", NULL, NULL, &o, &fd);
    s.free_on_line = c;
    loop_run(s.l);
    assert_int_equal(s.exits, 0);
    assert_int_equal(s.lines[0] + s.lines[1], 1);
    close(fd);
    loop_free(s.l);
}

static void floods_are_cut_and_counted(void **state)
{
    (void)state;
    seen          s;
    int           fd;
    child_options o = { 0 };
    child        *c = begin(&s, "flood", NULL, NULL, &o, &fd);
    loop_run(s.l);
    assert_int_equal(s.status, 0);
    assert_int_equal(strlen(s.longest), 4096); /* one line of 10,000 */
    assert_true(s.lines[1] > 100);
    assert_true(s.lines[1] < 20000); /* of 100,000 */
    assert_non_null(strstr(s.last, "lines left out)"));
    finish(&s, c, fd);
}

static void what_cannot_start_says_why(void **state)
{
    (void)state;
    loop       *l = io_test_loop();
    int         fd;
    char        folder[64], path[128];
    const char *argv[] = { "/no/such/program", NULL };
    io_test_folder(folder);
    child_options o = { .argv = argv };
    hearth_err    err = { 0 };
    assert_null(child_start(l, &o, NULL, &fd, &err));
    assert_int_equal(err.code, HEARTH_NOT_FOUND);
    assert_non_null(strstr(err.msg, "/no/such/program"));
    assert_int_equal(fd, -1);

    /* Executable by its mode, but no program: the error comes back from behind the fork. */
    snprintf(path, sizeof path, "%s/nonsense", folder);
    int file = open(path, O_CREAT | O_WRONLY, 0700);
    assert_int_equal(write(file, "\0\1\2\3", 4), 4);
    close(file);
    argv[0] = path;
    err = (hearth_err){ 0 };
    assert_null(child_start(l, &o, NULL, &fd, &err));
    assert_true(err.code < 0);
    assert_non_null(strstr(err.msg, "nonsense"));

    argv[0] = "relative";
    err = (hearth_err){ 0 };
    assert_null(child_start(l, &o, NULL, &fd, &err));
    assert_int_equal(err.code, HEARTH_INVALID_ARGUMENT);

    /* A file that it should read is not there: said before anything is started. */
    hearth_str missing = HEARTH_STR("/no/such/model.gguf");
    argv[0] = self;
    o.read_paths = &missing;
    o.read_count = 1;
    err = (hearth_err){ 0 };
    if (child_walls_probe().landlock_abi > 0) {
        assert_null(child_start(l, &o, NULL, &fd, &err));
        assert_int_equal(err.code, HEARTH_NOT_FOUND);
        assert_non_null(strstr(err.msg, "model.gguf"));
    }
    io_test_remove_folder(folder);
    loop_free(l);
}

/* -- the walls ---------------------------------------------------------------------------------------------------------- */

static void put_file(const char *folder, const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0644);
    assert_int_equal(write(fd, "secret", 6), 6);
    close(fd);
}

static void expect(const seen *s, const char *line)
{
    if (!strstr(s->text, line))
        print_error("missing \"%s\" in:\n%s", line, s->text);
    assert_non_null(strstr(s->text, line));
}

static const char *const always[] = { "read-own allowed", "write-own allowed",      "socketpair allowed",
                                      "thread allowed",   "big-file refused EFBIG", "foreign descriptors 0",
                                      "no-new-privs 1",   "core limit 0",           "home unknown" };
static const char *const by_landlock[] = { "write-what-is-only-readable refused EACCES",
                                           "read-shadow refused EACCES",
                                           "read-passwd refused EACCES",
                                           "read-outside refused EACCES",
                                           "write-outside refused EACCES",
                                           "link-out refused EACCES",
                                           "read-environ-of-init refused EACCES",
                                           "read-environ-of-parent refused EACCES",
                                           "read-memory-of-parent refused EACCES",
                                           "open-fd-of-parent refused EACCES",
                                           "exec-other refused EACCES" };
static const char *const by_seccomp[] = { "unix-socket refused EPERM",
                                          "tcp refused EPERM",
                                          "udp refused EPERM",
                                          "netlink refused EPERM",
                                          "packet refused EPERM",
                                          "ptrace-parent refused EPERM",
                                          "mount refused EPERM",
                                          "namespace refused EPERM",
                                          "bpf refused EPERM",
                                          "io-uring refused EPERM",
                                          "open-by-handle refused EPERM",
                                          "setuid refused EPERM",
                                          "spawn refused EPERM",
                                          "fork-bomb refused EPERM" };

static void walls_hold(bool may_use_gpu)
{
    char own[64], outside[64], path[128];
    io_test_folder(own);
    io_test_folder(outside);
    put_file(own, "readable");
    put_file(outside, "secret");
    snprintf(path, sizeof path, "%s/data", own);
    mkdir(path, 0700);
    char link[160], target[128];
    snprintf(link, sizeof link, "%s/data/link", own);
    snprintf(target, sizeof target, "%s/secret", outside);
    assert_int_equal(symlink(target, link), 0);
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s/socket", outside);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 1), 0);
    int leaked = open("/etc/passwd", O_RDONLY); /* without O_CLOEXEC, as a library might */
    setenv("HOME", "/root", 1);

    hearth_str    reads[] = { { own, strlen(own) } }, writes[] = { { path, strlen(path) } };
    child_options o = { .read_paths = reads,
                        .read_count = 1,
                        .write_paths = writes,
                        .write_count = 1,
                        .max_file_bytes = 65536,
                        .may_use_gpu = may_use_gpu };
    seen          s;
    int           fd;
    child        *c = begin(&s, "hostile", own, outside, &o, &fd);
    loop_run(s.l);
    assert_string_equal(s.words, "exit status 0");

    child_walls has = child_walls_probe();
    for (size_t i = 0; i < HEARTH_COUNT(always); i++)
        expect(&s, always[i]);
    for (size_t i = 0; has.landlock_abi > 0 && i < HEARTH_COUNT(by_landlock); i++)
        expect(&s, by_landlock[i]);
    for (size_t i = 0; has.seccomp && i < HEARTH_COUNT(by_seccomp); i++)
        expect(&s, by_seccomp[i]);
    if (has.landlock_abi >= 6)
        expect(&s, "signal-parent refused EPERM");
    if (has.landlock_abi == 0 || !has.seccomp)
        print_message("this kernel lacks walls (Landlock ABI %d, seccomp %d): those were not tested\n",
                      has.landlock_abi, has.seccomp);
    assert_true(has.no_new_privs);
    finish(&s, c, fd);
    close(listener);
    close(leaked);
    io_test_remove_folder(own);
    io_test_remove_folder(outside);
}

static void walls_hold_without_gpu(void **state)
{
    (void)state;
    walls_hold(false);
}

/* What the drivers need opens nothing else. */
static void walls_hold_with_gpu(void **state)
{
    (void)state;
    walls_hold(true);
}

/* -- being the child ------------------------------------------------------------------------------------------------------ */

static int be_child(int argc, char **argv)
{
    const char *action = argv[2];
    char        c = 'r';
    if (strcmp(action, "talk") == 0) {
        printf("one\n");
        fprintf(stderr, "two\n");
        printf("last without newline");
        return 7;
    }
    if (strcmp(action, "flood") == 0) {
        char line[10001];
        memset(line, 'x', 10000);
        line[10000] = '\n';
        fwrite(line, 1, sizeof line, stdout);
        for (int i = 0; i < 100000; i++)
            fprintf(stderr, "line %d\n", i);
        return 0;
    }
    if (strcmp(action, "ignore") == 0)
        signal(SIGTERM, SIG_IGN);
    if (strcmp(action, "ignore") == 0 || strcmp(action, "stop") == 0) {
        if (write(3, &c, 1) != 1)
            return 1;
        for (;;)
            strcmp(action, "stop") == 0 ? raise(SIGSTOP) : pause();
    }
    if (strcmp(action, "hostile") == 0 && argc == 5)
        return hostile_main(argv[3], argv[4]);
    while (read(3, &c, 1) == 1)
        if (write(3, &c, 1) != 1)
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--as-child") == 0)
        return be_child(argc, argv);
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_and_output),
        cmocka_unit_test(the_socket_is_fd_3),
        cmocka_unit_test(a_killed_child_is_named),
        cmocka_unit_test(a_hanging_child_is_killed_after_the_grace),
        cmocka_unit_test(a_polite_child_ends_by_sigterm),
        cmocka_unit_test(a_freed_child_is_killed_and_tells_nothing),
        cmocka_unit_test(floods_are_cut_and_counted),
        cmocka_unit_test(what_cannot_start_says_why),
        cmocka_unit_test(walls_hold_without_gpu),
        cmocka_unit_test(walls_hold_with_gpu),
    };
    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
