/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* How an answer ends, whatever happens on the way:
 *
 * - Each choice is one call of inference; `open` counts those that have not ended. The request is answered when it is
 *   0, so no call ever meets a request that is gone.
 * - The first failure decides: the other calls are cancelled, and the client gets an HTTP error, or, when the stream has
 *   begun, an error event and the end.
 * - A client that leaves cancels the request; inference cancels the engine, and the slots are free.
 * - A client that reads too slowly (over 1 MiB waits for it) is given up in the same way: a stream with a hole in it
 *   would be worse than one that ends.
 *
 * The stream begins with the first event worth telling, so that everything that fails before is a plain HTTP error. */
#include "completion.h"

enum { BODY_ON_LOOP = 64 << 10, OUT_CAP = 64 << 20, PING_MS = 15000, LOGPROBS_CAP = 16 << 20, MAX_TOOL_CALLS = 128 };

typedef struct choice {
    completion   *of;
    uint32_t      index;
    hearth_id     call; /* 0: ended */
    hearth_value *result;
    hearth_buf    logprobs; /* that came and were not told yet (stream), or all of them */
    uint32_t      reasoned; /* events of reasoning: about as many tokens */
    bool          has_role;
} choice;

struct completion {
    completion    *next, **at; /* in the list of all */
    hearth_ctx    *ctx;
    hearth_req    *req;
    hearth_str     body;
    hearth_value  *document; /* the body, parsed */
    openai_kind    kind;
    openai_request request;
    openai_problem problem;
    openai_writer  writer;
    hearth_buf     out;
    hearth_id      ping;
    uint64_t       told_ms;
    uint32_t       count, open;
    hearth_code    code; /* the first failure */
    hearth_err     err;
    hearth_value  *details;
    char           param[96];
    bool           has_begun, is_gone;
    choice         choices[OPENAI_MAX_CHOICES];
};

/* -- replies ------------------------------------------------------------------------------------------------------------- */

void openai_reply(hearth_req *req, int status, hearth_buf *body)
{
    hearth_header headers[3] = { { HEARTH_STR("content-type"), HEARTH_STR("application/json") },
                                 { HEARTH_STR("cache-control"), HEARTH_STR("no-store") } };
    size_t        n = 2;
    if (body->failed) {
        hearth_fail(req, HEARTH_NO_MEMORY, "no memory for the answer");
        return;
    }
    if (status == 429 || status == 503)
        headers[n++] = (hearth_header){ HEARTH_STR("retry-after"), HEARTH_STR("1") };
    hearth_http_reply(req, status, headers, n, hearth_buf_str(body));
}

void openai_fail(hearth_req *req, hearth_code code, hearth_str message, hearth_str param, const hearth_value *details)
{
    hearth_buf out;
    hearth_buf_init(&out, 64 << 10);
    openai_put_error(&out, code, message, param, details);
    openai_reply(req, openai_status(code), &out);
    hearth_buf_deinit(&out);
}

static void completion_free(completion *a)
{
    *a->at = a->next;
    if (a->next)
        a->next->at = a->at;
    if (a->ping)
        hearth_timer_stop(a->ctx, a->ping);
    for (uint32_t i = 0; i < a->count; i++) {
        hearth_value_unref(a->choices[i].result);
        hearth_buf_deinit(&a->choices[i].logprobs);
    }
    openai_request_deinit(&a->request);
    openai_writer_deinit(&a->writer);
    hearth_buf_deinit(&a->out);
    hearth_value_unref(a->document);
    hearth_value_unref(a->details);
    hearth_free(a->ctx, a);
}

void completion_free_all(completion **list)
{
    while (*list)
        completion_free(*list);
}

/* -- the stream ------------------------------------------------------------------------------------------------------------ */

static void give_up(completion *a)
{
    a->is_gone = true;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->choices[i].call)
            hearth_cancel(a->ctx, a->choices[i].call);
}

/* Sends what lies in `out`. */
static void flush(completion *a)
{
    if (!a->is_gone && a->out.n > 0 && (a->out.failed || hearth_http_write(a->req, hearth_buf_str(&a->out)) < 0))
        give_up(a);
    hearth_buf_reset(&a->out);
    a->told_ms = hearth_now_ms(a->ctx);
}

/* A comment keeps proxies and clients from giving up on a slow model. */
static void on_ping(void *arg)
{
    completion *a = arg;
    if (hearth_now_ms(a->ctx) - a->told_ms < PING_MS / 2)
        return;
    hearth_buf_puts(&a->out, ": ping\n\n");
    flush(a);
}

