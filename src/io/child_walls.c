/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* child_walls: the walls around a process of ours, from the kernel's own parts and without privileges.
 *
 *   rlimits         no core files, bounded descriptors, a cap on the size of a file
 *   no_new_privs    a setuid program gives nothing
 *   Landlock        files: only the named paths, the system's libraries and a few harmless files; execute only the
 *                   child's own executable and the loader; TCP and foreign signals where the kernel's ABI has them
 *   seccomp         no socket() at all (the inherited one works), no new process, no ptrace, mount, bpf, io_uring,
 *                   namespaces, keys, modules …: the kernel's attack surface and the ways out
 *
 * The two overlap on purpose. Landlock before ABI 4 says nothing about the network and no version before 9 about
 * connecting to a unix socket by path, which is how a child would reach the session bus or a container daemon.
 *
 * Everything that may allocate, open or fail with words happens in walls_prepare, before the fork; walls_enter runs
 * between fork and exec of a program with threads, where only system calls are safe.
 *
 * A wall that the kernel lacks is left out, child_walls_probe tells, and `doctor` shows it. What no wall of ours stops:
 * burning CPU and memory (the monitor shows it), and below Landlock ABI 6 signals to processes of the same user. */
#define _GNU_SOURCE
#include "io/child_walls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<seccomp.h>)
#include <seccomp.h>
#define HAS_SECCOMP 1
#else
#define HAS_SECCOMP 0
#endif

#include "io/file.h"

#define MAX_OPEN_FILES 1024u

/* -- Landlock -------------------------------------------------------------------------------------------------------- */

/* Our own copies of linux/landlock.h: Debian 12's header stops at ABI 3 of what its kernels may offer. The numbers
 * are the kernel's interface and never change; same for the three system calls on every architecture. */
struct ll_ruleset {
    uint64_t fs, net, scoped;
};
struct ll_path {
    uint64_t access;
    int32_t  fd;
} __attribute__((packed));

enum { LL_CREATE_RULESET = 444, LL_ADD_RULE = 445, LL_RESTRICT_SELF = 446, LL_VERSION = 1, LL_RULE_PATH = 1 };
enum {
    LL_EXECUTE = 1 << 0,
    LL_WRITE = 1 << 1,
    LL_READ = 1 << 2,
    LL_READ_DIR = 1 << 3,
    LL_REMOVE_DIR = 1 << 4,
    LL_REMOVE_FILE = 1 << 5,
    LL_MAKE_DIR = 1 << 7,
    LL_MAKE_FILE = 1 << 8,
    LL_RENAME = 1 << 13,   /* between folders; ABI 2 */
    LL_TRUNCATE = 1 << 14, /* ABI 3 */
    LL_IOCTL = 1 << 15     /* on devices; ABI 5 */
};
#define LL_NET_TCP    3u /* bind, connect; ABI 4 */
#define LL_SCOPE_BOTH 3u /* abstract unix sockets, signals; ABI 6 */

#define MAY_READ (LL_READ | LL_READ_DIR)
#define MAY_RUN  (LL_READ | LL_EXECUTE)
#define MAY_WRITE                                                                                                      \
    (MAY_READ | LL_WRITE | LL_REMOVE_DIR | LL_REMOVE_FILE | LL_MAKE_DIR | LL_MAKE_FILE | LL_RENAME | LL_TRUNCATE)
#define MAY_DRIVE (MAY_READ | LL_WRITE | LL_IOCTL)
#define FILE_ONLY (LL_EXECUTE | LL_WRITE | LL_READ | LL_TRUNCATE | LL_IOCTL)

typedef struct grant {
    const char *path;
    unsigned    access;
} grant;

