/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define _XOPEN_SOURCE 700
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static hearth_code code_of(int e)
{
    switch (e) {
    case ENOENT:
    case ENOTDIR:
        return HEARTH_NOT_FOUND;
    case EACCES:
    case EPERM:
        return HEARTH_DENIED;
    case ENOMEM:
        return HEARTH_NO_MEMORY;
    default:
        return HEARTH_IO;
    }
}

static hearth_code failed(hearth_err *err, int e, const char *verb, const char *path)
{
    if (e == ELOOP)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "models",
                              "%s is a symbolic link; add the file it leads to by its path", path);
    return hearth_err_set(err, code_of(e), "models", "cannot %s %s: %s", verb, path, strerror(e));
}

hearth_code disk_open(disk_file *f, const char *path, hearth_err *err)
{
    struct stat s;
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (f->fd < 0)
        return failed(err, errno, "open", path);
    if (fstat(f->fd, &s) != 0 || !S_ISREG(s.st_mode)) {
        disk_close(f);
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "models", "%s is not a file", path);
    }
    const uint64_t parts[] = { (uint64_t)s.st_dev, (uint64_t)s.st_ino, (uint64_t)s.st_size, (uint64_t)s.st_mtim.tv_sec,
                               (uint64_t)s.st_mtim.tv_nsec };
    f->bytes = (uint64_t)s.st_size;
    f->stamp = hearth_hash(parts, sizeof parts);
    return HEARTH_OK;
}

void disk_close(disk_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static hearth_code read_at(void *arg, uint64_t offset, void *to, size_t n, hearth_err *err)
{
    const disk_file *f = arg;
    char            *p = to;
    while (n > 0) {
        ssize_t got = pread(f->fd, p, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hearth_err_set(err, HEARTH_IO, "models", "reading failed at byte %llu: %s",
                                  (unsigned long long)offset, strerror(errno));
        if (got == 0)
            return hearth_err_set(err, HEARTH_DAMAGED, "models", "the file became shorter while it was read");
        p += got, n -= (size_t)got, offset += (uint64_t)got;
    }
    return HEARTH_OK;
}

gguf_source disk_source(disk_file *f) { return (gguf_source){ .size = f->bytes, .read = read_at, .arg = f }; }

hearth_code disk_read(const char *path, hearth_buf *out, hearth_err *err)
{
    disk_file f;
    HEARTH_TRY(disk_open(&f, path, err));
    hearth_code code = f.bytes <= SIZE_MAX / 2 ? hearth_buf_reserve(out, (size_t)f.bytes) : HEARTH_TOO_LARGE;
    if (code < 0)
        hearth_err_set(err, code, "models", "%s is too large (%llu bytes)", path, (unsigned long long)f.bytes);
    char block[4096];
    for (uint64_t at = 0; code >= 0 && at < f.bytes;) {
        size_t n = f.bytes - at < sizeof block ? (size_t)(f.bytes - at) : sizeof block;
        code = read_at(&f, at, block, n, err);
        if (code >= 0)
            code = hearth_buf_append(out, block, n);
        at += n;
    }
    disk_close(&f);
    return code;
}

hearth_code disk_real(const char *path, hearth_buf *out, hearth_err *err)
{
    char *real = realpath(path, NULL);
    if (!real)
        return failed(err, errno, "find", path);
    hearth_code code = hearth_buf_puts(out, real);
    free(real);
    return code < 0 ? hearth_err_set(err, code, "models", "%s is too long a path", path) : HEARTH_OK;
}
