/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* After a crash: answers of this device that still say `running` although nobody writes them. Each gets what its part
 * file holds and becomes `interrupted`, so that the thread shows where it ended instead of waiting for ever. Job ids
 * never repeat, so an answer belongs to an earlier run exactly when no turn of this one has its job.
 *
 * Part files are listed before anything else and removed at the end: those that are listed are of earlier runs. */
#include <stdlib.h>

#include "chat.h"

#define TRY_AGAIN_MS  5000u
#define MAX_TRIES     12u
#define MAX_OLD_PARTS 10000u

struct recover {
    chat         *c;
    unsigned      tries;
    hearth_value *old;      /* jobs with a part file */
    hearth_value *messages; /* that say running */
    size_t        at, interrupted;
    char          job[CHAT_JOB_BYTES];
    hearth_value *parts;
};

static void next(recover *r);

static void recover_free(recover *r)
{
    r->c->recover = NULL;
    hearth_value_unref(r->old);
    hearth_value_unref(r->messages);
    hearth_value_unref(r->parts);
    hearth_free(r->c->ctx, r);
}

void recover_dispose(chat *c)
{
    if (c->recover)
        recover_free(c->recover);
}

static void end(recover *r)
{
    for (size_t i = 0; i < hearth_count(r->old); i++) {
        char job[CHAT_JOB_BYTES];
        hearth_str_copy(job, sizeof job, hearth_as_str(hearth_at(r->old, i)));
        part_remove(r->c, job);
    }
    if (r->interrupted > 0)
        hearth_log(r->c->ctx, HEARTH_LOG_INFO,
                   "the last run ended in the middle of an answer (%zu of them); what there was of it is kept",
                   r->interrupted);
    recover_free(r);
}

static void on_ended(void *arg, const hearth_reply_view *reply)
{
    recover *r = arg;
    if (reply->code >= 0)
        r->interrupted++;
    else if (reply->code != HEARTH_CONFLICT) /* it had ended after all */
        hearth_log(r->c->ctx, HEARTH_LOG_WARN, "an interrupted answer cannot be ended: %s", reply->err->msg);
    r->at++;
    next(r);
}

static void on_part(void *arg, void *self)
{
    (void)self;
    recover            *r = arg;
    const hearth_value *m = hearth_at(r->messages, r->at);
    hearth_value       *params = hearth_object(r->c->ctx);
    hearth_put_str(params, "thread", hearth_get_str(m, "thread"));
    hearth_put_str(params, "message", hearth_get_str(m, "id"));
    hearth_put_cstr(params, "state", "interrupted");
    hearth_put(params, "parts", r->parts);
    r->parts = NULL;
    hearth_call_as_plugin(r->c->ctx, "threads.turn.end", params, NULL, on_ended, r);
}

/* worker */
static void run_part(void *arg)
{
    recover *r = arg;
    r->parts = part_read(r->c->ctx, r->job);
}

static bool is_job(hearth_str s)
{
    uint64_t id;
    return s.n == CHAT_JOB_BYTES - 1 && hearth_hlc_read(s, &id); /* the same 16 digits */
}

static void next(recover *r)
{
    const hearth_value *m;
    while ((m = hearth_at(r->messages, r->at)) && turn_is_live(r->c, hearth_get_str(m, "job")))
        r->at++;
    if (!m) {
        end(r);
        return;
    }
    hearth_str job = hearth_get_str(m, "job");
    r->job[0] = '\0';
    if (is_job(job))
        hearth_str_copy(r->job, sizeof r->job, job);
    hearth_work(r->c->ctx, run_part, on_part, r, r->c);
}

static void ask(void *arg);

static void on_running(void *arg, const hearth_reply_view *reply)
{
    recover *r = arg;
    if (reply->code >= 0) {
        r->messages = hearth_value_ref(hearth_get(reply->value, "messages"));
        next(r);
        return;
    }
    hearth_log(r->c->ctx, HEARTH_LOG_WARN, "interrupted answers cannot be looked for: %s", reply->err->msg);
    if (++r->tries < MAX_TRIES)
        hearth_timer(r->c->ctx, TRY_AGAIN_MS, 0, ask, r);
    else
        recover_free(r);
}

static void ask(void *arg)
{
    recover *r = arg;
    hearth_call_as_plugin(r->c->ctx, "threads.running", NULL, NULL, on_running, r);
}

static hearth_code note_part(void *arg, const hearth_dir_entry *e)
{
    recover   *r = arg;
    hearth_str job = { e->name.p, CHAT_JOB_BYTES - 1 };
    if (!e->is_dir && e->name.n == CHAT_JOB_BYTES - 1 + 5 && memcmp(e->name.p + job.n, ".part", 5) == 0 &&
        is_job(job) && hearth_count(r->old) < MAX_OLD_PARTS)
        hearth_add_str(r->old, job);
    return HEARTH_OK;
}

/* worker */
static void run_list(void *arg)
{
    recover *r = arg;
    hearth_dir_list(r->c->ctx, HEARTH_DIR_LOCAL, HEARTH_STR("jobs"), note_part, r, NULL);
}

static void on_list(void *arg, void *self)
{
    (void)self;
    ask(arg);
}

void recover_start(chat *c)
{
    recover *r = hearth_new(c->ctx, recover);
    if (!r)
        return; /* the next start finds them */
    *r = (recover){ .c = c, .old = hearth_array(c->ctx) };
    c->recover = r;
    hearth_work(c->ctx, run_list, on_list, r, c);
}
