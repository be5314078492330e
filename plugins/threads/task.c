/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A read:   wait → verify → run → answer.
 * A write:  wait → verify → run (operations) → append → apply and finish → tell → answer.
 *
 * Nothing is answered before persistence.append said that it is on the disk. The index is changed afterwards, from
 * memory; when it is lost in between, the thread is read again from its logs and the answer is given from there.
 * Writers of one thread go one after the other, so that each finds the numbers and the head that the last one left;
 * writers of different threads share the store's group commit. */
#include <stdlib.h>

#include "threads.h"

#define TASK_MAX_TRIES 3u

static void advance(task *k);
static void work(task *k);

/* -- life ------------------------------------------------------------------------------------------------------------- */

static void task_free(task *k)
{
    threads *t = k->t;
    *(k->prev ? &k->prev->next : &t->first) = k->next;
    *(k->next ? &k->next->prev : &t->last) = k->prev;
    t->task_count--;
    hearth_value_unref(k->params);
    hearth_value_unref(k->lines);
    hearth_value_unref(k->result);
    hearth_value_unref(k->events);
    hearth_buf_deinit(&k->line);
    hearth_free(t->ctx, k);
}

void task_dispose(threads *t)
{
    while (t->first)
        task_free(t->first);
}

void threads_mint(threads *t, char out[INDEX_ID_BYTES])
{
    uint8_t random[10];
    hearth_random(t->ctx, random, sizeof random);
    hearth_ulid_make(out, hearth_wall_ms(t->ctx), random);
}

static bool is_writer(const task *k) { return k->kind->finish != NULL; }

/* Lets go of the thread: the next writer that waits for it begins. */
static void release(threads *t, const char *thread)
{
    for (task *k = t->first; k; k = k->next)
        if (k->state == TASK_WAITS_FOR_THREAD && strcmp(k->thread, thread) == 0) {
            k->state = TASK_WORKS;
            advance(k);
            return;
        }
}

static void end(task *k)
{
    threads      *t = k->t;
    hearth_req   *req = k->req;
    hearth_value *result = k->result;
    hearth_code   code = k->code;
    hearth_err    err = k->err;
    char          thread[INDEX_ID_BYTES];
    bool          was_writer = is_writer(k);
    memcpy(thread, k->thread, sizeof thread);
    for (size_t i = 0; code >= 0 && i < hearth_count(k->events); i++)
        hearth_emit(t->ctx, "threads.changed", hearth_value_ref(hearth_at(k->events, i)));
    k->result = NULL;
    task_free(k);
    if (was_writer)
        release(t, thread); /* before the answer: whoever hears it may come back with the next call at once */
    if (code < 0)
        hearth_fail_with(req, code, &err);
    else
        hearth_reply(req, result);
}

static void fail(task *k, hearth_code code, const hearth_err *err)
{
    k->code = code;
    if (err)
        k->err = *err;
    end(k);
}

/* The thread's id out of the arguments, or a new one. */
static hearth_code take_thread(task *k)
{
    if (!k->kind->thread_key && !k->kind->is_new_ok)
        return HEARTH_OK;
    hearth_str id = k->kind->thread_key ? hearth_get_str(k->params, k->kind->thread_key) : (hearth_str){ NULL, 0 };
    if (id.p && !hearth_ulid_valid(id))
        return hearth_err_set(&k->err, HEARTH_NOT_FOUND, "threads",
                              "\"%.*s\" is no thread's id; threads.list gives those there are",
                              (int)(id.n < 64 ? id.n : 64), id.p);
    if (id.p) {
        hearth_str_copy(k->thread, sizeof k->thread, id);
        return HEARTH_OK;
    }
    if (!k->kind->is_new_ok)
        return hearth_err_set(&k->err, HEARTH_INVALID_ARGUMENT, "threads", "`%s` is missing: name a thread",
                              k->kind->thread_key);
    id = hearth_get_str(k->params, "id");
    if (id.p && !hearth_ulid_valid(id))
        return hearth_err_set(&k->err, HEARTH_INVALID_ARGUMENT, "threads",
                              "`id` is not a ULID; leave it out and one is made");
    k->is_new = true;
    if (id.p)
        hearth_str_copy(k->thread, sizeof k->thread, id);
    else
        threads_mint(k->t, k->thread);
    return HEARTH_OK;
}

void task_start(threads *t, hearth_req *req, const task_kind *kind)
{
    if (t->task_count >= THREADS_MAX_TASKS) {
        hearth_fail(req, HEARTH_BUSY, "%u calls wait for the threads already; try again in a moment",
                    THREADS_MAX_TASKS);
        return;
    }
    task *k = hearth_new(t->ctx, task);
    if (!k) {
        hearth_fail(req, HEARTH_NO_MEMORY, "there is no memory left to work on the threads");
        return;
    }
    *k = (task){ .t = t, .kind = kind, .req = req, .prev = t->last, .state = TASK_WORKS, .generation = t->generation };
    k->params = hearth_value_ref(hearth_params(req));
    hearth_buf_init(&k->line, OP_LINE_MAX_BYTES);
    *(t->last ? &t->last->next : &t->first) = k;
    t->last = k;
    t->task_count++;

    k->code = take_thread(k);
    if (k->code < 0) {
        hearth_code code = k->code;
        hearth_err  err = k->err;
        task_free(k);
        hearth_fail_with(req, code, &err);
        return;
    }
    if (is_writer(k))
        for (const task *other = t->first; other != k; other = other->next)
            if (is_writer(other) && strcmp(other->thread, k->thread) == 0) {
                k->state = TASK_WAITS_FOR_THREAD;
                return;
            }
    advance(k);
}

/* -- verify ------------------------------------------------------------------------------------------------------------ */