/* What every program needs to start. Missing ones are skipped. */
static const grant system_grants[] = {
    { "/lib", MAY_READ },
    { "/lib64", MAY_READ },
    { "/usr/lib", MAY_READ },
    { "/usr/lib64", MAY_READ },
    { "/usr/local/lib", MAY_READ },
    { "/lib64/ld-linux-x86-64.so.2", MAY_RUN },
    { "/lib/ld-linux-aarch64.so.1", MAY_RUN },
    { "/lib/ld-musl-x86_64.so.1", MAY_RUN },
    { "/lib/ld-musl-aarch64.so.1", MAY_RUN },
    { "/etc/ld.so.cache", MAY_READ },
    { "/etc/localtime", MAY_READ },
    { "/usr/share/zoneinfo", MAY_READ },
    { "/proc/cpuinfo", MAY_READ },
    { "/proc/meminfo", MAY_READ },
    { "/proc/stat", MAY_READ },
    { "/sys/devices/system", MAY_READ }, /* how many cores, which caches */
    { "/dev/null", MAY_READ | LL_WRITE },
    { "/dev/zero", MAY_READ },
    { "/dev/urandom", MAY_READ },
};

/* What the drivers of GPUs read and drive. Never all of /proc: Linux 6.18 opens /proc/PID/environ of another process
 * of the same user for who may read that path. */
static const grant gpu_grants[] = {
    { "/proc/devices", MAY_READ },     { "/proc/driver", MAY_READ },
    { "/proc/modules", MAY_READ },     { "/proc/sys/vm", MAY_READ },
    { "/proc/version", MAY_READ },     { "/sys", MAY_READ },
    { "/usr/share", MAY_READ },        { "/etc/vulkan", MAY_READ },
    { "/etc/OpenCL", MAY_READ },       { "/dev/dri", MAY_DRIVE },
    { "/dev/kfd", MAY_DRIVE },         { "/dev/nvidiactl", MAY_DRIVE },
    { "/dev/nvidia-uvm", MAY_DRIVE },  { "/dev/nvidia-uvm-tools", MAY_DRIVE },
    { "/dev/nvidia-caps", MAY_DRIVE },
};

static int landlock_abi(void)
{
    long abi = syscall(LL_CREATE_RULESET, NULL, (size_t)0, LL_VERSION);
    return abi > 0 ? (int)abi : 0;
}

static uint64_t handled_by(int abi) { return abi >= 5 ? 0xffffu : abi >= 3 ? 0x7fffu : abi >= 2 ? 0x3fffu : 0x1fffu; }

/* Returns 0 or errno. */
static int allow(int ruleset, const char *path, unsigned access, uint64_t handled)
{
    struct stat st;
    int         fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int e = fstat(fd, &st) == 0 ? 0 : errno;
    if (e == 0 && !S_ISDIR(st.st_mode))
        access &= FILE_ONLY;
    struct ll_path rule = { access & handled, fd };
    if (e == 0 && syscall(LL_ADD_RULE, ruleset, LL_RULE_PATH, &rule, 0) != 0)
        e = errno;
    close(fd);
    return e;
}

static hearth_code allow_named(int ruleset, const hearth_str *paths, size_t n, unsigned access, uint64_t handled,
                               hearth_err *err)
{
    for (size_t i = 0; i < n; i++) {
        char path[4097];
        if (paths[i].n == 0 || paths[i].p[0] != '/' || hearth_str_copy(path, sizeof path, paths[i]) != paths[i].n)
            return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "child",
                                  "\"%.*s\" is not an absolute path of at most 4096 bytes",
                                  (int)(paths[i].n > 200 ? 200 : paths[i].n), paths[i].p ? paths[i].p : "");
        int e = allow(ruleset, path, access, handled);
        if (e != 0)
            return hearth_err_set(err, file_code_of_errno(e), "child", "cannot give a child access to %s: %s", path,
                                  strerror(e));
    }
    return HEARTH_OK;
}

static void allow_list(int ruleset, const grant *grants, size_t n, uint64_t handled)
{
    for (size_t i = 0; i < n; i++)
        allow(ruleset, grants[i].path, grants[i].access, handled);
}

