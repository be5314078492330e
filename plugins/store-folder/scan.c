/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What other programs may have done to the files is met here: a torn last line, a line of garbage in the middle, a
 * file that shrank or was replaced, copies that a file sync made of a log. Nothing of it stops a scan; what cannot
 * be read is counted. Whether a line means anything is for the log's owner to say: here it only has to be one JSON
 * object by its looks, in UTF-8. */
#include "scan.h"

#include <stdlib.h>

#include "log_name.h"

#define WHERE "persistence.scan"

/* -- the entries of one folder ------------------------------------------------------------------------------------ */

typedef struct entry {
    char     name[256];
    uint64_t bytes;
    bool     is_dir;
} entry;

typedef struct entries {
    entry *p;
    size_t n, size;
} entries;

static hearth_code collect(void *arg, const hearth_dir_entry *e)
{
    entries *all = arg;
    if (e->name.n >= sizeof all->p->name)
        return HEARTH_OK; /* no log has such a name */
    if (all->n >= SCAN_MAX_LOGS)
        return HEARTH_TOO_LARGE;
    if (all->n == all->size) {
        size_t size = all->size ? all->size * 2 : 16;
        entry *p = realloc(all->p, size * sizeof *p);
        if (!p)
            return HEARTH_NO_MEMORY;
        all->p = p;
        all->size = size;
    }
    entry *to = &all->p[all->n++];
    hearth_str_copy(to->name, sizeof to->name, e->name);
    to->bytes = e->bytes;
    to->is_dir = e->is_dir;
    return HEARTH_OK;
}

/* What comes before the first dot: the files of one log have it in common. */
static hearth_str stem(const entry *e) { return (hearth_str){ e->name, strcspn(e->name, ".") }; }

/* The files of a log side by side, NAME.jsonl before NAME.1.jsonl before NAME.10.jsonl. */
static int by_log(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int          order = hearth_str_compare(stem(x), stem(y));
    if (order != 0)
        return order;
    size_t n = strlen(x->name), m = strlen(y->name);
    return n != m ? (n < m ? -1 : 1) : strcmp(x->name, y->name);
}

/* The entries of a folder in a fixed order; a missing folder is empty. */
static hearth_code read_folder(hearth_ctx *ctx, hearth_str folder, entries *all, hearth_err *err)
{
    hearth_code code = hearth_dir_list(ctx, HEARTH_DIR_DATA, folder, collect, all, err);
    if (code == HEARTH_NOT_FOUND)
        return HEARTH_OK;
    if (code < 0)
        return hearth_err_set(err, code, WHERE, "the folder %.*s cannot be listed", HEARTH_FMT(folder));
    if (all->n > 0)
        qsort(all->p, all->n, sizeof *all->p, by_log);
    return HEARTH_OK;
}

/* -- list ---------------------------------------------------------------------------------------------------------- */

typedef struct walk {
    hearth_ctx   *ctx;
    hearth_value *logs;
    hearth_str    prefix;
    hearth_err   *err;
} walk;

static bool is_same_log(const entry *e, hearth_str log)
{
    return !e->is_dir && hearth_str_equal(log_name_of_file(hearth_cstr(e->name)), log);
}

/* Adds the log whose first file is all->p[first], with all its files. */
static void add_log(walk *w, hearth_str folder, const entries *all, size_t first)
{
    hearth_str log = stem(&all->p[first]);
    char       name[LOG_NAME_MAX_BYTES + 256];
    int        n = snprintf(name, sizeof name, "%.*s%s%.*s", HEARTH_FMT(folder), folder.n ? "/" : "", HEARTH_FMT(log));
    hearth_str full = { name, n > 0 ? (size_t)n : 0 };
    bool       is_wanted = full.n >= w->prefix.n && (w->prefix.n == 0 || memcmp(full.p, w->prefix.p, w->prefix.n) == 0);
    if (!is_wanted || !log_name_is_good(full))
        return;
    hearth_value *files = hearth_object(w->ctx);
    uint64_t      bytes = 0;
    for (size_t i = first; i < all->n && hearth_str_equal(stem(&all->p[i]), log); i++) {
        if (!is_same_log(&all->p[i], log))
            continue;
        hearth_put_u64(files, all->p[i].name, all->p[i].bytes);
        bytes += all->p[i].bytes;
    }
    hearth_value *v = hearth_object(w->ctx);
    hearth_put_str(v, "log", full);
    hearth_put_u64(v, "bytes", bytes);
    hearth_put(v, "files", files);
    hearth_add(w->logs, v);
}

