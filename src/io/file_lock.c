/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* file_lock: one process per folder. flock belongs to the open file, so the kernel takes it back however the process
 * ends; the pid inside is for people only. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

struct file_lock {
    int fd;
};

static hearth_code say(hearth_err *err, int e, const char *verb, const file_root *r, hearth_str name)
{
    return hearth_err_set(err, file_code_of_errno(e), "file", "could not %s %s/%.*s: %s", verb, file_root_path(r),
                          HEARTH_FMT(name), strerror(e));
}

/* Whoever has the lock writes its pid right after taking it: between the two there is a moment to wait for. */
static int64_t read_pid(int fd)
{
    for (int tries = 0; tries < 100; tries++) {
        char    text[32] = { 0 };
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        if (n > 0 && memchr(text, '\n', (size_t)n))
            return strtoll(text, NULL, 10);
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
    return 0;
}

file_lock *file_lock_take(file_root *r, hearth_str name, int64_t *owner_pid, hearth_err *err)
{
    if (owner_pid)
        *owner_pid = 0;
    int fd = file_open(r, name, O_RDWR | O_CREAT, 0600, err);
    if (fd < 0)
        return NULL;
    file_lock *l = malloc(sizeof *l);
    if (!l) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "file", "out of memory while locking %s", file_root_path(r));
        goto fail;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int     e = errno;
        int64_t pid = e == EWOULDBLOCK ? read_pid(fd) : 0;
        if (owner_pid)
            *owner_pid = pid;
        if (e == EWOULDBLOCK)
            hearth_err_set(err, HEARTH_CONFLICT, "file",
                           "%s is in use by the process %lld; stop it or choose another folder with --data",
                           file_root_path(r), (long long)pid);
        else
            say(err, e, "lock", r, name);
        goto fail;
    }
    char text[32];
    int  n = snprintf(text, sizeof text, "%lld\n", (long long)getpid());
    /* The pid is for people; the lock itself holds without it, but a lock that cannot be written is a folder that
     * cannot be written, and that is better said now. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n) {
        say(err, errno, "write", r, name);
        goto fail;
    }
    l->fd = fd;
    return l;
fail:
    free(l);
    close(fd);
    return NULL;
}

void file_unlock(file_lock *l)
{
    if (!l)
        return;
    close(l->fd);
    free(l);
}
