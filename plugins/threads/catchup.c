/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The index follows the logs.
 *
 * verify: one thread. List its logs, compare sizes with what the index read, scan what is new, apply it. When a log no
 * longer continues where it was left (restored from a backup, replaced by a sync), the thread is forgotten and read
 * whole. sweep: all threads, once after the start and whenever the index was lost. One listing tells sizes; only the
 * threads that differ are verified, so after a clean stop no log is read at all.
 *
 * Everything goes through the persistence contract: where the logs lie is the store's business. */
#include <stdlib.h>

#include "threads.h"

#define MAX_RESTARTS    3u
#define COMPARE_AT_ONCE 500u /* logs: about a millisecond of the worker, so that a person's call gets in between */

struct verify {
    threads      *t;
    verify       *next, *prev;
    char          thread[INDEX_ID_BYTES];
    verify_fn     done;
    void         *arg;
    unsigned      generation, restarts;
    bool          has_changed, is_stale, must_forget;
    hearth_value *input; /* what the store said, for the worker */
    hearth_value *plan;  /* [{log, from}] */
    size_t        step;
    hearth_code   code;
    hearth_err    err;
};

static void list_thread(verify *v);
static void scan_next(verify *v, const hearth_value *from);

static void verify_free(verify *v)
{
    *(v->prev ? &v->prev->next : &v->t->verifies) = v->next;
    if (v->next)
        v->next->prev = v->prev;
    hearth_value_unref(v->input);
    hearth_value_unref(v->plan);
    hearth_free(v->t->ctx, v);
}

static void verify_end(verify *v, hearth_code code, const hearth_err *err)
{
    verify_fn  done = v->done;
    void      *arg = v->arg;
    bool       has_changed = v->has_changed;
    hearth_err why = err ? *err : (hearth_err){ 0 };
    verify_free(v);
    done(arg, code, has_changed, &why);
}

static void set_input(verify *v, const hearth_value *value)
{
    hearth_value_unref(v->input);
    v->input = hearth_value_ref(value);
}

/* After the index was lost, or the logs turned out to be others than it knew. */
static void restart(verify *v)
{
    if (++v->restarts > MAX_RESTARTS) {
        hearth_err err = { 0 };
        hearth_err_set(&err, HEARTH_UNAVAILABLE, "threads",
                       "the thread %s changes while it is read; try again in a moment", v->thread);
        verify_end(v, err.code, &err);
        return;
    }
    hearth_value_unref(v->plan);
    v->plan = NULL;
    v->step = 0;
    list_thread(v);
}

/* worker */
static void run_plan(void *arg)
{
    verify   *v = arg;
    index_db *ix = &v->t->ix;
    bool      is_gone = false;
    v->err = (hearth_err){ 0 };
    v->code = index_ready(ix, &v->err);
    v->generation = ix->generation;
    if (v->code >= 0 && v->must_forget)
        v->code = index_forget(ix, hearth_cstr(v->thread), &v->err);
    if (v->code >= 0)
        v->code = index_plan(ix, hearth_cstr(v->thread), v->input, &v->plan, &is_gone, &v->err);
    if (v->code >= 0 && is_gone) {
        v->has_changed = true;
        v->code = index_forget(ix, hearth_cstr(v->thread), &v->err);
    }
    v->is_stale = v->code < 0 && ix->is_broken;
}

static void on_planned(void *arg, void *self)
{
    verify *v = arg;
    catchup_saw(self, v->generation);
    v->must_forget = v->must_forget && v->code < 0;
    if (v->is_stale)
        restart(v);
    else if (v->code < 0)
        verify_end(v, v->code, &v->err);
    else
        scan_next(v, NULL);
}

static void on_listed(void *arg, const hearth_reply_view *r)
{
    verify *v = arg;
    if (r->code < 0) {
        verify_end(v, r->code, r->err);
        return;
    }
    set_input(v, r->value);
    hearth_work(v->t->ctx, run_plan, on_planned, v, v->t);
}

