/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2400, FILE_MAX_BYTES = 1 << 20 };

static hearth_level least = HEARTH_LOG_INFO;
static atomic_uint  lost; /* workers log too */

hearth_level log_level_of(const char *name)
{
    static const char *const names[] = { "", "debug", "info", "warn", "error" };
    for (int i = 1; name && i < (int)HEARTH_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (hearth_level)i;
    return HEARTH_LOG_INFO;
}

void log_set_level(hearth_level level) { least = level; }

/* Whole lines of under PIPE_BUF bytes: they never mix with a child's, and poll's answer holds for all of it. */
static bool put(const char *line, size_t n)
{
    struct pollfd out = { STDOUT_FILENO, POLLOUT, 0 };
    if (poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT))
        return false;
    ssize_t written = write(STDOUT_FILENO, line, n);
    return written == (ssize_t)n;
}

static size_t begin_line(char *line, size_t size, hearth_level level, hearth_str who)
{
    static const char *const names[] = { "?", "debug", "info ", "warn ", "error" };
    struct timespec          now;
    struct tm                t;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &t);
    int n = snprintf(line, size, "%02d:%02d:%02d.%03d %s %.*s: ", t.tm_hour, t.tm_min, t.tm_sec,
                     (int)(now.tv_nsec / 1000000), names[level <= HEARTH_LOG_ERROR ? level : 0],
                     (int)(who.n < 64 ? who.n : 64), who.p ? who.p : "");
    return n > 0 ? (size_t)n : 0;
}

void log_line(void *arg, hearth_level level, hearth_str who, hearth_str text)
{
    char line[LINE_MAX_BYTES];
    (void)arg;
    if (level < least)
        return;
    unsigned missing = atomic_exchange(&lost, 0);
    if (missing) {
        size_t head = begin_line(line, sizeof line, HEARTH_LOG_WARN, HEARTH_STR("log"));
        int    more = snprintf(line + head, sizeof line - head, "%u lines were lost: nobody read them\n", missing);
        if (more <= 0 || !put(line, head + (size_t)more))
            atomic_fetch_add(&lost, missing);
    }
    size_t n = begin_line(line, sizeof line, level, who);
    for (size_t i = 0; i < text.n && n < sizeof line - 1; i++) {
        unsigned char c = (unsigned char)text.p[i];
        line[n++] = c < 0x20 || c == 0x7f ? ' ' : (char)c; /* what a plugin logs must not steer a terminal */
    }
    line[n++] = '\n';
    if (!put(line, n))
        atomic_fetch_add(&lost, 1);
}

hearth_code log_to_file(const char *path, hearth_err *err)
{
    struct stat st;
    char        old[4096 + 8];
    if (stat(path, &st) == 0 && st.st_size > FILE_MAX_BYTES &&
        (size_t)snprintf(old, sizeof old, "%s.1", path) < sizeof old)
        rename(path, old);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
        if (fd >= 0)
            close(fd);
        return hearth_err_set(err, HEARTH_IO, "serve", "%.200s cannot be written: %s", path, strerror(errno));
    }
    close(fd);
    return HEARTH_OK;
}
