/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine-echo: the smallest engine. It says the last user message back, word by word, always the same.
 *
 * What it is for: an engine that tests can steer (README.md lists the knobs), and an example of everything that
 * engine.h asks of one: slots with a queue behind them, text on UTF-8 boundaries, stop strings, limits, cancelling
 * within one step, usage, a clear error when the context is too small.
 *
 * Owns: the jobs it was given, in one list, the first `slots` of them running. One step tells the next token of each
 * running job in one push; while any job runs, the next step is posted or a timer is set, else nothing is awake.
 * Thread: loop; there is no decode thread. Fails: per request; crash_after and hang_after end the process on purpose.
 * It must not know: threads, users, the faces. */
#define _POSIX_C_SOURCE 200809L

#include <hearth/engine.h>
#include <hearth/plugin.h>

#include <stdlib.h>
#include <unistd.h>

#include "echo.h"
#include "model_file.h"

enum { MAX_SLOTS = 64, MAX_QUEUE = 64, MAX_ANSWER_BYTES = 8 << 20 };

typedef struct engine engine;

typedef struct echo_job {
    struct echo_job *next;
    engine          *engine;
    hearth_req      *req;
    hearth_value    *document;  /* the directive's JSON; its knobs are views into it */
    hearth_buf       question;  /* what is echoed */
    hearth_buf       text;      /* the answer so far, told up to `sent` */
    hearth_buf       stop_text; /* backs `stops` */
    hearth_str       stops[ECHO_MAX_STOPS];
    size_t           stop_count, sent, at, think_at;
    echo_knobs       knobs;
    uint64_t         due_ms, begun_ms;
    uint32_t         prompt_tokens, made, thought;
    int32_t          limit; /* tokens this answer may have */
    int32_t          n_probs;
    bool             is_full; /* the limit is max_tokens or the context, not the end of the text */
    hearth_finish    finish;  /* INVALID while it runs */
    int              stop_hit;
} echo_job;

struct engine {
    hearth_ctx   *ctx;
    echo_job     *jobs; /* in order of arrival */
    hearth_value *file; /* the model file's knobs, or NULL */
    hearth_value *settings;
    echo_knobs    knobs;
    uint32_t      context, slots;
    hearth_id     timer;
    bool          is_step_posted;
    hearth_req   *opening;
    uint32_t      load_done;
};

enum { LOAD_STEPS = 10 };

/* -- one answer ------------------------------------------------------------------------------------------------- */

static void job_free(engine *e, echo_job *j)
{
    for (echo_job **at = &e->jobs; *at; at = &(*at)->next)
        if (*at == j) {
            *at = j->next;
            break;
        }
    hearth_value_unref(j->document);
    hearth_buf_deinit(&j->question);
    hearth_buf_deinit(&j->text);
    hearth_buf_deinit(&j->stop_text);
    hearth_free(e->ctx, j);
}

/* The text of a message: a string, or the text parts of an array. */
static void put_content(hearth_buf *out, const hearth_value *content)
{
    if (hearth_kind_of(content) != HEARTH_ARRAY) {
        hearth_buf_put(out, hearth_as_str(content));
        return;
    }
    for (size_t i = 0; i < hearth_count(content); i++)
        hearth_buf_put(out, hearth_get_str(hearth_at(content, i), "text"));
}

/* Fills question and prompt_tokens from messages, prompt or tokens. */
static void read_prompt(echo_job *j, const hearth_engine_request *r)
{
    hearth_buf one;
    hearth_buf_init(&one, MAX_ANSWER_BYTES);
    for (size_t i = 0; i < hearth_count(r->messages); i++) {
        const hearth_value *m = hearth_at(r->messages, i);
        hearth_buf_reset(&one);
        put_content(&one, hearth_get(m, "content"));
        j->prompt_tokens += (uint32_t)echo_token_count(hearth_buf_str(&one));
        if (hearth_str_is(hearth_get_str(m, "role"), "user")) {
            hearth_buf_reset(&j->question);
            hearth_buf_put(&j->question, hearth_buf_str(&one));
        }
        j->question.failed |= one.failed;
    }
    hearth_buf_deinit(&one);
    if (r->messages)
        return;
    if (r->tokens) {
        for (size_t i = 0; i < r->token_count; i++)
            hearth_buf_printf(&j->question, "%s%d", i ? " " : "", (int)r->tokens[i]);
        j->prompt_tokens = (uint32_t)r->token_count;
    } else {
        hearth_buf_put(&j->question, r->prompt);
        j->prompt_tokens = (uint32_t)echo_token_count(r->prompt);
    }
}

