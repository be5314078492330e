/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* file: the data folder's floor. Everything that Hearth reads or writes beneath a root goes through here.
 *
 * Two promises. First, a name never leaves its root: names are checked as text, then the kernel resolves them with
 * openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), or, where a kernel before 5.6 or a container's filter lacks that
 * call, this file walks the parts itself with O_NOFOLLOW. A check followed by an open by path would be a race; there
 * is none here. Second, a crash at any moment leaves the old or the new content of a file: temporary file, fsync,
 * rename, fsync of the folder, and a new folder is synced into its parent before anything in it is acknowledged.
 *
 * Knows: descriptors and errno. Must not know: what the files mean. No errno leaves: say() turns it into a
 * hearth_code and one sentence that names the file and what to do.
 *
 * Threads: no state but the root's descriptor and path, both constant after open; any thread. */
#define _GNU_SOURCE /* O_PATH, the strerror_r that returns the text */
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME_MAX_BYTES 255u
#define PATH_MAX_BYTES 4096u
#define TEMP_PREFIX    ".hearth-tmp-" /* a crash may leave one behind; file_list does not show it */

struct file_root {
    int  fd;
    char path[]; /* absolute, no trailing slash except for "/" */
};

/* -- errors -------------------------------------------------------------------------------------------------------- */

hearth_code file_code_of_errno(int e)
{
    switch (e) {
    case 0:
        return HEARTH_OK;
    case ENOENT:
        return HEARTH_NOT_FOUND;
    case EACCES:
    case EPERM:
    case ELOOP:
    case EXDEV:
        return HEARTH_DENIED;
    case EROFS:
        return HEARTH_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
        return HEARTH_DISK_FULL;
    case ENOMEM:
        return HEARTH_NO_MEMORY;
    case EMFILE:
    case ENFILE:
    case EAGAIN:
        return HEARTH_UNAVAILABLE;
    case EEXIST:
    case ENOTEMPTY:
    case EADDRINUSE:
        return HEARTH_CONFLICT;
    case EFBIG:
    case EOVERFLOW:
        return HEARTH_TOO_LARGE;
    case EISDIR:
    case ENOTDIR:
    case EINVAL:
    case EADDRNOTAVAIL:
    case ENAMETOOLONG:
        return HEARTH_INVALID_ARGUMENT;
    default:
        return HEARTH_IO;
    }
}

const char *file_advice(int e, char *spare, size_t size)
{
    switch (e) {
    case ENOENT:
        return "it does not exist";
    case EACCES:
    case EPERM:
        return "not permitted; check the owner and the rights of the file and its folder";
    case ELOOP:
    case EXDEV:
        return "the name leads through a symbolic link or outside of the folder; use the real path";
    case EROFS:
        return "the file system is read-only; mount it writable or choose another folder with --data";
    case ENOSPC:
        return "the disk is full; free some space and try again";
    case EDQUOT:
        return "the disk quota is used up; free some space and try again";
    case EMFILE:
    case ENFILE:
        return "too many open files; raise the limit (ulimit -n) or close other programs";
    case EISDIR:
        return "it is a folder, not a file";
    case ENOTDIR:
        return "a part of the name is a file, not a folder";
    case ENAMETOOLONG:
        return "the name is too long; use a shorter one";
    default:
        /* The GNU strerror_r returns the text, in `spare` or not. */
        return strerror_r(e, spare, size);
    }
}

static hearth_code say(hearth_err *err, int e, const char *verb, const file_root *r, hearth_str name)
{
    char spare[128];
    return hearth_err_set(err, file_code_of_errno(e), "file", "could not %s %s/%.*s: %s", verb, r->path,
                          (int)(name.n > 200 ? 200 : name.n), name.n ? name.p : "",
                          file_advice(e, spare, sizeof spare));
}

static hearth_code bad_name(hearth_err *err, hearth_str name)
{
    return hearth_err_set(
        err, HEARTH_INVALID_ARGUMENT, "file",
        "\"%.*s\" is not a name beneath the folder; use parts without \".\", \"..\" and leading slash",
        (int)(name.n > 200 ? 200 : name.n), name.n ? name.p : "");
}

/* -- names ---------------------------------------------------------------------------------------------------------- */

bool file_name_is_good(hearth_str s)
{
    if (s.n == 0 || s.n > PATH_MAX_BYTES)
        return false;
    size_t start = 0;
    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] == '\0')
            return false;
        if (i < s.n && s.p[i] != '/')
            continue;
        size_t n = i - start;
        if (n == 0 || n > NAME_MAX_BYTES)
            return false;
        if (s.p[start] == '.' && (n == 1 || (n == 2 && s.p[start + 1] == '.')))
            return false;
        start = i + 1;
    }
    return true;
}

