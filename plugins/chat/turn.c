/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A turn: begin → read → ask → end.
 *
 *   begin   threads.turn.begin puts the question and an answer in state running into the log, in one append. Only
 *           then does the caller hear `started`: from here on the question is safe.
 *   read    threads.get; the branch from the beginning to the question becomes the context.
 *   ask     inference.chat on behalf of the caller. Its events go on into the job, its text is gathered, and once a
 *           second written to the part file.
 *   end     threads.turn.end, with the plugin's own rights, since the caller may be gone or have cancelled. Only
 *           then is the request answered.
 *
 * The ids of thread, question and answer are made here before anything is asked of anybody: the job can name them from
 * its first moment, and an answer whose beginning was cancelled half-way can still be ended. Whatever goes wrong after
 * `begin` leads to `end`. */
#include <inttypes.h>
#include <stdlib.h>

#include "chat.h"
#include "context.h"

#define DEFAULT_MODEL "kindling"

struct turn {
    chat         *c;
    turn         *next, *prev;
    hearth_req   *req;
    hearth_value *params; /* our reference */
    char          job[CHAT_JOB_BYTES];
    char          thread[CHAT_ID_BYTES], question[CHAT_ID_BYTES], answer[CHAT_ID_BYTES];
    bool          is_new;       /* the thread */
    bool          is_stopped;   /* by chat.stop */
    bool          is_cancelled; /* the request: jobs.cancel, rpc.cancel */
    bool          is_too_long;  /* the answer; it is stopped for that */
    bool          is_unsaved;   /* something came since the part file was written */
    hearth_id     call;         /* inference.chat; 0 before and after */
    hearth_id     timer;
    hearth_value *begun; /* {thread, question, answer} */
    hearth_buf    text, reasoning;
    hearth_code   code; /* how inference ended */
    hearth_err    err;
    hearth_value *details; /* of that error */
};

static void finish(turn *t, hearth_code code, const hearth_err *err, const hearth_value *result);

/* -- life ---------------------------------------------------------------------------------------------------------------- */

static void mint(chat *c, char out[CHAT_ID_BYTES])
{
    uint8_t random[10];
    hearth_random(c->ctx, random, sizeof random);
    hearth_ulid_make(out, hearth_wall_ms(c->ctx), random);
}

static turn *turn_new(chat *c, hearth_req *req)
{
    turn *t = hearth_new(c->ctx, turn);
    if (!t)
        return NULL;
    *t = (turn){ .c = c, .next = c->turns, .req = req, .params = hearth_value_ref(hearth_params(req)) };
    hearth_buf_init(&t->text, CHAT_ANSWER_BYTES);
    hearth_buf_init(&t->reasoning, CHAT_ANSWER_BYTES);
    hearth_str thread = hearth_get_str(t->params, "thread");
    t->is_new = !thread.p;
    if (t->is_new)
        mint(c, t->thread);
    else
        hearth_str_copy(t->thread, sizeof t->thread, thread);
    mint(c, t->question);
    mint(c, t->answer);
    if (t->next)
        t->next->prev = t;
    c->turns = t;
    c->turn_count++;
    return t;
}

static void turn_free(turn *t)
{
    chat *c = t->c;
    if (t->timer)
        hearth_timer_stop(c->ctx, t->timer);
    if (t->next)
        t->next->prev = t->prev;
    *(t->prev ? &t->prev->next : &c->turns) = t->next;
    c->turn_count--;
    hearth_value_unref(t->params);
    hearth_value_unref(t->begun);
    hearth_value_unref(t->details);
    hearth_buf_deinit(&t->text);
    hearth_buf_deinit(&t->reasoning);
    hearth_free(c->ctx, t);
}

void turn_dispose(chat *c)
{
    while (c->turns)
        turn_free(c->turns);
}

/* Takes `details`. */
static void fail(turn *t, hearth_code code, const hearth_err *err, hearth_value *details)
{
    hearth_req *req = t->req;
    hearth_err  why = *err;
    turn_free(t);
    hearth_fail_detailed(req, code, hearth_cstr(why.msg), details);
}

static void on_cancel(void *arg)
{
    turn *t = arg;
    t->is_cancelled = true;
    if (t->call)
        hearth_cancel(t->c->ctx, t->call);
}

/* -- end ------------------------------------------------------------------------------------------------------------------ */

/* {thread, question, answer}, as they are now. */
static hearth_value *outcome(const turn *t, const hearth_value *answer)
{
    hearth_value *v = hearth_object(t->c->ctx);
    hearth_put_ref(v, "thread", hearth_get(t->begun, "thread"));
    hearth_put_ref(v, "question", hearth_get(t->begun, "question"));
    hearth_put_ref(v, "answer", answer);
    return v;
}