static hearth_code read_stops(echo_job *j, const hearth_value *stop, hearth_err *err)
{
    size_t n = hearth_count(stop), lengths[ECHO_MAX_STOPS];
    if (n > ECHO_MAX_STOPS)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "engine-echo", "stop holds over %d strings",
                              ECHO_MAX_STOPS);
    for (size_t i = 0; i < n; i++) {
        hearth_str s = hearth_as_str(hearth_at(stop, i));
        if (s.n > ECHO_MAX_STOP_BYTES)
            return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "engine-echo", "a stop string is over %d bytes",
                                  ECHO_MAX_STOP_BYTES);
        lengths[i] = s.n;
        hearth_buf_put(&j->stop_text, s);
    }
    for (size_t i = 0, at = 0; i < n; at += lengths[i++])
        j->stops[i] = (hearth_str){ j->stop_text.p ? j->stop_text.p + at : NULL, lengths[i] };
    j->stop_count = n;
    return j->stop_text.failed ? HEARTH_NO_MEMORY : HEARTH_OK;
}

/* Applies "@echo {...}" at the head of the question, and cuts it off. */
static hearth_code read_directive(engine *e, echo_job *j, hearth_err *err)
{
    hearth_str json, rest;
    if (!echo_directive(hearth_buf_str(&j->question), &json, &rest))
        return HEARTH_OK;
    j->document = hearth_parse(e->ctx, json, err);
    if (!j->document)
        return HEARTH_INVALID_ARGUMENT;
    HEARTH_TRY(echo_knobs_read(&j->knobs, j->document, err));
    hearth_buf_consume(&j->question, j->question.n - rest.n);
    return HEARTH_OK;
}

/* How many tokens the answer gets: what the text or `tokens` says, within max_tokens and the context. */
static void set_limit(const engine *e, echo_job *j, int32_t max_tokens)
{
    int64_t want = j->knobs.tokens >= 0 ? j->knobs.tokens : (int64_t)echo_token_count(hearth_buf_str(&j->question));
    int64_t room = (int64_t)e->context - j->prompt_tokens;
    int64_t may = max_tokens >= 0 && max_tokens < room ? max_tokens : room;
    j->is_full = want > may;
    j->limit = (int32_t)(want > may ? may : want);
}

static hearth_code job_fill(engine *e, echo_job *j, const hearth_engine_request *r, hearth_err *err)
{
    hearth_buf_init(&j->question, MAX_ANSWER_BYTES);
    hearth_buf_init(&j->text, MAX_ANSWER_BYTES);
    hearth_buf_init(&j->stop_text, ECHO_MAX_STOPS * ECHO_MAX_STOP_BYTES);
    j->knobs = e->knobs;
    j->n_probs = r->sampling.n_probs;
    j->stop_hit = -1;
    read_prompt(j, r);
    if (j->question.failed)
        return hearth_err_set(err, HEARTH_TOO_LARGE, "engine-echo", "the prompt is over %d bytes", MAX_ANSWER_BYTES);
    HEARTH_TRY(read_stops(j, r->stop, err));
    HEARTH_TRY(read_directive(e, j, err));
    if (j->knobs.say.p) {
        hearth_buf_reset(&j->question);
        hearth_buf_put(&j->question, j->knobs.say);
    }
    set_limit(e, j, r->max_tokens);
    return j->question.failed ? HEARTH_NO_MEMORY : HEARTH_OK;
}

/* -- the step ----------------------------------------------------------------------------------------------------- */

static void step(void *self);

static void post_step(void *self)
{
    engine *e = self;
    e->is_step_posted = false;
    step(e);
}

static void timer_step(void *self)
{
    engine *e = self;
    e->timer = 0;
    step(e);
}

