/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* store-folder: the persistence contract on the data folder.
 *
 * A log is a growing list of lines with a name; who writes one decides what its lines mean. Three methods are all:
 * append lines, scan what is new since a position, list which logs there are. It is deliberately dumb: it knows no
 * message, no setting, no operation, and so another store (a database, memory) can take its place.
 *
 * Owns: nothing but the work under way. The folder is the host's, the durability is hearth_log_append's (group
 * commit, never a rewrite, a new file after a failure), the index over the lines is the log owner's.
 * Must not know: what a line says. It looks at brackets and UTF-8 and at nothing else.
 * Thread: the methods on the loop; list and scan read on the worker, one after the other.
 * Fails: an append that is not on the disk is never acknowledged; what cannot be read is counted, not hidden; a file
 * that was replaced behind a reader's back is a `conflict`, which tells the reader to start over. */
#include <hearth/plugin.h>

#include "log_name.h"
#include "scan.h"

#define APPEND_MAX_BYTES (64u << 20) /* what the host takes at once */

typedef struct job job;

typedef struct store {
    hearth_ctx *ctx;
    job        *jobs; /* under way, so that dispose can give back what no callback will */
} store;

struct job {
    store        *s;
    job          *next, *prev;
    hearth_req   *req;
    hearth_value *params; /* our reference: a worker may outlive the request */
    hearth_value *result;
    hearth_code   code;
    hearth_err    err;
};

static job *job_new(store *s, hearth_req *req)
{
    job *j = hearth_new(s->ctx, job);
    if (!j) {
        hearth_fail(req, HEARTH_NO_MEMORY, "there is no memory left to use the store");
        return NULL;
    }
    j->s = s;
    j->req = req;
    j->params = hearth_value_ref(hearth_params(req));
    j->next = s->jobs;
    if (s->jobs)
        s->jobs->prev = j;
    s->jobs = j;
    return j;
}

static void job_free(job *j)
{
    if (j->next)
        j->next->prev = j->prev;
    if (j->prev)
        j->prev->next = j->next;
    else
        j->s->jobs = j->next;
    hearth_value_unref(j->params);
    hearth_value_unref(j->result);
    hearth_free(j->s->ctx, j);
}

/* loop again */
static void answer(void *arg, void *self)
{
    (void)self;
    job          *j = arg;
    hearth_req   *req = j->req;
    hearth_value *result = j->result;
    hearth_code   code = j->code;
    hearth_err    err = j->err;
    j->result = NULL;
    job_free(j);
    if (code < 0)
        hearth_fail_with(req, code, &err);
    else
        hearth_reply(req, result);
}

/* -- append ------------------------------------------------------------------------------------------------------- */

static hearth_code join_lines(hearth_buf *out, const hearth_value *lines, hearth_err *err)
{
    for (size_t i = 0; i < hearth_count(lines); i++) {
        hearth_str line = hearth_as_str(hearth_at(lines, i));
        if (line.n == 0 || memchr(line.p, '\n', line.n))
            return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "persistence.append",
                                  "line %zu is empty or holds a line break; give one line per element", i + 1);
        if (line.n > SCAN_LINE_MAX_BYTES)
            return hearth_err_set(err, HEARTH_TOO_LARGE, "persistence.append",
                                  "line %zu has %zu bytes; a line has at most %u", i + 1, line.n, SCAN_LINE_MAX_BYTES);
        hearth_buf_put(out, line);
        hearth_buf_putc(out, '\n');
    }
    if (out->failed)
        return hearth_err_set(err, HEARTH_TOO_LARGE, "persistence.append",
                              "the lines have more than %u bytes together; append them in parts", APPEND_MAX_BYTES);
    if (out->n == 0)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "persistence.append",
                              "there are no lines to append; give at least one");
    return HEARTH_OK;
}

static void on_appended(void *arg, void *self, hearth_code code, uint64_t offset, const hearth_err *err)
{
    job *j = arg;
    j->code = code;
    if (code < 0) {
        j->err = *err;
    } else {
        j->result = hearth_object(j->s->ctx);
        hearth_put_u64(j->result, "offset", offset);
    }
    answer(j, self);
}

static void append(hearth_req *req, void *self)
{
    store     *s = self;
    hearth_str log = hearth_get_str(hearth_params(req), "log");
    hearth_err err = { 0 };
    if (!log_name_is_good(log)) {
        hearth_fail(req, HEARTH_INVALID_ARGUMENT,
                    "\"%.*s\" is no log's name: use letters, digits, - and _ with slashes between", HEARTH_FMT(log));
        return;
    }
    char       name[LOG_NAME_MAX_BYTES + sizeof LOG_EXTENSION];
    int        n = snprintf(name, sizeof name, "%.*s" LOG_EXTENSION, HEARTH_FMT(log));
    hearth_buf lines;
    hearth_buf_init(&lines, APPEND_MAX_BYTES);
    hearth_code code = join_lines(&lines, hearth_get(hearth_params(req), "lines"), &err);
    if (code < 0) {
        hearth_fail_with(req, code, &err);
    } else {
        job *j = job_new(s, req);
        if (j)
            hearth_log_append(s->ctx, (hearth_str){ name, (size_t)n }, hearth_buf_str(&lines), on_appended, j, s);
    }
    hearth_buf_deinit(&lines);
}

/* -- scan and list -------------------------------------------------------------------------------------------------- */

/* worker */
static void run_scan(void *arg)
{
    job       *j = arg;
    hearth_str log = hearth_get_str(j->params, "log");
    size_t     limit = (size_t)hearth_get_u64(j->params, "limit", SCAN_LIMIT_BYTES);
    j->code = scan_log(j->s->ctx, log, hearth_get(j->params, "from"),
                       limit < SCAN_LIMIT_MAX_BYTES ? limit : SCAN_LIMIT_MAX_BYTES, &j->result, &j->err);
}

static void scan(hearth_req *req, void *self)
{
    store     *s = self;
    hearth_str log = hearth_get_str(hearth_params(req), "log");
    if (!log_name_is_good(log)) {
        hearth_fail(req, HEARTH_INVALID_ARGUMENT,
                    "\"%.*s\" is no log's name: use letters, digits, - and _ with slashes between", HEARTH_FMT(log));
        return;
    }
    job *j = job_new(s, req);
    if (j)
        hearth_work(s->ctx, run_scan, answer, j, s);
}

/* worker */
static void run_list(void *arg)
{
    job *j = arg;
    j->code = scan_list(j->s->ctx, hearth_get_str(j->params, "prefix"), &j->result, &j->err);
}

static void list(hearth_req *req, void *self)
{
    store *s = self;
    job   *j = job_new(s, req);
    if (j)
        hearth_work(s->ctx, run_list, answer, j, s);
}

/* -- life ------------------------------------------------------------------------------------------------------------ */

static hearth_code load(hearth_ctx *ctx, void **self, hearth_err *err)
{
    store *s = hearth_new(ctx, store);
    if (!s)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "store-folder.load", "there is no memory left to start the store");
    s->ctx = ctx;
    *self = s;
    return HEARTH_OK;
}

static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
{
    static const hearth_method methods[] = {
        { "persistence.append", append },
        { "persistence.scan", scan },
        { "persistence.list", list },
    };
    return hearth_serve(ctx, methods, HEARTH_COUNT(methods), self, err);
}

static void dispose(void *self)
{
    store *s = self;
    while (s->jobs)
        job_free(s->jobs);
    hearth_free(s->ctx, s);
}

HEARTH_PLUGIN(load, implement, dispose)