static void on_ended(void *arg, const hearth_reply_view *r)
{
    turn *t = arg;
    if (r->code < 0 && !t->begun) {
        /* It was cancelled before it began; there was nothing to end, or it is ended at the next start. */
        fail(t, t->code, &t->err, NULL);
        return;
    }
    if (r->code < 0) {
        hearth_err err = { 0 };
        hearth_err_set(&err, r->code, "chat", "the answer could not be saved: %.300s", r->err->msg);
        fail(t, r->code, &err, outcome(t, hearth_get(t->begun, "answer")));
        return;
    }
    part_remove(t->c, t->job);
    if (!t->begun || (t->code < 0 && !t->is_stopped) || t->is_cancelled) {
        hearth_value *details = t->begun ? outcome(t, r->value) : NULL;
        for (size_t i = 0; details && i < hearth_count(t->details); i++) {
            char key[64];
            hearth_str_copy(key, sizeof key, hearth_key_at(t->details, i));
            hearth_put_ref(details, key, hearth_at(t->details, i));
        }
        if (t->is_cancelled && t->code >= 0)
            t->code = hearth_err_set(&t->err, HEARTH_CANCELLED, "chat",
                                     "the turn was cancelled; what was written so far is kept");
        fail(t, t->code, &t->err, details);
        return;
    }
    hearth_req   *req = t->req;
    hearth_value *result = outcome(t, r->value);
    turn_free(t);
    hearth_reply(req, result);
}

static hearth_value *failure(const turn *t)
{
    hearth_value *v = hearth_object(t->c->ctx);
    hearth_put_cstr(v, "name", hearth_code_name(t->code));
    hearth_put_cstr(v, "message", t->err.msg[0] ? t->err.msg : hearth_code_text(t->code));
    return v;
}

/* The answer's last words: `code` says how it went, `result` is what inference gave, or NULL. */
static void finish(turn *t, hearth_code code, const hearth_err *err, const hearth_value *result)
{
    static const char *const facts[] = { "usage", "timings", "finish_reason" };
    hearth_str               text = hearth_buf_str(&t->text), reasoning = hearth_buf_str(&t->reasoning);
    bool                     was_stopped = t->is_stopped || t->is_cancelled || code == HEARTH_CANCELLED;
    if (t->timer)
        hearth_timer_stop(t->c->ctx, t->timer);
    t->timer = t->call = 0;
    t->code = code;
    if (code < 0 && err)
        t->err = *err;
    if (t->is_too_long) {
        t->err = (hearth_err){ 0 };
        t->code = hearth_err_set(&t->err, HEARTH_TOO_LARGE, "chat",
                                 "the answer grew over %u bytes and was stopped; what came before is kept",
                                 CHAT_ANSWER_BYTES);
        was_stopped = false;
    }
    hearth_value *params = hearth_object(t->c->ctx);
    hearth_put_cstr(params, "thread", t->thread);
    hearth_put_cstr(params, "message", t->answer);
    bool is_cut = was_stopped && !t->is_stopped && hearth_is_closing(t->c->ctx); /* nobody asked for it */
    hearth_put_cstr(params, "state", is_cut ? "interrupted" : was_stopped ? "stopped" : t->code < 0 ? "failed" : "complete");
    if (code >= 0 && hearth_get_str(result, "text").n >= text.n && !t->is_too_long)
        text = hearth_get_str(result, "text"); /* the engine's own account, should an event have been lost */
    hearth_put(params, "parts", part_list(t->c->ctx, text, reasoning));
    for (size_t i = 0; i < HEARTH_COUNT(facts); i++)
        if (hearth_get(result, facts[i]))
            hearth_put_ref(params, facts[i], hearth_get(result, facts[i]));
    if (t->code < 0 && !was_stopped)
        hearth_put(params, "error", failure(t));
    hearth_call_as_plugin(t->c->ctx, "threads.turn.end", params, NULL, on_ended, t);
}

/* -- ask --------------------------------------------------------------------------------------------------------------------- */

static void on_answered(void *arg, const hearth_reply_view *r)
{
    turn *t = arg;
    if (r->code < 0 && r->value)
        t->details = hearth_value_ref(r->value);
    if (r->code >= 0 && hearth_str_is(hearth_get_str(r->value, "finish_reason"), "cancelled"))
        t->is_stopped = t->is_stopped || !t->is_cancelled;
    finish(t, r->code, r->err, r->value);
}

static void gather(turn *t, hearth_buf *to, hearth_str text)
{
    if (t->is_too_long)
        return;
    if (t->text.n + t->reasoning.n + text.n > CHAT_ANSWER_BYTES) {
        t->is_too_long = true;
        hearth_cancel(t->c->ctx, t->call);
        return;
    }
    hearth_buf_put(to, text);
    t->is_unsaved = true;
}