/* Arranges the next step for when the first running job is due; nothing when no job runs. */
static void wake(engine *e)
{
    uint64_t now = hearth_now_ms(e->ctx), due = UINT64_MAX;
    uint32_t i = 0;
    for (const echo_job *j = e->jobs; j && i < e->slots; j = j->next, i++)
        due = j->due_ms < due ? j->due_ms : due;
    if (e->timer)
        hearth_timer_stop(e->ctx, e->timer);
    e->timer = 0;
    if (due == UINT64_MAX || e->is_step_posted)
        return;
    if (due > now) {
        e->timer = hearth_timer(e->ctx, (uint32_t)(due - now), 0, timer_step, e);
    } else {
        e->is_step_posted = true;
        hearth_post(e->ctx, post_step, e);
    }
}

static void push_logprob(const echo_job *j, hearth_str token)
{
    hearth_ctx   *ctx = hearth_ctx_of(j->req);
    hearth_value *v = hearth_object(ctx), *bytes = hearth_array(ctx), *top = hearth_array(ctx);
    hearth_value *same = hearth_object(ctx);
    for (size_t i = 0; i < token.n; i++)
        hearth_add_i64(bytes, (unsigned char)token.p[i]);
    hearth_put_str(same, "token", token);
    hearth_put_f64(same, "logprob", -0.25);
    hearth_put_ref(same, "bytes", bytes);
    hearth_add(top, same);
    hearth_put_str(v, "token", token);
    hearth_put_f64(v, "logprob", -0.25);
    hearth_put(v, "bytes", bytes);
    hearth_put(v, "top_logprobs", top);
    hearth_push_data(j->req, HEARTH_LOGPROB, v);
    hearth_value_unref(v);
}

static void push_tool_call(const echo_job *j)
{
    hearth_value *v = hearth_object(hearth_ctx_of(j->req));
    hearth_put_i64(v, "index", 0);
    hearth_put_cstr(v, "id", "call_echo");
    hearth_put_str(v, "name", hearth_get_str(j->knobs.tool_call, "name"));
    hearth_put_str(v, "arguments", hearth_get_str(j->knobs.tool_call, "arguments"));
    hearth_push_data(j->req, HEARTH_TOOL_CALL, v);
    hearth_value_unref(v);
}

/* The next word of the answer; the text starts again when more tokens are wanted than it has. */
static hearth_str next_word(echo_job *j)
{
    hearth_str text = hearth_buf_str(&j->question);
    if (text.n == 0)
        return HEARTH_STR(" echo");
    if (j->at >= text.n) {
        j->at = 0;
        hearth_buf_putc(&j->text, ' ');
    }
    return echo_token_next(text, &j->at);
}

/* Makes one token and fills `item` with what may be told; false when there is nothing to tell yet. */
static bool make_token(echo_job *j, hearth_push_item *item)
{
    item->req = j->req;
    if (j->think_at < j->knobs.think.n) {
        hearth_str word = echo_token_next(j->knobs.think, &j->think_at);
        j->thought++;
        item->event = (hearth_event){ .kind = HEARTH_REASONING, .text = word };
        return true;
    }
    if (j->knobs.tool_call) {
        push_tool_call(j);
        j->made++;
        j->finish = HEARTH_FINISH_TOOL_CALLS;
        return false;
    }
    if (j->made < (uint32_t)j->limit) {
        hearth_str word = next_word(j);
        hearth_buf_put(&j->text, word);
        j->made++;
        if (j->n_probs > 0)
            push_logprob(j, word);
    }
    hearth_str text = hearth_buf_str(&j->text);
    size_t     may = echo_stop_scan(text, j->sent, j->stops, j->stop_count, &j->stop_hit);
    if (j->stop_hit >= 0)
        j->finish = HEARTH_FINISH_STOP;
    else if (j->made >= (uint32_t)j->limit || j->text.failed) {
        j->finish = j->is_full || j->text.failed ? HEARTH_FINISH_LENGTH : HEARTH_FINISH_STOP;
        may = text.n;
    }
    hearth_str piece = { text.p ? text.p + j->sent : NULL, may - j->sent };
    j->sent = may;
    item->event = (hearth_event){ .kind = HEARTH_TEXT, .text = piece };
    return piece.n > 0;
}

static hearth_value *tool_calls_of(const echo_job *j)
{
    hearth_ctx   *ctx = hearth_ctx_of(j->req);
    hearth_value *calls = hearth_array(ctx), *call = hearth_object(ctx), *function = hearth_object(ctx);
    hearth_put_str(function, "name", hearth_get_str(j->knobs.tool_call, "name"));
    hearth_put_str(function, "arguments", hearth_get_str(j->knobs.tool_call, "arguments"));
    hearth_put_cstr(call, "id", "call_echo");
    hearth_put_cstr(call, "type", "function");
    hearth_put(call, "function", function);
    hearth_add(calls, call);
    return calls;
}