static void begin_stream(completion *a)
{
    static const char   type[] = "text/event-stream; charset=utf-8";
    const hearth_header headers[] = { { HEARTH_STR("content-type"), HEARTH_STR(type) },
                                      { HEARTH_STR("cache-control"), HEARTH_STR("no-cache") },
                                      { HEARTH_STR("x-accel-buffering"), HEARTH_STR("no") } };
    if (a->has_begun)
        return;
    a->has_begun = true;
    hearth_http_start(a->req, 200, headers, HEARTH_COUNT(headers));
    a->ping = hearth_timer(a->ctx, PING_MS, PING_MS, on_ping, a);
}

static void begin_choice(completion *a, choice *c)
{
    begin_stream(a);
    if (c->has_role)
        return;
    c->has_role = true;
    if (a->kind == OPENAI_CHAT)
        openai_put_role(&a->out, &a->writer, c->index);
}

static void on_logprob(completion *a, choice *c, const hearth_value *data)
{
    if (a->request.wants_logprobs)
        openai_put_logprob(&c->logprobs, data, a->request.top_logprobs);
}

static void on_event(void *arg, const hearth_event *e)
{
    choice     *c = arg;
    completion *a = c->of;
    c->reasoned += e->kind == HEARTH_REASONING;
    if (e->kind == HEARTH_LOGPROB)
        on_logprob(a, c, e->data);
    if (!a->request.is_stream || a->is_gone)
        return;
    switch (e->kind) {
    case HEARTH_TEXT:
        begin_choice(a, c);
        openai_put_text(&a->out, &a->writer, c->index, e->text, hearth_buf_str(&c->logprobs));
        hearth_buf_reset(&c->logprobs);
        break;
    case HEARTH_REASONING:
        if (a->kind != OPENAI_CHAT)
            return;
        begin_choice(a, c);
        openai_put_reasoning(&a->out, &a->writer, c->index, e->text);
        break;
    case HEARTH_TOOL_CALL:
        begin_choice(a, c);
        openai_put_tool_call(&a->out, &a->writer, c->index, e->data);
        break;
    default:
        return;
    }
    flush(a);
}

/* -- ends -------------------------------------------------------------------------------------------------------------------- */

static openai_usage usage_of(const completion *a)
{
    openai_usage u = { 0 };
    for (uint32_t i = 0; i < a->count; i++) {
        const hearth_value *from = hearth_get(a->choices[i].result, "usage");
        uint64_t prompt = hearth_get_u64(from, "prompt_tokens", 0), done = hearth_get_u64(from, "completion_tokens", 0);
        if (i % a->request.n == 0) { /* OpenAI counts a prompt once, however many choices it has */
            u.prompt += prompt;
            u.cached += hearth_get_u64(from, "cached_tokens", 0);
        }
        u.completion += done;
        u.reasoning += a->choices[i].reasoned < done ? a->choices[i].reasoned : done;
    }
    return u;
}

static void end_stream(completion *a)
{
    if (a->code < 0 && !a->is_gone) {
        hearth_buf_puts(&a->out, "data: ");
        openai_put_error(&a->out, a->code, hearth_cstr(a->err.msg), hearth_cstr(a->param), a->details);
        hearth_buf_puts(&a->out, "\n\n");
    } else if (!a->is_gone) {
        openai_usage u = usage_of(a);
        if (a->request.wants_usage)
            openai_put_usage_chunk(&a->out, &a->writer, &u);
        openai_put_done(&a->out);
    }
    flush(a);
    hearth_http_end(a->req);
}

static hearth_str echo_of(const completion *a, uint32_t index)
{
    const hearth_value *p = a->request.prompts;
    if (!a->request.wants_echo)
        return (hearth_str){ NULL, 0 };
    if (hearth_kind_of(p) == HEARTH_STRING)
        return hearth_as_str(p);
    return hearth_as_str(hearth_at(p, index / a->request.n)); /* token ids have no text to echo */
}

static void send_whole(completion *a)
{
    openai_choice choices[OPENAI_MAX_CHOICES];
    openai_usage  u = usage_of(a);
    for (uint32_t i = 0; i < a->count; i++)
        choices[i] = (openai_choice){ a->choices[i].result, hearth_buf_str(&a->choices[i].logprobs), echo_of(a, i) };
    openai_put_answer(&a->out, &a->writer, choices, a->count, a->request.wants_logprobs, &u);
    openai_reply(a->req, 200, &a->out);
}

/* All choices have ended. */
static void finish(completion *a)
{
    if (a->has_begun)
        end_stream(a);
    else if (a->code < 0)
        openai_fail(a->req, a->code, hearth_cstr(a->err.msg), hearth_cstr(a->param), a->details);
    else if (a->request.is_stream) { /* nothing was said at all: still a stream */
        begin_stream(a);
        end_stream(a);
    } else {
        send_whole(a);
    }
    completion_free(a);
}

