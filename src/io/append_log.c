/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* append_log: the one writer of lines that must survive: what it has acknowledged is on the disk.
 *
 * Adds gather on the loop while a worker writes. When it is back, everything that has gathered becomes the next batch:
 * per file one writev and one fdatasync, however many callers wait (group commit). Under load the disk sets the pace
 * and the number of syncs stays the same; alone, an add costs one sync.
 *
 * The rules, all of them for the reader's sake (DESIGN §6):
 *   a file only grows; nothing is rewritten or truncated, so a torn line can only be the last one of a crash;
 *   a file that does not end in a newline gets one before anything else, so a torn line harms only itself;
 *   a failed write or sync ends a file for good, because nobody knows which of its pages the kernel dropped: the next
 *   append goes to NAME.<k>.EXT, and after a restart the newest of these is the one that goes on;
 *   a file is acknowledged only after the folder that names it was synced.
 * A failover file that stayed empty is removed again, or a full disk would leave a trail of them.
 *
 * A file that was replaced or deleted under us (a sync tool, a restored copy) is noticed before each batch and opened
 * anew: appending to a file without a name would acknowledge into the void.
 *
 * Threads: struct append_log is the loop's; `logs` and a running batch are the worker's, which is one at a time. */
#define _GNU_SOURCE
#include "io/append_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kit/limits.h"

#define MAX_OPEN    64u
#define MAX_BATCH   1024u /* adds */
#define MAX_PARTS   64u   /* of one writev */
#define MAX_QUEUED  (4 * LIMIT_APPEND_BYTES)
#define MAX_WAITING 65536u /* adds: each costs a kilobyte beside its lines */
#define MAX_NAME    512u

/* One log by the name that callers use. Lives while it is open or while it must be remembered as broken. */
typedef struct log {
    struct log *next;
    int         fd; /* -1: not open */
    unsigned    k;  /* 0: the name itself, else NAME.<k>.EXT */
    bool        is_broken, is_new, needs_newline;
    uint64_t    bytes, used;
    char        file[MAX_NAME + 32]; /* the name with k */
    char        name[MAX_NAME + 1];
} log;

typedef struct add {
    struct add   *next;
    append_log_fn done;
    void         *arg;
    hearth_str    name, lines; /* both in the same allocation, behind the struct */
    char          file[MAX_NAME + 32];
    uint64_t      offset;
    hearth_code   code;
    bool          is_handled;
    hearth_err    err;
} add;

struct append_log {
    loop       *l;
    file_root  *root;
    loop_queue *queue;
    add        *waiting, **waiting_end, *batch;
    size_t      waiting_bytes, waiting_count;
    bool        is_running, is_freed, is_finishing;
    loop_fn     idle;
    void       *idle_arg;
    log        *logs; /* worker */
    uint64_t    clock;
    atomic_uint fail_in; /* 0: never */
    atomic_int  fail_errno;
};

/* -- system calls, with a place for faults --------------------------------------------------------------------------- */

/* True when this call is the one that should fail; errno is set. errno 0 stands for a short write. */
static bool is_failing(append_log *a)
{
    if (atomic_load(&a->fail_in) == 0 || atomic_fetch_sub(&a->fail_in, 1) != 1)
        return false;
    errno = atomic_load(&a->fail_errno);
    return true;
}

void append_log_fail_at(append_log *a, unsigned nth, int e)
{
    atomic_store(&a->fail_errno, e);
    atomic_store(&a->fail_in, nth);
}

static int sys_open(append_log *a, const char *file, int flags, hearth_err *err)
{
    hearth_str name = { file, strlen(file) };
    if (is_failing(a) && errno != 0)
        return (int)hearth_err_set(err, file_code_of_errno(errno), "log", "could not open %s: %s", file,
                                   strerror(errno));
    return file_open(a->root, name, flags, 0600, err);
}

static ssize_t sys_write(append_log *a, int fd, struct iovec *parts, int n)
{
    if (is_failing(a)) {
        if (errno != 0)
            return -1;
        return write(fd, parts[0].iov_base, (parts[0].iov_len + 1) / 2);
    }
    return writev(fd, parts, n);
}

static int sys_sync(append_log *a, int fd) { return is_failing(a) && errno != 0 ? -1 : fdatasync(fd); }

/* -- worker: files -------------------------------------------------------------------------------------------------------- */

/* NAME.EXT becomes NAME.<k>.EXT. */
static void put_file_name(log *g)
{
    const char *slash = strrchr(g->name, '/');
    const char *last = slash ? slash + 1 : g->name;
    const char *dot = strrchr(last, '.');
    int         stem = dot && dot != last ? (int)(dot - g->name) : (int)strlen(g->name);
    if (g->k == 0)
        snprintf(g->file, sizeof g->file, "%s", g->name);
    else
        snprintf(g->file, sizeof g->file, "%.*s.%u%s", stem, g->name, g->k, g->name + stem);
}