static void on_verified(void *arg, hearth_code code, bool has_changed, const hearth_err *err)
{
    task *k = arg;
    k->has_changed |= has_changed;
    if (code < 0)
        fail(k, code, err);
    else
        work(k);
}

/* From the beginning, or again after the index was lost. */
static void advance(task *k)
{
    threads *t = k->t;
    k->state = TASK_WORKS;
    k->generation = t->generation;
    if (k->kind->needs_all && !t->is_caught_up) {
        k->state = TASK_WAITS_FOR_ALL;
        catchup_need(t);
    } else if (k->kind->thread_key && (!k->is_new || k->is_saved) &&
               (k->kind->opens || k->is_saved || !t->is_caught_up)) {
        verify_thread(t, k->thread, on_verified, k);
    } else {
        work(k);
    }
}

void task_wake(threads *t, hearth_code code, const hearth_err *err)
{
    /* One that ends or goes on may change the list: begin anew each time. */
    for (;;) {
        task *k = t->first;
        while (k && k->state != TASK_WAITS_FOR_ALL)
            k = k->next;
        if (!k)
            return;
        k->state = TASK_WORKS;
        if (code < 0)
            fail(k, code, err);
        else
            advance(k);
    }
}

/* -- work ---------------------------------------------------------------------------------------------------------------- */

/* worker */
static void run(void *arg)
{
    task     *k = arg;
    index_db *ix = &k->t->ix;
    if (ix->n_floor < k->n_floor)
        ix->n_floor = k->n_floor;
    k->err = (hearth_err){ 0 };
    k->code = index_ready(ix, &k->err);
    k->is_stale = k->code >= 0 && ix->generation != k->generation;
    if (k->code < 0 || k->is_stale) {
        k->generation = ix->generation;
        return;
    }
    if (!k->is_saved) {
        k->code = k->kind->run(k);
    } else {
        k->code = index_apply_own(ix, hearth_cstr(k->thread), hearth_cstr(k->t->device), k->lines, k->offset, &k->err);
        if (k->code >= 0)
            k->code = k->kind->finish(k);
    }
    k->is_stale = k->code < 0 && ix->is_broken;
    if (k->is_stale) {
        index_ready(ix, NULL);
        k->generation = ix->generation;
    }
}

static void on_appended(void *arg, const hearth_reply_view *r)
{
    task *k = arg;
    if (r->code < 0) {
        /* The lines may be in the file all the same: their numbers are not given out again. */
        if (k->t->n_floor <= k->stamp.n)
            k->t->n_floor = k->stamp.n + 1;
        fail(k, r->code, r->err);
        return;
    }
    k->is_saved = true;
    k->offset = hearth_get_u64(r->value, "offset", 0);
    work(k);
}

static void append(task *k)
{
    char          log[160];
    int           n = snprintf(log, sizeof log, "threads/%s/%s", k->thread, k->t->device);
    hearth_value *params = hearth_object(k->t->ctx);
    hearth_put_str(params, "log", (hearth_str){ log, n > 0 ? (size_t)n : 0 });
    hearth_put_ref(params, "lines", k->lines);
    hearth_call_as_plugin(k->t->ctx, "persistence.append", params, NULL, on_appended, k);
}

/* What a run that is done again left behind; lines that are saved already stay. */
static void forget_output(task *k)
{
    hearth_value_unref(k->result);
    hearth_value_unref(k->events);
    k->result = k->events = NULL;
    if (k->is_saved)
        return;
    hearth_value_unref(k->lines);
    k->lines = NULL;
}

static void after_run(void *arg, void *self)
{
    threads *t = self;
    task    *k = arg;
    catchup_saw(t, k->generation);
    if (k->is_stale) {
        if (++k->tries <= TASK_MAX_TRIES) {
            forget_output(k);
            advance(k);
            return;
        }
        k->code = hearth_err_set(&k->err, HEARTH_IO, "threads", "the index of threads cannot be made; see the log");
    }
    if (k->code >= 0 && is_writer(k) && !k->is_saved)
        append(k);
    else
        end(k);
}

static void work(task *k)
{
    k->n_floor = k->t->n_floor;
    hearth_work(k->t->ctx, run, after_run, k, k->t);
}

/* -- for the methods ------------------------------------------------------------------------------------------------------- */

hearth_code task_put(task *k, op_kind kind, const char *entity, const char *field, hearth_value *v)
{
    index_db   *ix = &k->t->ix;
    hearth_code code = HEARTH_OK;
    if (!k->lines) {
        k->lines = hearth_array(k->t->ctx);
        code = index_stamp(ix, hearth_cstr(k->thread), hearth_cstr(k->t->device), &k->stamp, &k->err);
    } else {
        index_next(ix, &k->stamp);
    }
    hearth_buf_reset(&k->line);
    if (code >= 0 && op_put(&k->line, kind, &k->stamp, hearth_cstr(entity), field, v) < 0)
        code = hearth_err_set(&k->err, HEARTH_TOO_LARGE, "threads",
                              "more than %u bytes at once cannot be saved; make it shorter", OP_LINE_MAX_BYTES);
    else if (code >= 0)
        hearth_add_str(k->lines, hearth_buf_str(&k->line));
    hearth_value_unref(v);
    return code;
}

void task_changed(task *k, const char *change, hearth_value *thread, hearth_value *message)
{
    hearth_value *event = hearth_object(k->t->ctx);
    hearth_put(event, "thread", thread);
    if (message)
        hearth_put(event, "message", message);
    else
        hearth_put_null(event, "message");
    hearth_put_cstr(event, "change", change);
    if (!k->events)
        k->events = hearth_array(k->t->ctx);
    hearth_add(k->events, event);
}