/* The folder and the last part of a good name. */
static void split(hearth_str name, hearth_str *folder, char last[NAME_MAX_BYTES + 1])
{
    size_t i = name.n;
    while (i > 0 && name.p[i - 1] != '/')
        i--;
    memcpy(last, name.p + i, name.n - i);
    last[name.n - i] = '\0';
    *folder = (hearth_str){ name.p, i > 0 ? i - 1 : 0 };
}

/* -- opening beneath -------------------------------------------------------------------------------------------------- */

/* Part by part, none of them followed: what openat2 does, for kernels without it. */
static int open_by_steps(int root, char *name, int flags, mode_t mode)
{
    int   dir = root, fd = -1;
    char *part = name;
    for (;;) {
        char *slash = strchr(part, '/');
        if (slash)
            *slash = '\0';
        fd = slash ? openat(dir, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                   : openat(dir, part, flags | O_NOFOLLOW | O_CLOEXEC, mode);
        int e = errno;
        if (dir != root)
            close(dir);
        errno = e;
        if (fd < 0 || !slash)
            return fd;
        dir = fd;
        part = slash + 1;
    }
}

/* "" is the root itself. Returns a descriptor or -1 with errno. */
static int open_beneath(const file_root *r, hearth_str name, int flags, mode_t mode)
{
    static atomic_bool has_no_openat2;
    char               text[PATH_MAX_BYTES + 1];
    if (name.n == 0)
        return openat(r->fd, ".", flags | O_CLOEXEC, mode);
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    if (!atomic_load_explicit(&has_no_openat2, memory_order_relaxed)) {
        struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
                                .mode = (flags & O_CREAT) ? mode : 0,
                                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
        for (int tries = 0; tries < 16; tries++) {
            long fd = syscall(SYS_openat2, r->fd, text, &how, sizeof how);
            if (fd >= 0)
                return (int)fd;
            if (errno != EAGAIN && errno != EINTR) /* EAGAIN: something was renamed while the kernel walked */
                break;
        }
        if (errno != ENOSYS)
            return -1;
        atomic_store_explicit(&has_no_openat2, true, memory_order_relaxed);
    }
    return open_by_steps(r->fd, text, flags, mode);
}

static int open_folder(const file_root *r, hearth_str folder)
{
    return open_beneath(r, folder, O_RDONLY | O_DIRECTORY, 0);
}

/* -- roots -------------------------------------------------------------------------------------------------------------- */

/* Every missing folder of an absolute path. Symbolic links are the user's choice up to here. */
static int make_absolute(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int r = mkdir(path, 0700);
        int e = errno;
        *slash = '/';
        if (r != 0 && e != EEXIST && e != EACCES && e != EROFS) /* a parent that exists may not be ours to look at */
            return e;
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;
}

file_root *file_root_open(const char *absolute, bool make, hearth_err *err)
{
    size_t n = absolute ? strlen(absolute) : 0;
    while (n > 1 && absolute[n - 1] == '/')
        n--;
    if (n == 0 || absolute[0] != '/' || n > PATH_MAX_BYTES) {
        hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "file", "\"%.200s\" is not an absolute path; write it from / on",
                       absolute ? absolute : "");
        return NULL;
    }
    file_root *r = malloc(sizeof *r + n + 1);
    if (!r) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "file", "out of memory while opening %s", absolute);
        return NULL;
    }
    memcpy(r->path, absolute, n);
    r->path[n] = '\0';
    int e = make ? make_absolute(r->path) : 0;
    r->fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->fd >= 0)
        return r;
    if (e == 0)
        e = errno;
    char spare[128];
    hearth_err_set(err, file_code_of_errno(e), "file", "could not open the folder %s: %s", r->path,
                   file_advice(e, spare, sizeof spare));
    free(r);
    return NULL;
}

void file_root_close(file_root *r)
{
    if (!r)
        return;
    close(r->fd);
    free(r);
}

const char *file_root_path(const file_root *r) { return r->path; }

/* -- reading --------------------------------------------------------------------------------------------------------------- */