static hearth_str folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    return (hearth_str){ file, slash ? (size_t)(slash - file) : 0 };
}

static hearth_code sync_folder(append_log *a, const char *file, hearth_err *err)
{
    hearth_str folder = folder_of(file);
    int        fd = folder.n > 0 ? file_open(a->root, folder, O_RDONLY | O_DIRECTORY, 0, err)
                                 : open(file_root_path(a->root), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int        e = 0;
    if (fd < 0 || (is_failing(a) && errno != 0) || fsync(fd) != 0)
        e = errno;
    if (fd >= 0)
        close(fd);
    return e == 0 && fd >= 0 ? HEARTH_OK
                             : hearth_err_set(err, file_code_of_errno(e), "log", "could not sync the folder of %s: %s",
                                              file, strerror(e));
}

static bool exists(append_log *a, const char *file)
{
    return file_size(a->root, (hearth_str){ file, strlen(file) }, NULL, NULL, NULL, NULL) == HEARTH_OK;
}

static void close_log(log *g)
{
    if (g->fd >= 0)
        close(g->fd);
    g->fd = -1;
}

static void remove_file(append_log *a, log *g)
{
    close_log(g);
    file_remove(a->root, (hearth_str){ g->file, strlen(g->file) }, NULL);
}

/* A file that cannot be trusted any more. One that we made and that is still empty can go altogether; if it was a
 * failover file, the one before it is still broken. */
static void give_up(append_log *a, log *g)
{
    bool is_empty = g->is_new && g->bytes == 0;
    if (is_empty)
        remove_file(a, g);
    close_log(g);
    g->is_broken = !is_empty || g->k > 0;
    if (is_empty && g->k > 0)
        g->k--;
}

/* Whether the descriptor still is the file of that name. */
static bool is_current(append_log *a, const log *g)
{
    struct stat st;
    uint64_t    inode = 0;
    return fstat(g->fd, &st) == 0 && st.st_nlink > 0 &&
           file_size(a->root, (hearth_str){ g->file, strlen(g->file) }, NULL, NULL, &inode, NULL) == HEARTH_OK &&
           inode == (uint64_t)st.st_ino;
}

static hearth_code create(append_log *a, log *g, hearth_err *err)
{
    HEARTH_TRY(file_make_dirs(a->root, folder_of(g->file), err));
    g->fd = sys_open(a, g->file, O_RDWR | O_APPEND | O_CREAT | O_EXCL, err);
    if (g->fd < 0)
        return (hearth_code)g->fd;
    g->is_new = true;
    g->bytes = 0;
    hearth_code code = sync_folder(a, g->file, err);
    if (code < 0)
        remove_file(a, g);
    return code;
}

static hearth_code open_existing(append_log *a, log *g, hearth_err *err)
{
    struct stat st = { 0 };
    char        last = '\n';
    g->fd = sys_open(a, g->file, O_RDWR | O_APPEND, err);
    if (g->fd < 0)
        return (hearth_code)g->fd;
    g->is_new = false;
    if (fstat(g->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        (st.st_size > 0 && pread(g->fd, &last, 1, st.st_size - 1) != 1)) {
        close_log(g);
        return hearth_err_set(err, HEARTH_IO, "log", "%s cannot be read; it is no ordinary file or the disk fails",
                              g->file);
    }
    g->bytes = (uint64_t)st.st_size;
    g->needs_newline = last != '\n';
    /* Whoever made it may have died before its folder was synced. Clean, this costs next to nothing. */
    hearth_code code = sync_folder(a, g->file, err);
    if (code < 0)
        close_log(g);
    return code;
}

/* Leaves g->fd open on the file that the next line belongs to. */
static hearth_code open_log(append_log *a, log *g, hearth_err *err)
{
    if (g->fd >= 0 && is_current(a, g))
        return HEARTH_OK;
    close_log(g);
    g->needs_newline = false;
    if (g->is_broken) {
        do {
            g->k++;
            put_file_name(g);
        } while (exists(a, g->file));
        hearth_code code = create(a, g, err);
        if (code < 0)
            g->k--; /* the next try asks for the same name */
        else
            g->is_broken = false;
        return code;
    }
    /* The newest of the failover files of an earlier run goes on. */
    do {
        g->k++;
        put_file_name(g);
    } while (exists(a, g->file));
    g->k--;
    put_file_name(g);
    return exists(a, g->file) ? open_existing(a, g, err) : create(a, g, err);
}

static log *find_log(append_log *a, const char *name)
{
    log   *oldest = NULL, *g = NULL;
    size_t open = 0;
    for (g = a->logs; g; g = g->next) {
        if (strcmp(g->name, name) == 0)
            break;
        if (g->fd < 0)
            continue;
        open++;
        if (!oldest || g->used < oldest->used)
            oldest = g;
    }
    if (!g) {
        g = calloc(1, sizeof *g);
        if (!g)
            return NULL;
        if (open >= MAX_OPEN)
            close_log(oldest);
        g->fd = -1;
        strcpy(g->name, name); /* its length was checked when it was added */
        g->next = a->logs;
        a->logs = g;
    }
    g->used = ++a->clock;
    return g;
}

/* Records that hold nothing any more. A broken one stays: forgetting it would append to the broken file. */
static void forget_closed(append_log *a)
{
    for (log **at = &a->logs; *at;) {
        log *g = *at;
        if (g->fd >= 0 || g->is_broken) {
            at = &g->next;
            continue;
        }
        *at = g->next;
        free(g);
    }
}

/* -- worker: a batch --------------------------------------------------------------------------------------------------------- */

/* Writes all parts. Returns 0 or errno; g->bytes says how much is in the file. */
static int write_parts(append_log *a, log *g, struct iovec *parts, int n)
{
    while (n > 0) {
        ssize_t r = sys_write(a, g->fd, parts, n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return errno;
        g->bytes += (uint64_t)r;
        while (n > 0 && (size_t)r >= parts->iov_len) {
            r -= (ssize_t)parts->iov_len;
            parts++;
            n--;
        }
        if (n > 0) {
            parts->iov_base = (char *)parts->iov_base + r;
            parts->iov_len -= (size_t)r;
        }
    }
    return 0;
}

/* Writes up to MAX_PARTS adds of one log, beginning with `first`; *after is where to go on, NULL at the end. */
static int write_some(append_log *a, log *g, add *first, add **after)
{
    static const char newline = '\n';
    struct iovec      parts[MAX_PARTS];
    int               n = 0;
    uint64_t          offset = g->bytes;
    if (g->needs_newline) {
        parts[n++] = (struct iovec){ (void *)(uintptr_t)&newline, 1 };
        offset++;
    }
    add *x = first;
    for (; x && n < (int)MAX_PARTS; x = x->next) {
        if (x->is_handled || strcmp(x->name.p, g->name) != 0)
            continue;
        parts[n++] = (struct iovec){ (void *)(uintptr_t)x->lines.p, x->lines.n };
        offset += x->lines.n;
        x->offset = offset;
    }
    *after = x;
    int e = n > 0 ? write_parts(a, g, parts, n) : 0;
    if (e == 0)
        g->needs_newline = false;
    return e;
}

/* Everything of the batch that belongs to the log of `first`: written, synced, judged together. */
static void handle_log(append_log *a, add *first)
{
    hearth_err  err = { 0 };
    log        *g = find_log(a, first->name.p);
    hearth_code code = g ? open_log(a, g, &err) : hearth_err_set(&err, HEARTH_NO_MEMORY, "log", "out of memory");
    int         e = 0;
    for (add *at = first; code >= 0 && e == 0 && at;)
        e = write_some(a, g, at, &at);
    if (code >= 0 && e == 0 && sys_sync(a, g->fd) != 0)
        e = errno;
    if (e != 0) {
        give_up(a, g);
        char spare[128];
        code = hearth_err_set(&err, file_code_of_errno(e), "log",
                              "could not write %s/%s: %s (a reader may still find a part of this)",
                              file_root_path(a->root), g->file, file_advice(e, spare, sizeof spare));
    }
    for (add *x = first; x; x = x->next) {
        if (x->is_handled || strcmp(x->name.p, first->name.p) != 0)
            continue;
        x->is_handled = true;
        x->code = code;
        x->err = err;
        if (g)
            memcpy(x->file, g->file, sizeof x->file);
    }
}

static void run_batch(void *arg)
{
    append_log *a = arg;
    for (add *x = a->batch; x; x = x->next)
        if (!x->is_handled)
            handle_log(a, x);
    forget_closed(a);
}

/* -- loop -------------------------------------------------------------------------------------------------------------------- */

static void finish(void *arg)
{
    append_log *a = arg;
    loop_fn     idle = a->idle;
    void       *idle_arg = a->idle_arg;
    while (a->logs) {
        log *g = a->logs;
        a->logs = g->next;
        close_log(g);
        free(g);
    }
    free(a);
    if (idle)
        idle(idle_arg);
}

static void tell(add *x)
{
    while (x) {
        add *next = x->next;
        if (x->done)
            x->done(x->arg, x->code, (hearth_str){ x->file, strlen(x->file) }, x->offset, &x->err);
        free(x);
        x = next;
    }
}

static void finish_when_done(append_log *a)
{
    if (!a->is_freed || a->is_finishing || a->is_running || a->waiting)
        return;
    a->is_finishing = true;
    loop_queue_free(a->queue, finish, a);
}

static void start_batch(append_log *a);

static void batch_done(void *arg)
{
    append_log *a = arg;
    add        *batch = a->batch;
    a->batch = NULL;
    a->is_running = false;
    start_batch(a); /* before the callbacks: the disk should not wait for them */
    tell(batch);
    finish_when_done(a);
}

static void start_batch(append_log *a)
{
    if (a->is_running || !a->waiting)
        return;
    add   *last = a->waiting;
    size_t n = 1;
    a->batch = a->waiting;
    a->waiting_bytes -= last->lines.n;
    a->waiting_count--;
    for (; last->next && n < MAX_BATCH; n++) {
        last = last->next;
        a->waiting_bytes -= last->lines.n;
        a->waiting_count--;
    }
    a->waiting = last->next;
    if (!a->waiting)
        a->waiting_end = &a->waiting;
    last->next = NULL;
    a->is_running = true;
    if (loop_queue_add(a->queue, run_batch, batch_done, a) < 0) {
        for (add *x = a->batch; x; x = x->next)
            if (!x->is_handled)
                x->code = hearth_err_set(&x->err, HEARTH_NO_MEMORY, "log", "out of memory");
        loop_soon(a->l, batch_done, a);
    }
}

static void tell_refused(void *arg) { tell(arg); }

static hearth_code check(const append_log *a, hearth_str name, hearth_str lines, hearth_err *err)
{
    if (a->is_freed)
        return hearth_err_set(err, HEARTH_UNAVAILABLE, "log", "the log is being closed");
    if (!file_name_is_good(name) || name.n > MAX_NAME)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "log", "\"%.*s\" is not a name of a log",
                              (int)(name.n > 200 ? 200 : name.n), name.n ? name.p : "");
    if (lines.n == 0 || lines.p[lines.n - 1] != '\n')
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "log", "lines for %.*s must end in a newline",
                              (int)(name.n > 200 ? 200 : name.n), name.p);
    if (lines.n > LIMIT_APPEND_BYTES)
        return hearth_err_set(err, HEARTH_TOO_LARGE, "log", "%zu bytes for one append, over the limit of %zu", lines.n,
                              LIMIT_APPEND_BYTES);
    if (a->waiting_bytes > MAX_QUEUED || a->waiting_count >= MAX_WAITING)
        return hearth_err_set(err, HEARTH_BUSY, "log", "the disk is slower than what is appended; try again");
    return HEARTH_OK;
}

void append_log_add(append_log *a, hearth_str name, hearth_str lines, append_log_fn done, void *arg)
{
    hearth_err  err = { 0 };
    hearth_code code = check(a, name, lines, &err);
    if (code < 0)
        name.n = lines.n = 0;
    add *x = malloc(sizeof *x + name.n + 1 + lines.n);
    if (!x) {
        /* The one answer that comes at once: there is no memory to remember it in. */
        hearth_err none = { .code = HEARTH_NO_MEMORY, .where = "log", .msg = "out of memory" };
        if (done)
            done(arg, HEARTH_NO_MEMORY, (hearth_str){ NULL, 0 }, 0, &none);
        return;
    }
    *x = (add){ .done = done, .arg = arg, .code = code, .err = err };
    char *bytes = (char *)(x + 1);
    if (code >= 0) {
        memcpy(bytes, name.p, name.n);
        memcpy(bytes + name.n + 1, lines.p, lines.n);
    }
    bytes[name.n] = '\0';
    x->name = (hearth_str){ bytes, name.n };
    x->lines = (hearth_str){ bytes + name.n + 1, lines.n };
    if (code < 0) { /* does not wait for the disk: it may be the reason that there was no room */
        loop_soon(a->l, tell_refused, x);
        return;
    }
    *a->waiting_end = x;
    a->waiting_end = &x->next;
    a->waiting_bytes += lines.n;
    a->waiting_count++;
    start_batch(a);
}

append_log *append_log_new(loop *l, file_root *root)
{
    append_log *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->queue = loop_queue_new(l);
    if (!a->queue) {
        free(a);
        return NULL;
    }
    a->l = l;
    a->root = root;
    a->waiting_end = &a->waiting;
    return a;
}

void append_log_free(append_log *a, loop_fn idle, void *arg)
{
    if (!a)
        return;
    a->is_freed = true;
    a->idle = idle;
    a->idle_arg = arg;
    finish_when_done(a);
}