static void note_failure(completion *a, const hearth_reply_view *reply)
{
    if (a->code < 0)
        return;
    a->code = reply->code;
    a->err = *reply->err;
    a->details = reply->value ? hearth_value_ref(reply->value) : NULL;
    hearth_str_copy(a->param, sizeof a->param, hearth_get_str(reply->value, "param"));
    if (reply->code == HEARTH_NOT_FOUND)
        snprintf(a->param, sizeof a->param, "model");
    for (uint32_t i = 0; i < a->count; i++)
        if (a->choices[i].call)
            hearth_cancel(a->ctx, a->choices[i].call);
}

static void end_choice(completion *a, choice *c)
{
    const hearth_value *timings = a->count == 1 ? hearth_get(c->result, "timings") : NULL;
    char                reason[32];
    hearth_str_copy(reason, sizeof reason, hearth_get_str(c->result, "finish_reason"));
    begin_choice(a, c);
    openai_put_finish(&a->out, &a->writer, c->index, reason, hearth_buf_str(&c->logprobs), timings);
    if (a->open > 0) /* else with what ends the stream */
        flush(a);
}

static void on_done(void *arg, const hearth_reply_view *reply)
{
    choice     *c = arg;
    completion *a = c->of;
    c->call = 0;
    a->open--;
    if (reply->code < 0)
        note_failure(a, reply);
    else
        c->result = hearth_value_ref(reply->value);
    if (reply->code >= 0 && a->request.is_stream && !a->is_gone && a->code >= 0)
        end_choice(a, c);
    if (a->open == 0)
        finish(a);
}

/* -- the beginning -------------------------------------------------------------------------------------------------------------- */

static void on_gone(void *arg) { give_up(arg); }

static hearth_code init_writer(completion *a)
{
    uint8_t random[10];
    char    id[27];
    hearth_random(a->ctx, random, sizeof random);
    hearth_ulid_make(id, hearth_wall_ms(a->ctx), random);
    return openai_writer_init(&a->writer, a->kind, id, hearth_wall_ms(a->ctx) / 1000, a->request.model,
                              hearth_info_get(a->ctx).version, a->request.is_stream && a->request.wants_usage);
}

static void ask(completion *a)
{
    const char         *method = a->kind == OPENAI_CHAT ? "inference.chat" : "inference.complete";
    hearth_call_options options = { .size = sizeof options, .on_event = on_event };
    a->count = a->request.n * (a->kind == OPENAI_COMPLETION ? (uint32_t)a->request.prompt_count : 1);
    a->open = a->count;
    for (uint32_t i = 0; i < a->count; i++) {
        choice *c = &a->choices[i];
        c->of = a;
        c->index = i;
        hearth_buf_init(&c->logprobs, LOGPROBS_CAP);
    }
    for (uint32_t i = 0; i < a->count; i++)
        a->choices[i].call = hearth_call(a->req, method, openai_request_choice(a->ctx, &a->request, i), &options,
                                         on_done, &a->choices[i]);
}

static void read_body(void *arg) /* loop, or a worker when it is large */
{
    completion *a = arg;
    a->document = hearth_parse(a->ctx, a->body, &a->problem.err);
    if (!a->document) {
        a->code = a->problem.err.code < 0 ? a->problem.err.code : HEARTH_PARSE;
        a->err = a->problem.err;
        return;
    }
    a->code = openai_request_read(a->ctx, a->kind, a->document, &a->request, &a->problem);
    a->err = a->problem.err;
    memcpy(a->param, a->problem.param, sizeof a->param);
}

static void on_body(void *arg, void *self)
{
    completion *a = arg;
    (void)self;
    if (a->is_gone && a->code >= 0) { /* the client left while its body was read */
        hearth_fail(a->req, HEARTH_CANCELLED, "the client is gone");
        completion_free(a);
    } else if (a->code < 0 || init_writer(a) < 0) {
        a->code = a->code < 0 ? a->code : HEARTH_NO_MEMORY;
        finish(a);
    } else {
        ask(a);
    }
}

void completion_begin(hearth_ctx *ctx, hearth_req *req, openai_kind kind, completion **list)
{
    completion *a = hearth_new(ctx, completion);
    if (!a) {
        hearth_fail(req, HEARTH_NO_MEMORY, "no memory for another request");
        return;
    }
    a->next = *list;
    a->at = list;
    if (a->next)
        a->next->at = &a->next;
    *list = a;
    a->ctx = ctx;
    a->req = req;
    a->kind = kind;
    a->body = hearth_http_of(req)->body;
    hearth_buf_init(&a->out, OUT_CAP);
    hearth_on_cancel(req, on_gone, a);
    if (a->body.n > BODY_ON_LOOP) {
        hearth_work(ctx, read_body, on_body, a, NULL);
        return;
    }
    read_body(a);
    on_body(a, NULL);
}