static void finish(engine *e, echo_job *j)
{
    hearth_value        *calls = j->finish == HEARTH_FINISH_TOOL_CALLS ? tool_calls_of(j) : NULL;
    hearth_engine_result r = { .size = sizeof r,
                               .finish = j->finish,
                               .text = { j->text.p, j->sent },
                               .reasoning = { j->knobs.think.p, j->think_at },
                               .tool_calls = calls,
                               .prompt_tokens = j->prompt_tokens,
                               .completion_tokens = j->made + j->thought,
                               .predicted_ms = (double)(hearth_now_ms(e->ctx) - j->begun_ms) };
    if (j->stop_hit >= 0)
        r.stop_string = j->stops[j->stop_hit];
    hearth_engine_finish(j->req, &r);
    hearth_value_unref(calls);
    job_free(e, j);
}

/* What crash_after and hang_after are for: the daemon must survive both. */
static void misbehave(const echo_job *j)
{
    if (j->knobs.crash_after >= 0 && j->made >= (uint32_t)j->knobs.crash_after)
        abort();
    if (j->knobs.hang_after >= 0 && j->made >= (uint32_t)j->knobs.hang_after)
        for (;;)
            pause();
}

static void step(void *self)
{
    engine          *e = self;
    hearth_push_item items[MAX_SLOTS];
    size_t           n = 0;
    uint32_t         i = 0;
    uint64_t         now = hearth_now_ms(e->ctx);

    for (echo_job *j = e->jobs; j && i < e->slots; j = j->next, i++) {
        if (j->due_ms > now || j->finish != HEARTH_FINISH_INVALID)
            continue;
        misbehave(j);
        if (make_token(j, &items[n]))
            n++;
        j->due_ms = now + (uint32_t)j->knobs.delay_ms;
    }
    if (n > 0)
        hearth_push_many(e->ctx, items, n);
    for (echo_job *j = e->jobs, *next; j; j = next) {
        next = j->next;
        if (j->finish != HEARTH_FINISH_INVALID)
            finish(e, j);
    }
    wake(e);
}

/* Marks only: the step answers it, so that no push of a step meets a job that is gone. */
static void on_cancel(void *arg)
{
    echo_job *j = arg;
    engine   *e = j->engine;
    j->finish = HEARTH_FINISH_CANCELLED;
    if (!e->is_step_posted) {
        e->is_step_posted = true;
        hearth_post(e->ctx, post_step, e);
    }
}

static hearth_code code_by_name(hearth_str name)
{
    for (int code = -1; code > -64; code--)
        if (hearth_str_is(name, hearth_code_name((hearth_code)code)))
            return (hearth_code)code;
    return HEARTH_INTERNAL;
}

static void submit(void *self, hearth_req *req, const hearth_engine_request *r)
{
    engine    *e = self;
    hearth_err err = { 0 };
    uint32_t   waiting = 0;
    echo_job **tail = &e->jobs;
    for (; *tail; tail = &(*tail)->next)
        waiting++;
    if (waiting >= e->slots + MAX_QUEUE) {
        hearth_fail(req, HEARTH_BUSY, "%u requests wait already; try again in a moment", (unsigned)waiting);
        return;
    }
    echo_job *j = hearth_new(e->ctx, echo_job);
    if (!j) {
        hearth_fail(req, HEARTH_NO_MEMORY, "no memory for another request");
        return;
    }
    j->req = req;
    j->engine = e;
    hearth_code code = job_fill(e, j, r, &err);
    if (code >= 0 && j->prompt_tokens >= e->context) {
        hearth_value *details = hearth_object(e->ctx);
        hearth_put_u64(details, "n_prompt_tokens", j->prompt_tokens);
        hearth_put_u64(details, "n_ctx", e->context);
        char text[160];
        snprintf(text, sizeof text,
                 "the prompt has %u tokens, the context holds %u; shorten it or load with a larger context",
                 (unsigned)j->prompt_tokens, (unsigned)e->context);
        hearth_fail_detailed(req, HEARTH_CONTEXT_OVERFLOW, hearth_cstr(text), details);
        job_free(e, j);
        return;
    }
    if (code < 0 || j->knobs.fail.n > 0) {
        if (code >= 0)
            hearth_err_set(&err, code = code_by_name(j->knobs.fail), "engine-echo", "the test asked for this failure");
        hearth_fail_with(req, code, &err);
        job_free(e, j);
        return;
    }
    *tail = j;
    j->begun_ms = hearth_now_ms(e->ctx);
    j->due_ms = j->begun_ms + (uint32_t)j->knobs.delay_ms;
    hearth_on_cancel(req, on_cancel, j);
    wake(e);
}