static void list_thread(verify *v)
{
    char          prefix[48];
    int           n = snprintf(prefix, sizeof prefix, "threads/%s/", v->thread);
    hearth_value *params = hearth_object(v->t->ctx);
    hearth_put_str(params, "prefix", (hearth_str){ prefix, n > 0 ? (size_t)n : 0 });
    hearth_call_as_plugin(v->t->ctx, "persistence.list", params, NULL, on_listed, v);
}

/* worker */
static void run_apply(void *arg)
{
    verify      *v = arg;
    index_db    *ix = &v->t->ix;
    index_report report = { 0 };
    v->err = (hearth_err){ 0 };
    v->code = index_ready(ix, &v->err);
    v->is_stale = v->code >= 0 && ix->generation != v->generation;
    v->generation = ix->generation;
    if (v->code < 0 || v->is_stale)
        return;
    v->code = index_apply(ix, hearth_cstr(v->thread), hearth_get(v->input, "lines"), hearth_get(v->input, "next"),
                          &report, &v->err);
    v->is_stale = v->code < 0 && ix->is_broken;
    v->has_changed |= report.applied > 0;
    uint64_t skipped = report.unreadable + hearth_get_u64(v->input, "skipped", 0);
    if (v->code >= 0 && skipped > 0)
        hearth_log(v->t->ctx, HEARTH_LOG_WARN, "thread %s: %llu lines of its logs cannot be read and were skipped",
                   v->thread, (unsigned long long)skipped);
}

static void on_applied(void *arg, void *self)
{
    verify *v = arg;
    catchup_saw(self, v->generation);
    if (v->is_stale) {
        restart(v);
    } else if (v->code < 0) {
        verify_end(v, v->code, &v->err);
    } else if (!hearth_get_bool(v->input, "is_end", true)) {
        scan_next(v, hearth_get(v->input, "next"));
    } else {
        v->step++;
        scan_next(v, NULL);
    }
}

static void on_scanned(void *arg, const hearth_reply_view *r)
{
    verify *v = arg;
    if (r->code == HEARTH_CONFLICT) {
        v->must_forget = true;
        restart(v);
    } else if (r->code < 0) {
        verify_end(v, r->code, r->err);
    } else {
        set_input(v, r->value);
        hearth_work(v->t->ctx, run_apply, on_applied, v, v->t);
    }
}

/* Reads on in the log of this step; `from` NULL: where the plan says. */
static void scan_next(verify *v, const hearth_value *from)
{
    const hearth_value *step = hearth_at(v->plan, v->step);
    if (!step) {
        verify_end(v, HEARTH_OK, NULL);
        return;
    }
    hearth_value *params = hearth_object(v->t->ctx);
    hearth_put_str(params, "log", hearth_get_str(step, "log"));
    hearth_put_ref(params, "from", from ? from : hearth_get(step, "from"));
    hearth_call_as_plugin(v->t->ctx, "persistence.scan", params, NULL, on_scanned, v);
}

void verify_thread(threads *t, const char *thread, verify_fn done, void *arg)
{
    verify *v = hearth_new(t->ctx, verify);
    if (!v) {
        hearth_err err = { 0 };
        hearth_err_set(&err, HEARTH_NO_MEMORY, "threads", "there is no memory left to read the thread");
        done(arg, HEARTH_NO_MEMORY, false, &err);
        return;
    }
    *v = (verify){ .t = t, .next = t->verifies, .done = done, .arg = arg };
    hearth_str_copy(v->thread, sizeof v->thread, hearth_cstr(thread));
    if (v->next)
        v->next->prev = v;
    t->verifies = v;
    list_thread(v);
}

/* -- all threads ------------------------------------------------------------------------------------------------------------ */

struct sweep {
    threads      *t;
    unsigned      generation;
    bool          has_begun, is_lost; /* is_lost: the index, while it was compared */
    hearth_value *listed, *behind;    /* behind: ids */
    int64_t       at;                 /* in `listed` while comparing, in `behind` while verifying */
    hearth_code   code;
    hearth_err    err;
};

static void compare(sweep *s);
static void verify_next(sweep *s);

static void sweep_free(sweep *s)
{
    s->t->sweep = NULL;
    hearth_value_unref(s->listed);
    hearth_value_unref(s->behind);
    hearth_free(s->t->ctx, s);
}

