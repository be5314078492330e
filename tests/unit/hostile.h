/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hostile: what a bad plugin would try, one action per argument. test_child starts itself with them behind the walls.
 *
 * Each action prints one line: "name refused ERRNO" or "name allowed". */
#ifndef HEARTH_HOSTILE_H
#define HEARTH_HOSTILE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void hostile_tell(const char *name, long result)
{
    if (result < 0)
        printf("%s refused %s\n", name, strerrorname_np(errno));
    else
        printf("%s allowed\n", name);
    fflush(stdout);
}

static void *hostile_nothing(void *arg) { return arg; }

static long hostile_spawn(void)
{
    pid_t             pid = -1;
    const char *const argv[] = { "/bin/true", NULL };
    errno = posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ);
    return errno == 0 ? 0 : -1;
}

static long hostile_fork_bomb(void)
{
    for (int i = 0; i < 200; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        if (pid > 0)
            return 0;
    }
    return -1;
}

static long hostile_thread(void)
{
    pthread_t t;
    errno = pthread_create(&t, NULL, hostile_nothing, NULL);
    return errno == 0 ? pthread_join(t, NULL) : -1;
}

static long hostile_unix(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    memcpy(a.sun_path, path, strnlen(path, sizeof a.sun_path - 1));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&a, sizeof a);
}

static long hostile_exec(void)
{
    const char *const argv[] = { "/usr/bin/id", NULL };
    return execve(argv[0], (char *const *)(uintptr_t)argv, environ);
}

/* Writes past the size that was allowed. */
static long hostile_big_file(const char *folder)
{
    char path[512], chunk[4096] = { 0 };
    signal(SIGXFSZ, SIG_IGN);
    snprintf(path, sizeof path, "%s/data/big", folder);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    if (fd < 0)
        return -2;
    for (int i = 0; i < 1000; i++)
        if (write(fd, chunk, sizeof chunk) < 0)
            return -1;
    return 0;
}

/* Descriptors that have no business here. 0, 1, 2 and the socket 3 are ours. */
static int hostile_foreign_fds(void)
{
    int found = 0;
    for (int fd = 4; fd < 256; fd++)
        found += fcntl(fd, F_GETFD) >= 0;
    return found;
}

static void hostile_files(const char *own, const char *outside)
{
    char path[512];
    snprintf(path, sizeof path, "%s/readable", own);
    hostile_tell("read-own", open(path, O_RDONLY));
    snprintf(path, sizeof path, "%s/data/new", own);
    hostile_tell("write-own", open(path, O_CREAT | O_WRONLY, 0600));
    snprintf(path, sizeof path, "%s/readable", own);
    hostile_tell("write-what-is-only-readable", open(path, O_WRONLY));
    hostile_tell("read-shadow", open("/etc/shadow", O_RDONLY));
    hostile_tell("read-passwd", open("/etc/passwd", O_RDONLY));
    snprintf(path, sizeof path, "%s/secret", outside);
    hostile_tell("read-outside", open(path, O_RDONLY));
    snprintf(path, sizeof path, "%s/new", outside);
    hostile_tell("write-outside", open(path, O_CREAT | O_WRONLY, 0600));
    snprintf(path, sizeof path, "%s/data/link", own);
    hostile_tell("link-out", open(path, O_RDONLY));
    hostile_tell("read-environ-of-init", open("/proc/1/environ", O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/environ", (int)getppid());
    hostile_tell("read-environ-of-parent", open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/mem", (int)getppid());
    hostile_tell("read-memory-of-parent", open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/fd/0", (int)getppid());
    hostile_tell("open-fd-of-parent", open(path, O_RDONLY));
    hostile_tell("big-file", hostile_big_file(own));
    snprintf(path, sizeof path, "%s/socket", outside);
    hostile_tell("unix-socket", hostile_unix(path));
}

static int hostile_main(const char *own, const char *outside)
{
    union bpf_attr bpf = { 0 };
    char           ring[256] = { 0 };
    int            pair[2];
    printf("foreign descriptors %d\n", hostile_foreign_fds());
    hostile_files(own, outside);
    hostile_tell("tcp", socket(AF_INET, SOCK_STREAM, 0));
    hostile_tell("udp", socket(AF_INET6, SOCK_DGRAM, 0));
    hostile_tell("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
    hostile_tell("packet", socket(AF_PACKET, SOCK_RAW, 0));
    hostile_tell("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    hostile_tell("ptrace-parent", ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
    hostile_tell("signal-parent", kill(getppid(), 0));
    hostile_tell("mount", mount("none", "/mnt", "tmpfs", 0, NULL));
    hostile_tell("namespace", unshare(CLONE_NEWUSER));
    hostile_tell("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &bpf, sizeof bpf));
    hostile_tell("io-uring", syscall(SYS_io_uring_setup, 8, ring));
    hostile_tell("open-by-handle", syscall(SYS_open_by_handle_at, AT_FDCWD, ring, O_RDONLY));
    hostile_tell("setuid", setuid(65534));
    hostile_tell("exec-other", hostile_exec());
    hostile_tell("spawn", hostile_spawn());
    hostile_tell("fork-bomb", hostile_fork_bomb());
    hostile_tell("thread", hostile_thread());
    printf("no-new-privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    struct rlimit core = { 1, 1 };
    getrlimit(RLIMIT_CORE, &core);
    printf("core limit %d\n", (int)core.rlim_cur);
    printf("home %s\n", getenv("HOME") ? "known" : "unknown");
    return 0;
}

#endif