static hearth_code read_into(file_root *r, hearth_str name, int fd, uint64_t from, size_t most, hearth_buf *out,
                             hearth_err *err)
{
    char chunk[32768];
    while (most > 0) {
        size_t  want = most < sizeof chunk ? most : sizeof chunk;
        ssize_t n = pread(fd, chunk, want, (off_t)from);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return say(err, errno, "read", r, name);
        if (n == 0)
            break;
        hearth_code code = hearth_buf_append(out, chunk, (size_t)n);
        if (code < 0)
            return hearth_err_set(err, code, "file", "%s/%.*s does not fit into %zu bytes", r->path, HEARTH_FMT(name),
                                  out->cap);
        from += (uint64_t)n;
        most -= (size_t)n;
    }
    return HEARTH_OK;
}

static int open_regular(file_root *r, hearth_str name, struct stat *st, hearth_err *err)
{
    if (!file_name_is_good(name)) {
        bad_name(err, name);
        return -1;
    }
    /* O_NONBLOCK: a pipe that somebody put there must not hang the worker; it is refused below. */
    int fd = open_beneath(r, name, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0 || fstat(fd, st) != 0) {
        say(err, errno, "open", r, name);
        goto fail;
    }
    if (!S_ISREG(st->st_mode)) {
        say(err, S_ISDIR(st->st_mode) ? EISDIR : EINVAL, "read", r, name);
        goto fail;
    }
    return fd;
fail:
    if (fd >= 0)
        close(fd);
    return -1;
}

hearth_code file_read_at(file_root *r, hearth_str name, uint64_t from, hearth_buf *out, uint64_t *size, hearth_err *err)
{
    struct stat st = { 0 };
    hearth_err  own = { 0 };
    int         fd = open_regular(r, name, &st, &own);
    if (fd < 0)
        return hearth_err_set(err, own.code, own.where, "%s", own.msg);
    if (size)
        *size = (uint64_t)st.st_size;
    hearth_code code = read_into(r, name, fd, from, out->cap - out->n, out, err);
    close(fd);
    return code;
}

hearth_code file_read(file_root *r, hearth_str name, hearth_buf *out, hearth_err *err)
{
    struct stat st = { 0 };
    hearth_err  own = { 0 };
    int         fd = open_regular(r, name, &st, &own);
    if (fd < 0)
        return hearth_err_set(err, own.code, own.where, "%s", own.msg);
    hearth_code code = HEARTH_OK;
    if (st.st_size > 0 && (uint64_t)st.st_size > out->cap - out->n)
        code = hearth_err_set(err, HEARTH_TOO_LARGE, "file", "%s/%.*s has %lld bytes, over the limit of %zu", r->path,
                              HEARTH_FMT(name), (long long)st.st_size, out->cap);
    if (code == HEARTH_OK)
        code = read_into(r, name, fd, 0, SIZE_MAX, out, err);
    close(fd);
    return code;
}

hearth_code file_size(file_root *r, hearth_str name, uint64_t *bytes, uint64_t *modified_ms, uint64_t *inode,
                      hearth_err *err)
{
    if (!file_name_is_good(name))
        return bad_name(err, name);
    struct stat st = { 0 };
    int         fd = open_beneath(r, name, O_PATH, 0);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        return say(err, e, "look at", r, name);
    }
    close(fd);
    if (bytes)
        *bytes = (uint64_t)st.st_size;
    if (modified_ms)
        *modified_ms = (uint64_t)st.st_mtim.tv_sec * 1000u + (uint64_t)st.st_mtim.tv_nsec / 1000000u;
    if (inode)
        *inode = (uint64_t)st.st_ino;
    return HEARTH_OK;
}

int file_open(file_root *r, hearth_str name, int flags, uint32_t mode, hearth_err *err)
{
    if (!file_name_is_good(name))
        return bad_name(err, name);
    int fd = open_beneath(r, name, flags, (mode_t)mode);
    return fd >= 0 ? fd : (int)say(err, errno, "open", r, name);
}

static hearth_code list_one(int dir, const char *name, hearth_code (*each)(void *arg, const hearth_dir_entry *e),
                            void *arg)
{
    struct stat st;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strncmp(name, TEMP_PREFIX, sizeof TEMP_PREFIX - 1) == 0)
        return HEARTH_OK;
    /* Gone between readdir and here, or nothing that may be opened: not part of the folder for us. */
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return HEARTH_OK;
    hearth_dir_entry e = { sizeof e,
                           { name, strlen(name) },
                           S_ISDIR(st.st_mode),
                           (uint64_t)st.st_size,
                           (uint64_t)st.st_mtim.tv_sec * 1000u + (uint64_t)st.st_mtim.tv_nsec / 1000000u };
    return each(arg, &e);
}