static void on_event(void *arg, const hearth_event *event)
{
    turn *t = arg;
    if (event->kind == HEARTH_TEXT)
        gather(t, &t->text, event->text);
    else if (event->kind == HEARTH_REASONING)
        gather(t, &t->reasoning, event->text);
    else if (event->kind != HEARTH_PROGRESS && event->kind != HEARTH_TOOL_CALL && event->kind != HEARTH_LOGPROB)
        return;
    if (!t->is_too_long)
        hearth_push(t->req, event);
}

static void on_second(void *arg)
{
    turn *t = arg;
    if (t->is_unsaved && part_save(t->c, t->job, hearth_buf_str(&t->text), hearth_buf_str(&t->reasoning)))
        t->is_unsaved = false;
}

/* Requests of one person share a lane, so that many of them do not push others aside. 53 bits: a number that every
 * JSON reader keeps. */
static uint64_t lane_of(const hearth_req *req)
{
    hearth_principal who = hearth_principal_of(req);
    return (hearth_hash(who.kind.p, who.kind.n) * 31 + hearth_hash(who.id.p, who.id.n)) >> 11;
}

/* Takes `messages`. */
static void ask(turn *t, hearth_value *messages)
{
    const hearth_value *options = hearth_get(t->params, "options");
    hearth_value       *params = hearth_object(t->c->ctx);
    for (size_t i = 0; i < hearth_count(options); i++) {
        char key[64];
        hearth_str_copy(key, sizeof key, hearth_key_at(options, i));
        hearth_put_ref(params, key, hearth_at(options, i));
    }
    hearth_put_str(params, "model", hearth_get_str(hearth_get(t->begun, "answer"), "model"));
    hearth_put(params, "messages", messages);
    hearth_put_cstr(params, "cache_hint", t->thread);
    hearth_put_u64(params, "lane", lane_of(t->req));
    hearth_call_options how = { .size = sizeof how, .on_event = on_event };
    t->timer = hearth_timer(t->c->ctx, CHAT_SAVE_EVERY_MS, CHAT_SAVE_EVERY_MS, on_second, t);
    t->call = hearth_call(t->req, "inference.chat", params, &how, on_answered, t);
}

/* -- read ---------------------------------------------------------------------------------------------------------------------- */

static void on_read(void *arg, const hearth_reply_view *r)
{
    turn         *t = arg;
    hearth_err    err = { 0 };
    hearth_value *messages = NULL, *prompt = NULL;
    if (r->code < 0 || t->is_stopped || t->is_cancelled) {
        finish(t, r->code, r->err, NULL);
        return;
    }
    prompt = hearth_setting(t->c->ctx, "chat.system_prompt");
    hearth_str  asked = hearth_get_str(hearth_get(t->begun, "answer"), "parent");
    hearth_code code =
        context_build(t->c->ctx, hearth_get(r->value, "messages"), asked, hearth_as_str(prompt), &messages, &err);
    hearth_value_unref(prompt);
    if (code < 0)
        finish(t, code, &err, NULL);
    else
        ask(t, messages);
}

static void tell_started(turn *t)
{
    hearth_value *data = outcome(t, hearth_get(t->begun, "answer"));
    hearth_put_cstr(data, "job", t->job);
    hearth_push_data(t->req, HEARTH_STARTED, data);
    hearth_value_unref(data);
}

static void on_begun(void *arg, const hearth_reply_view *r)
{
    turn *t = arg;
    if (r->code == HEARTH_CANCELLED) {
        finish(t, r->code, r->err, NULL); /* it may be in the log all the same */
        return;
    }
    if (r->code < 0) {
        fail(t, r->code, r->err, hearth_value_ref(r->value));
        return;
    }
    t->begun = hearth_value_ref(r->value);
    tell_started(t);
    if (t->is_stopped || t->is_cancelled) {
        finish(t, HEARTH_OK, NULL, NULL);
        return;
    }
    hearth_value *params = hearth_object(t->c->ctx);
    hearth_put_cstr(params, "id", t->thread);
    hearth_call(t->req, "threads.get", params, NULL, on_read, t);
}

/* -- begin ---------------------------------------------------------------------------------------------------------------------- */

static void copy(hearth_value *to, const hearth_value *from, const char *key)
{
    const hearth_value *v = hearth_get(from, key);
    if (v)
        hearth_put_ref(to, key, v);
}