/* -- opening -------------------------------------------------------------------------------------------------------- */

static void answer_open(engine *e)
{
    hearth_req   *req = e->opening;
    hearth_value *v = hearth_object(e->ctx);
    e->opening = NULL;
    hearth_put_u64(v, "context", e->context);
    hearth_put_u64(v, "slots", e->slots);
    hearth_put_u64(v, "memory_bytes", 1 << 20);
    hearth_put_cstr(v, "architecture", "echo");
    hearth_put_u64(v, "parameters", 0);
    hearth_put_u64(v, "vocabulary", 0);
    hearth_put_bool(v, "has_chat_template", true);
    hearth_reply(req, v);
}

static void load_step(void *self)
{
    engine *e = self;
    e->timer = 0;
    if (e->load_done < LOAD_STEPS) {
        hearth_push_progress(e->opening, ++e->load_done, LOAD_STEPS, HEARTH_STR("reading the echo"));
        uint32_t ms = (uint32_t)hearth_get_u64(e->settings, "load_ms", hearth_get_u64(e->file, "load_ms", 0));
        e->timer =
            hearth_timer(e->ctx, (ms < ECHO_MAX_DELAY_MS ? ms : ECHO_MAX_DELAY_MS) / LOAD_STEPS, 0, load_step, e);
        return;
    }
    answer_open(e);
}

static hearth_code apply_settings(engine *e, const hearth_value *from, hearth_err *err)
{
    e->context = (uint32_t)hearth_get_i64(from, "context", e->context);
    e->slots = (uint32_t)hearth_get_i64(from, "slots", e->slots);
    if (e->context < 1 || e->slots < 1 || e->slots > MAX_SLOTS)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "engine-echo.open",
                              "context must be 1 or more, slots 1 to %d", MAX_SLOTS);
    return echo_knobs_read(&e->knobs, from, err);
}

static void opened(void *arg, void *self)
{
    engine     *e = self;
    model_file *file = arg;
    hearth_code code = file->code;
    if (code >= 0 && file->text.n > 0) {
        e->file = hearth_parse(e->ctx, hearth_buf_str(&file->text), &file->err);
        code = e->file ? HEARTH_OK : HEARTH_DAMAGED;
    }
    if (code >= 0)
        code = apply_settings(e, e->file, &file->err);
    if (code >= 0)
        code = apply_settings(e, e->settings, &file->err);
    hearth_str fail = hearth_get_str(e->settings, "load_fail");
    fail = fail.n ? fail : hearth_get_str(e->file, "load_fail");
    if (code >= 0 && fail.n > 0)
        code = hearth_err_set(&file->err, code_by_name(fail), "engine-echo.open", "the test asked for this failure");
    if (code < 0) {
        hearth_fail_with(e->opening, code, &file->err);
        e->opening = NULL;
    } else {
        load_step(e);
    }
    model_file_free(e->ctx, file);
}

static void open_model(void *self, hearth_req *req, const hearth_engine_open *o)
{
    engine     *e = self;
    model_file *file = o->file_count > 0 && !e->opening && !e->settings ? model_file_new(e->ctx, o->files[0]) : NULL;
    if (!file) {
        hearth_fail(req, HEARTH_INVALID_REQUEST, "engine-echo opens one model file, once");
        return;
    }
    e->opening = req;
    e->settings = o->settings ? hearth_value_ref(o->settings) : hearth_object(e->ctx);
    hearth_work(e->ctx, model_file_read, opened, file, e);
}

/* -- the rest of an engine --------------------------------------------------------------------------------------------- */

static int32_t token_id(hearth_str word) { return (int32_t)(hearth_hash(word.p, word.n) & 0x7fffffff); }