static hearth_code make_ruleset(walls *w, const child_options *o, hearth_err *err)
{
    int abi = landlock_abi();
    if (abi == 0)
        return HEARTH_OK;
    struct ll_ruleset rules = { handled_by(abi), abi >= 4 ? LL_NET_TCP : 0, abi >= 6 ? LL_SCOPE_BOTH : 0 };
    size_t            size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    long              fd = syscall(LL_CREATE_RULESET, &rules, size, 0);
    if (fd < 0)
        return hearth_err_set(err, file_code_of_errno(errno), "child", "cannot build the walls of a child: %s",
                              strerror(errno));
    w->ruleset = (int)fd;
    fcntl(w->ruleset, F_SETFD, FD_CLOEXEC);
    allow_list(w->ruleset, system_grants, HEARTH_COUNT(system_grants), rules.fs);
    if (o->may_use_gpu) {
        allow_list(w->ruleset, gpu_grants, HEARTH_COUNT(gpu_grants), rules.fs);
        for (int i = 0; i < 16; i++) {
            char device[32];
            snprintf(device, sizeof device, "/dev/nvidia%d", i);
            allow(w->ruleset, device, MAY_DRIVE, rules.fs);
        }
    }
    hearth_str self = { o->argv[0], strlen(o->argv[0]) };
    HEARTH_TRY(allow_named(w->ruleset, &self, 1, MAY_RUN, rules.fs, err));
    HEARTH_TRY(allow_named(w->ruleset, o->read_paths, o->read_count, MAY_READ, rules.fs, err));
    return allow_named(w->ruleset, o->write_paths, o->write_count, MAY_WRITE, rules.fs, err);
}

/* -- seccomp ------------------------------------------------------------------------------------------------------------ */

#if HAS_SECCOMP

/* Names, because libseccomp knows which of them each architecture has. */
static const char *const refused[] = {
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "kcmp",
    "pidfd_getfd",
    "process_madvise",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "fsconfig",
    "fspick",
    "mount_setattr",
    "unshare",
    "setns",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "fanotify_init",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "keyctl",
    "add_key",
    "request_key",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "quotactl",
    "nfsservctl",
    "iopl",
    "ioperm",
    "open_by_handle_at",
    "name_to_handle_at",
    "lookup_dcookie",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
    "syslog",
    "mknod",
    "mknodat",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "setfsuid",
    "setfsgid",
    "vhangup",
    "socket",
    "fork",
    "vfork",
};

enum { CLONE_THREAD_BIT = 0x00010000, TIOCSTI_NUMBER = 0x5412, TIOCLINUX_NUMBER = 0x541c };

static bool add_rules(scmp_filter_ctx c)
{
    for (size_t i = 0; i < HEARTH_COUNT(refused); i++) {
        int number = seccomp_syscall_resolve_name(refused[i]);
        if (number != __NR_SCMP_ERROR && seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), number, 0) != 0 && number >= 0)
            return false;
    }
    /* Threads yes, processes no. clone3 hides its flags in memory, where a filter cannot look: ENOSYS makes the C
     * library fall back to clone. */
    return seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD_BIT, 0)) == 0 &&
           seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
           seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCSTI_NUMBER)) == 0 &&
           seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCLINUX_NUMBER)) == 0;
}

static pthread_once_t    filter_once = PTHREAD_ONCE_INIT;
static struct sock_fprog filter_program; /* constant once made; len 0: there is none */