static hearth_value *begin_params(turn *t, turn_kind kind)
{
    hearth_value *params = hearth_object(t->c->ctx), *answer = hearth_object(t->c->ctx);
    if (t->is_new) {
        hearth_put_cstr(params, "id", t->thread);
        copy(params, t->params, "model"); /* a thread that begins with a model keeps to it */
    } else {
        hearth_put_cstr(params, "thread", t->thread);
    }
    if (kind == TURN_SEND) {
        hearth_value *question = hearth_object(t->c->ctx);
        hearth_put_cstr(question, "id", t->question);
        copy(question, t->params, "text");
        copy(question, t->params, "parts");
        copy(question, t->params, "parent");
        hearth_put(params, "question", question);
    } else {
        hearth_put_ref(answer, "beside", hearth_get(t->params, "message"));
    }
    hearth_value *model = hearth_setting(t->c->ctx, "chat.model");
    hearth_str    otherwise = hearth_as_str(model);
    hearth_put_cstr(answer, "id", t->answer);
    hearth_put_cstr(answer, "job", t->job);
    copy(answer, t->params, "model");
    hearth_put_str(answer, "fallback_model", otherwise.n ? otherwise : HEARTH_STR(DEFAULT_MODEL));
    hearth_value_unref(model);
    hearth_put(params, "answer", answer);
    return params;
}

static bool is_blank(hearth_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] > ' ')
            return false;
    return true;
}

/* What must be refused before anything is written; NULL: nothing. */
static hearth_code check(const chat *c, const hearth_value *params, turn_kind kind, hearth_err *err)
{
    const hearth_value *text = hearth_get(params, "text"), *parts = hearth_get(params, "parts");
    hearth_str          thread = hearth_get_str(params, "thread");
    if (kind == TURN_SEND && !text == !parts)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "chat.send",
                              "give the message as `text` or as `parts`, one of them");
    if (kind == TURN_SEND && text && is_blank(hearth_as_str(text)))
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "chat.send", "the message is empty; write something");
    if (thread.p && (thread.n >= CHAT_ID_BYTES || !hearth_ulid_valid(thread)))
        return hearth_err_set(err, HEARTH_NOT_FOUND, "chat",
                              "there is no such thread; threads.list gives those there are");
    for (const turn *t = c->turns; thread.p && t; t = t->next)
        if (hearth_str_is(thread, t->thread))
            return hearth_err_set(
                err, HEARTH_CONFLICT, "chat",
                "an answer is being written in this thread (job %s); wait for it, or stop it with chat.stop", t->job);
    if (c->turn_count >= CHAT_MAX_TURNS)
        return hearth_err_set(err, HEARTH_BUSY, "chat", "%u answers are being written already; try again in a moment",
                              CHAT_MAX_TURNS);
    return HEARTH_OK;
}

void turn_start(chat *c, hearth_req *req, turn_kind kind)
{
    hearth_err  err = { 0 };
    hearth_code code = check(c, hearth_params(req), kind, &err);
    if (code < 0) {
        hearth_fail_with(req, code, &err);
        return;
    }
    turn *t = turn_new(c, req);
    if (!t) {
        hearth_fail(req, HEARTH_NO_MEMORY, "there is no memory left for another answer");
        return;
    }
    hearth_value *meta = hearth_object(c->ctx);
    hearth_put_cstr(meta, "thread", t->thread);
    hearth_put_cstr(meta, "message", t->answer);
    hearth_id job =
        hearth_job(req, &(hearth_job_options){ .size = sizeof(hearth_job_options), .is_durable = true, .meta = meta });
    hearth_value_unref(meta);
    if (!job) {
        hearth_err_set(&err, HEARTH_NO_MEMORY, "chat", "there is no memory left for another answer");
        fail(t, err.code, &err, NULL);
        return;
    }
    snprintf(t->job, sizeof t->job, "%016" PRIx64, job);
    hearth_on_cancel(req, on_cancel, t);
    hearth_call(req, "threads.turn.begin", begin_params(t, kind), NULL, on_begun, t);
}

/* -- from outside ----------------------------------------------------------------------------------------------------------------- */

size_t turn_stop(chat *c, hearth_str thread)
{
    size_t stopped = 0;
    for (turn *t = c->turns; t; t = t->next) {
        if (!hearth_str_is(thread, t->thread))
            continue;
        stopped += !t->is_stopped;
        t->is_stopped = true; /* a turn that does not ask yet ends before it does */
        if (t->call)
            hearth_cancel(c->ctx, t->call);
    }
    return stopped;
}

hearth_value *turn_list(const chat *c)
{
    hearth_value *all = hearth_array(c->ctx);
    for (const turn *t = c->turns; t; t = t->next) {
        hearth_value *v = hearth_object(c->ctx);
        hearth_put_cstr(v, "thread", t->thread);
        hearth_put_cstr(v, "message", t->answer);
        hearth_put_cstr(v, "job", t->job);
        hearth_add(all, v);
    }
    return all;
}

bool turn_is_live(const chat *c, hearth_str job)
{
    for (const turn *t = c->turns; t; t = t->next)
        if (hearth_str_is(job, t->job))
            return true;
    return false;
}