static hearth_code walk_folder(walk *w, hearth_str folder, unsigned depth)
{
    entries     all = { NULL, 0, 0 };
    hearth_str  last = { NULL, 0 }; /* the log that was added last */
    hearth_code code = read_folder(w->ctx, folder, &all, w->err);
    for (size_t i = 0; code >= 0 && i < all.n; i++) {
        const entry *e = &all.p[i];
        if (!e->is_dir) {
            hearth_str log = log_name_of_file(hearth_cstr(e->name));
            if (log.p && !(last.p && hearth_str_equal(log, last)))
                add_log(w, folder, &all, i);
            last = log.p ? log : last;
            continue;
        }
        char       name[LOG_NAME_MAX_BYTES + 258];
        int        n = snprintf(name, sizeof name, "%.*s%s%s", HEARTH_FMT(folder), folder.n ? "/" : "", e->name);
        hearth_str below = { name, n > 0 ? (size_t)n : 0 };
        if (depth < SCAN_MAX_DEPTH && log_name_is_good(below) && !hearth_str_is(below, "local"))
            code = walk_folder(w, below, depth + 1);
    }
    free(all.p);
    if (code >= 0 && hearth_count(w->logs) > SCAN_MAX_LOGS)
        return hearth_err_set(w->err, HEARTH_TOO_LARGE, "persistence.list",
                              "more than %u logs; ask for a longer prefix", SCAN_MAX_LOGS);
    return code;
}

hearth_code scan_list(hearth_ctx *ctx, hearth_str prefix, hearth_value **out, hearth_err *err)
{
    hearth_str folder = log_name_folder(prefix);
    if (folder.n > 0 && !log_name_is_good(folder))
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "persistence.list",
                              "\"%.*s\" begins no log's name: use letters, digits, - and _ with slashes between",
                              HEARTH_FMT(prefix));
    walk        w = { ctx, hearth_array(ctx), prefix, err };
    hearth_code code = walk_folder(&w, folder, 0);
    if (code < 0) {
        hearth_value_unref(w.logs);
        return code;
    }
    *out = hearth_object(ctx);
    hearth_put(*out, "logs", w.logs);
    return HEARTH_OK;
}

/* -- scan ----------------------------------------------------------------------------------------------------------- */

typedef struct scan {
    hearth_ctx   *ctx;
    hearth_value *lines, *next;
    hearth_str    folder;
    size_t        left; /* bytes that may still be read */
    uint64_t      skipped;
    bool          is_end;
    hearth_buf    buf;
    hearth_err   *err;
} scan;

/* A line that a log's owner can be bothered with. */
static bool is_line_good(hearth_str line)
{
    return line.n >= 2 && line.p[0] == '{' && line.p[line.n - 1] == '}' && hearth_utf8_valid(line);
}

/* Takes the whole lines out of buf[skip..]; returns how many bytes they are. */
static size_t take_lines(scan *s, size_t skip)
{
    size_t at = skip;
    while (at < s->buf.n) {
        const char *end = memchr(s->buf.p + at, '\n', s->buf.n - at);
        if (!end)
            break;
        hearth_str line = { s->buf.p + at, (size_t)(end - (s->buf.p + at)) };
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--; /* a sync tool or editor of another system */
        if (is_line_good(line))
            hearth_add_str(s->lines, line);
        else if (line.n > 0)
            s->skipped++;
        at = (size_t)(end - s->buf.p) + 1;
    }
    return at - skip;
}

static hearth_code read_at(scan *s, hearth_str path, uint64_t from, size_t cap, uint64_t *size)
{
    hearth_buf_deinit(&s->buf);
    hearth_buf_init(&s->buf, cap);
    hearth_code code = hearth_file_read_at(s->ctx, HEARTH_DIR_DATA, path, from, &s->buf, size, s->err);
    if (code < 0)
        return hearth_err_set(s->err, code, WHERE, "%.*s cannot be read", HEARTH_FMT(path));
    return HEARTH_OK;
}

/* Goes over a line that is too long to take; `at` moves behind it, or stays when the file ends before the line. */
static hearth_code skip_long_line(scan *s, hearth_str path, uint64_t *at)
{
    uint64_t from = *at, size = 0;
    do {
        HEARTH_TRY(read_at(s, path, from, SCAN_LIMIT_BYTES, &size));
        const char *end = s->buf.n ? memchr(s->buf.p, '\n', s->buf.n) : NULL;
        if (end) {
            *at = from + (size_t)(end - s->buf.p) + 1;
            s->skipped++;
            return HEARTH_OK;
        }
        from += s->buf.n;
    } while (s->buf.n > 0 && from < size);
    return HEARTH_OK;
}

/* Reads what one file has after `from`, as far as s->left allows. The byte before is read too: where it is no line
 * end, the file is not the one that the position was taken from. */