static void sweep_end(sweep *s, hearth_code code, const hearth_err *err)
{
    threads   *t = s->t;
    hearth_err why = err ? *err : (hearth_err){ 0 };
    bool       is_lost = s->is_lost || s->generation != t->generation; /* here: while it was being filled */
    sweep_free(s);
    if (code >= 0 && is_lost) {
        catchup_need(t);
        return;
    }
    t->is_caught_up = code >= 0;
    if (code < 0)
        hearth_log(t->ctx, HEARTH_LOG_ERROR, "the threads cannot be read: %s", why.msg);
    task_wake(t, code, &why);
}

/* worker */
static void run_compare(void *arg)
{
    sweep    *s = arg;
    index_db *ix = &s->t->ix;
    s->err = (hearth_err){ 0 };
    s->code = index_ready(ix, &s->err);
    s->is_lost = s->has_begun && s->generation != ix->generation;
    s->generation = ix->generation;
    s->has_begun = true;
    if (s->code < 0 || s->is_lost)
        return;
    int64_t at = index_compare(ix, s->listed, (size_t)s->at, COMPARE_AT_ONCE, s->behind, &s->err);
    if (at >= 0 && (size_t)at == hearth_count(hearth_get(s->listed, "logs")))
        s->code = index_missing(ix, s->listed, s->behind, &s->err);
    if (at < 0)
        s->code = (hearth_code)at;
    else
        s->at = at;
}

static void on_compared(void *arg, void *self)
{
    threads *t = self;
    sweep   *s = arg;
    if (s->generation != t->generation) {
        t->generation = s->generation;
        t->is_caught_up = false;
    }
    if (s->code < 0 || s->is_lost) {
        sweep_end(s, s->code, &s->err);
    } else if ((size_t)s->at < hearth_count(hearth_get(s->listed, "logs"))) {
        compare(s);
    } else {
        s->at = 0;
        verify_next(s);
    }
}

static void compare(sweep *s) { hearth_work(s->t->ctx, run_compare, on_compared, s, s->t); }

/* A thread that cannot be read does not keep the others from being shown. */
static void on_verified(void *arg, hearth_code code, bool has_changed, const hearth_err *err)
{
    (void)has_changed;
    sweep *s = arg;
    if (code == HEARTH_NO_MEMORY) {
        sweep_end(s, code, err);
        return;
    }
    if (code < 0)
        hearth_log(s->t->ctx, HEARTH_LOG_ERROR, "a thread cannot be read: %s", err->msg);
    s->at++;
    verify_next(s);
}

static void verify_next(sweep *s)
{
    hearth_str id = hearth_as_str(hearth_at(s->behind, (size_t)s->at));
    char       thread[INDEX_ID_BYTES];
    if (!id.p) {
        sweep_end(s, HEARTH_OK, NULL);
        return;
    }
    hearth_str_copy(thread, sizeof thread, id);
    verify_thread(s->t, thread, on_verified, s);
}

static void on_all_listed(void *arg, const hearth_reply_view *r)
{
    sweep *s = arg;
    if (r->code < 0) {
        sweep_end(s, r->code, r->err);
        return;
    }
    s->listed = hearth_value_ref(r->value);
    compare(s);
}

void catchup_need(threads *t)
{
    if (t->sweep)
        return;
    sweep *s = hearth_new(t->ctx, sweep);
    if (!s)
        return; /* whoever waits goes on with the next one that asks */
    *s = (sweep){ .t = t, .generation = t->generation, .behind = hearth_array(t->ctx) };
    t->sweep = s;
    hearth_value *params = hearth_object(t->ctx);
    hearth_put_cstr(params, "prefix", "threads/");
    hearth_call_as_plugin(t->ctx, "persistence.list", params, NULL, on_all_listed, s);
}

void catchup_saw(threads *t, unsigned generation)
{
    if (generation == t->generation)
        return;
    t->generation = generation;
    t->is_caught_up = false;
    catchup_need(t);
}

void catchup_dispose(threads *t)
{
    while (t->verifies)
        verify_free(t->verifies);
    if (t->sweep)
        sweep_free(t->sweep);
}