hearth_code file_list(file_root *r, hearth_str name, hearth_code (*each)(void *arg, const hearth_dir_entry *e),
                      void *arg, hearth_err *err)
{
    if (name.n > 0 && !file_name_is_good(name))
        return bad_name(err, name);
    int  fd = open_folder(r, name);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        return say(err, e, "list", r, name);
    }
    hearth_code    code = HEARTH_OK;
    struct dirent *d = NULL;
    errno = 0;
    while (code >= 0 && (d = readdir(dir)) != NULL) {
        code = list_one(fd, d->d_name, each, arg);
        errno = 0;
    }
    if (code >= 0 && errno != 0)
        code = say(err, errno, "list", r, name);
    closedir(dir);
    return code < 0 ? code : HEARTH_OK;
}

/* -- writing ------------------------------------------------------------------------------------------------------------------ */

hearth_code file_make_dirs(file_root *r, hearth_str name, hearth_err *err)
{
    if (name.n == 0)
        return HEARTH_OK;
    if (!file_name_is_good(name))
        return bad_name(err, name);
    int fd = open_folder(r, name); /* mostly it is there */
    if (fd >= 0) {
        close(fd);
        return HEARTH_OK;
    }
    if (errno != ENOENT)
        return say(err, errno, "make the folder", r, name);
    int    dir = openat(r->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t start = 0;
    int    e = dir < 0 ? errno : 0;
    for (size_t i = 0; e == 0 && i <= name.n; i++) {
        if (i < name.n && name.p[i] != '/')
            continue;
        char part[NAME_MAX_BYTES + 1];
        memcpy(part, name.p + start, i - start);
        part[i - start] = '\0';
        start = i + 1;
        /* The new entry must be on the disk before something inside it is acknowledged. */
        if (mkdirat(dir, part, 0700) == 0)
            e = fsync(dir) == 0 ? 0 : errno;
        else if (errno != EEXIST)
            e = errno;
        int next = e == 0 ? openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (e == 0 && next < 0)
            e = errno;
        close(dir);
        dir = next;
    }
    if (dir >= 0)
        close(dir);
    return e == 0 ? HEARTH_OK : say(err, e, "make the folder", r, name);
}

static int write_all(int fd, hearth_str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
    return 0;
}

/* Writes beside the target and renames over it. Returns 0 or errno. */
static int replace(int dir, const char *last, hearth_str bytes, mode_t mode)
{
    uint64_t chance = 0;
    char     temp[sizeof TEMP_PREFIX + 17];
    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        chance = (uint64_t)getpid(); /* only has to differ from a leftover; O_EXCL decides */
    snprintf(temp, sizeof temp, TEMP_PREFIX "%016llx", (unsigned long long)chance);
    int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return errno;
    int e = write_all(fd, bytes);
    if (e == 0 && fsync(fd) != 0)
        e = errno;
    if (close(fd) != 0 && e == 0)
        e = errno;
    if (e == 0 && renameat(dir, temp, dir, last) != 0)
        e = errno;
    if (e != 0) {
        unlinkat(dir, temp, 0);
        return e;
    }
    return fsync(dir) == 0 ? 0 : errno;
}

hearth_code file_write(file_root *r, hearth_str name, hearth_str bytes, uint32_t mode, hearth_err *err)
{
    if (!file_name_is_good(name))
        return bad_name(err, name);
    hearth_str folder;
    char       last[NAME_MAX_BYTES + 1];
    split(name, &folder, last);
    HEARTH_TRY(file_make_dirs(r, folder, err));
    int dir = open_folder(r, folder);
    if (dir < 0)
        return say(err, errno, "write", r, name);
    int e = replace(dir, last, bytes, (mode_t)mode);
    close(dir);
    return e == 0 ? HEARTH_OK : say(err, e, "write", r, name);
}

hearth_code file_remove(file_root *r, hearth_str name, hearth_err *err)
{
    if (!file_name_is_good(name))
        return bad_name(err, name);
    hearth_str folder;
    char       last[NAME_MAX_BYTES + 1];
    split(name, &folder, last);
    int dir = open_folder(r, folder);
    if (dir < 0)
        return say(err, errno, "remove", r, name);
    int e = unlinkat(dir, last, 0) == 0 ? 0 : errno;
    if (e == EISDIR)
        e = unlinkat(dir, last, AT_REMOVEDIR) == 0 ? 0 : errno;
    if (e == 0 && fsync(dir) != 0)
        e = errno;
    close(dir);
    return e == 0 ? HEARTH_OK : say(err, e, "remove", r, name);
}