static hearth_code scan_file(scan *s, const char *file, uint64_t bytes, uint64_t from)
{
    char       name[LOG_NAME_MAX_BYTES + 258];
    int        n = snprintf(name, sizeof name, "%.*s%s%s", HEARTH_FMT(s->folder), s->folder.n ? "/" : "", file);
    hearth_str path = { name, n > 0 ? (size_t)n : 0 };
    uint64_t   at = from;
    size_t     before = from > 0 ? 1 : 0;

    while (at < bytes || before) {
        size_t   want = s->left > 0 ? s->left : 1;
        uint64_t size = 0;
        HEARTH_TRY(read_at(s, path, at - before, want + before, &size));
        if (before && (s->buf.n == 0 || s->buf.p[0] != '\n'))
            return hearth_err_set(s->err, HEARTH_CONFLICT, WHERE,
                                  "%.*s was changed by another program; scan it from the start", HEARTH_FMT(path));
        size_t taken = take_lines(s, before);
        if (taken == 0 && at + s->buf.n - before < size && s->buf.n == want + before) {
            /* One line alone is over the limit: take it whole. */
            HEARTH_TRY(read_at(s, path, at, SCAN_LINE_MAX_BYTES + 1, &size));
            taken = take_lines(s, 0);
            if (taken == 0 && s->buf.n > SCAN_LINE_MAX_BYTES) {
                uint64_t behind = at;
                HEARTH_TRY(skip_long_line(s, path, &behind));
                taken = (size_t)(behind - at);
            }
        }
        at += taken;
        s->left -= taken < s->left ? taken : s->left;
        before = 0;
        if (taken == 0)
            break; /* only an unfinished line is left */
        if (s->left == 0) {
            s->is_end = s->is_end && at >= bytes;
            break;
        }
    }
    hearth_put_u64(s->next, file, at);
    return HEARTH_OK;
}

/* A position in a file that is gone means that lines the reader knows are gone. */
static hearth_code check_positions(const hearth_value *from, const entries *all, hearth_str log, hearth_err *err)
{
    for (size_t i = 0; i < hearth_count(from); i++) {
        hearth_str file = hearth_key_at(from, i);
        bool       is_there = false;
        for (size_t j = 0; j < all->n && !is_there; j++)
            is_there =
                !all->p[j].is_dir && hearth_str_is(file, all->p[j].name) && is_same_log(&all->p[j], log_name_last(log));
        if (!is_there && hearth_as_u64(hearth_at(from, i), 0) > 0)
            return hearth_err_set(err, HEARTH_CONFLICT, WHERE, "%.*s of the log %.*s is gone; scan it from the start",
                                  HEARTH_FMT(file), HEARTH_FMT(log));
    }
    return HEARTH_OK;
}

hearth_code scan_log(hearth_ctx *ctx, hearth_str log, const hearth_value *from, size_t limit, hearth_value **out,
                     hearth_err *err)
{
    scan    s = { .ctx = ctx, .folder = log_name_folder(log), .left = limit, .is_end = true, .err = err };
    entries all = { NULL, 0, 0 };
    s.lines = hearth_array(ctx);
    s.next = hearth_object(ctx);

    size_t      files = 0;
    hearth_code code = read_folder(ctx, s.folder, &all, err);
    if (code >= 0)
        code = check_positions(from, &all, log, err);
    for (size_t i = 0; code >= 0 && i < all.n; i++) {
        const entry *e = &all.p[i];
        if (!is_same_log(e, log_name_last(log)))
            continue;
        if (++files > SCAN_MAX_FILES) {
            code = hearth_err_set(err, HEARTH_TOO_LARGE, WHERE, "the log %.*s consists of more than %u files",
                                  HEARTH_FMT(log), SCAN_MAX_FILES);
        } else if (s.left == 0) {
            uint64_t at = hearth_get_u64(from, e->name, 0);
            s.is_end = s.is_end && at >= e->bytes;
            hearth_put_u64(s.next, e->name, at);
        } else {
            code = scan_file(&s, e->name, e->bytes, hearth_get_u64(from, e->name, 0));
        }
    }
    hearth_buf_deinit(&s.buf);
    free(all.p);
    if (code < 0) {
        hearth_value_unref(s.lines);
        hearth_value_unref(s.next);
        return code;
    }
    *out = hearth_object(ctx);
    hearth_put(*out, "lines", s.lines);
    hearth_put(*out, "next", s.next);
    hearth_put_u64(*out, "skipped", s.skipped);
    hearth_put_bool(*out, "is_end", s.is_end);
    return HEARTH_OK;
}