/* libseccomp 2.5 writes the program to a descriptor only. Building takes a millisecond, so it is done once. */
static void make_filter(void)
{
    struct stat     st = { 0 };
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
    int             fd = memfd_create("filter", MFD_CLOEXEC);
    if (c && fd >= 0 && add_rules(c) && seccomp_export_bpf(c, fd) == 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        struct sock_filter *code = malloc((size_t)st.st_size);
        if (code && pread(fd, code, (size_t)st.st_size, 0) == (ssize_t)st.st_size) {
            filter_program.filter = code;
            filter_program.len = (unsigned short)((size_t)st.st_size / sizeof *code);
        } else {
            free(code);
        }
    }
    if (fd >= 0)
        close(fd);
    if (c)
        seccomp_release(c);
}

static const struct sock_fprog *filter(void)
{
    pthread_once(&filter_once, make_filter);
    return filter_program.len > 0 ? &filter_program : NULL;
}

#else

static const struct sock_fprog *filter(void) { return NULL; }

#endif

static bool has_seccomp(void)
{
    uint32_t action = SECCOMP_RET_ERRNO;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* -- preparing and entering ------------------------------------------------------------------------------------------------ */

hearth_code walls_prepare(walls *w, const child_options *o, hearth_err *err)
{
    *w = (walls){ .ruleset = -1, .max_file_bytes = o->max_file_bytes, .is_on = !o->no_walls };
    if (!w->is_on)
        return HEARTH_OK;
    if (has_seccomp()) {
        w->filter = filter();
        if (HAS_SECCOMP && !w->filter)
            return hearth_err_set(err, HEARTH_NO_MEMORY, "child",
                                  "out of memory for the system call filter of a child");
    }
    hearth_code code = make_ruleset(w, o, err);
    if (code < 0)
        walls_discard(w);
    return code;
}

void walls_discard(walls *w)
{
    if (w->ruleset >= 0)
        close(w->ruleset);
    w->ruleset = -1;
}

static void limit(int what, rlim_t value)
{
    struct rlimit l;
    if (getrlimit(what, &l) != 0)
        return;
    if (l.rlim_max == RLIM_INFINITY || value < l.rlim_max)
        l.rlim_max = value;
    l.rlim_cur = l.rlim_max;
    setrlimit(what, &l);
}

static void close_at_exec(unsigned from)
{
    if (syscall(SYS_close_range, from, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) == 0)
        return;
    struct rlimit l = { 0, 0 };
    getrlimit(RLIMIT_NOFILE, &l);
    rlim_t most = l.rlim_cur < 65536 ? l.rlim_cur : 65536;
    for (rlim_t fd = from; fd < most; fd++)
        fcntl((int)fd, F_SETFD, FD_CLOEXEC);
}

/* /proc/self, which drivers, allocators and sanitizers read, is another folder in every process: its rule can only be
 * added here. */
static void allow_self(int ruleset)
{
    struct ll_path rule = { MAY_READ, open("/proc/self", O_PATH | O_CLOEXEC) };
    if (rule.fd < 0)
        return;
    syscall(LL_ADD_RULE, ruleset, LL_RULE_PATH, &rule, 0);
    close(rule.fd);
}

int walls_enter(const walls *w)
{
    close_at_exec(4);
    limit(RLIMIT_CORE, 0);
    if (!w->is_on)
        return 0;
    limit(RLIMIT_NOFILE, MAX_OPEN_FILES);
    if (w->max_file_bytes > 0)
        limit(RLIMIT_FSIZE, (rlim_t)w->max_file_bytes);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return errno;
    if (w->ruleset >= 0)
        allow_self(w->ruleset);
    if (w->ruleset >= 0 && syscall(LL_RESTRICT_SELF, w->ruleset, 0) != 0)
        return errno;
    if (w->filter && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, w->filter) != 0)
        return errno;
    return 0;
}

child_walls child_walls_probe(void)
{
    child_walls found = { .landlock_abi = landlock_abi(),
                          .seccomp = HAS_SECCOMP && has_seccomp(),
                          .no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) >= 0 };
    long        fd = syscall(SYS_pidfd_open, getpid(), 0);
    found.pidfd = fd >= 0;
    if (fd >= 0)
        close((int)fd);
    return found;
}