static void tokenize(void *self, hearth_req *req, hearth_str text, bool add_special, bool parse_special)
{
    engine       *e = self;
    hearth_value *v = hearth_object(e->ctx), *tokens = hearth_array(e->ctx);
    (void)add_special, (void)parse_special; /* words have no specials */
    for (size_t at = 0; at < text.n;)
        hearth_add_i64(tokens, token_id(echo_token_next(text, &at)));
    hearth_put(v, "tokens", tokens);
    hearth_reply(req, v);
}

static void apply_template(void *self, hearth_req *req, const hearth_engine_request *r)
{
    engine    *e = self;
    hearth_buf out;
    hearth_buf_init(&out, MAX_ANSWER_BYTES);
    for (size_t i = 0; i < hearth_count(r->messages); i++) {
        const hearth_value *m = hearth_at(r->messages, i);
        hearth_buf_put(&out, hearth_get_str(m, "role"));
        hearth_buf_puts(&out, ": ");
        put_content(&out, hearth_get(m, "content"));
        hearth_buf_putc(&out, '\n');
    }
    if (out.failed) {
        hearth_fail(req, HEARTH_TOO_LARGE, "the prompt is over %d bytes", MAX_ANSWER_BYTES);
    } else {
        hearth_value *v = hearth_object(e->ctx);
        hearth_put_str(v, "prompt", hearth_buf_str(&out));
        hearth_reply(req, v);
    }
    hearth_buf_deinit(&out);
}

/* Eight numbers per text, each from how many of its words have a hash with that remainder. */
static void embed(void *self, hearth_req *req, const hearth_value *inputs)
{
    engine       *e = self;
    hearth_value *v = hearth_object(e->ctx), *rows = hearth_array(e->ctx);
    uint64_t      words = 0;
    for (size_t i = 0; i < hearth_count(inputs); i++) {
        hearth_str    text = hearth_as_str(hearth_at(inputs, i));
        double        sums[8] = { 0 };
        hearth_value *row = hearth_array(e->ctx);
        for (size_t at = 0; at < text.n; words++)
            sums[token_id(echo_token_next(text, &at)) % 8] += 1.0;
        for (size_t k = 0; k < HEARTH_COUNT(sums); k++)
            hearth_add_f64(row, sums[k]);
        hearth_add(rows, row);
    }
    hearth_put(v, "embeddings", rows);
    hearth_put_u64(v, "prompt_tokens", words);
    hearth_reply(req, v);
}

static void stats(void *self, hearth_req *req)
{
    engine         *e = self;
    hearth_value   *v = hearth_object(e->ctx), *slots = hearth_array(e->ctx);
    const echo_job *j = e->jobs;
    for (uint32_t i = 0; i < e->slots; i++, j = j ? j->next : NULL) {
        hearth_value *slot = hearth_object(e->ctx);
        hearth_put_u64(slot, "id", i);
        hearth_put_bool(slot, "is_busy", j != NULL);
        hearth_add(slots, slot);
    }
    uint64_t waiting = 0;
    for (; j; j = j->next)
        waiting++;
    hearth_put(v, "slots", slots);
    hearth_put_u64(v, "waiting", waiting);
    hearth_put_u64(v, "memory_bytes", 1 << 20);
    hearth_reply(req, v);
}

static hearth_code load(hearth_ctx *ctx, void **self, hearth_err *err)
{
    engine *e = hearth_new(ctx, engine);
    if (!e)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "engine-echo.load", "no memory for the engine");
    e->ctx = ctx;
    e->context = 4096;
    e->slots = 4;
    echo_knobs_init(&e->knobs);
    *self = e;
    return HEARTH_OK;
}

static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
{
    static const hearth_engine_ops ops = {
        .size = sizeof ops,
        .open = open_model,
        .submit = submit,
        .tokenize = tokenize,
        .apply_template = apply_template,
        .embed = embed,
        .stats = stats,
    };
    return hearth_engine_serve(ctx, &ops, self, err);
}

static void dispose(void *self)
{
    engine *e = self;
    while (e->jobs)
        job_free(e, e->jobs);
    hearth_value_unref(e->file);
    hearth_value_unref(e->settings);
    hearth_free(e->ctx, e);
}

HEARTH_PLUGIN(load, implement, dispose)
