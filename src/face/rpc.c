/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "face/rpc.h"

#include <stdlib.h>
#include <string.h>

#include "face/rpc_impl.h"
#include "face/rpc_text.h"
#include "kit/limits.h"

enum { DRAIN_MS = 10, FRAMING = 64 };

/* A call of the peer, from its request to its answer. */
typedef struct rpc_call {
    list         node;
    rpc_session *s;
    hearth_id    kernel_id;
    bool         is_silent;   /* a notification: nobody hears of it */
    bool         is_starting; /* inside kernel_call: events may come, kernel_id is not known yet */
    hearth_buf   held;        /* whole messages, each with a newline behind it; the last may be open */
    uint32_t     open_kind;   /* HEARTH_TEXT or HEARTH_REASONING while the last one is */
    uint64_t     open_seq;
    char        *answer; /* waits behind `held`; set when the call is over */
    size_t       answer_n;
    hearth_code  answer_code;
    size_t       id_n;
    char         id[]; /* JSON text */
} rpc_call;

/* A message that a worker parses. */
typedef struct parsing {
    list          node;
    rpc_parsed_fn done;
    void         *arg;
    hearth_value *value;
    hearth_err    err;
    size_t        n;
    char          text[];
} parsing;

static void free_parsing(parsing *p)
{
    list_remove(&p->node);
    hearth_value_unref(p->value);
    free(p);
}

/* -- sessions ------------------------------------------------------------------------------------------------- */

rpc *rpc_new(kernel *k, hearth_ctx *face)
{
    rpc *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->k = k;
    r->face = face;
    r->queue = loop_queue_new(kernel_loop(k));
    hearth_buf_init(&r->out, LIMIT_JSON_WRITE_BYTES);
    slots_init(&r->sessions);
    list_init(&r->parsing);
    if (r->queue)
        return r;
    free(r);
    return NULL;
}

/* The queue is idle; what it parsed without telling us is left. */
static void after_parsing(void *arg)
{
    rpc    *r = arg;
    loop_fn idle = r->idle;
    void   *idle_arg = r->idle_arg;
    LIST_EACH_SAFE (&r->parsing, node, next)
        free_parsing(LIST_ENTRY(node, parsing, node));
    hearth_buf_deinit(&r->out);
    slots_deinit(&r->sessions);
    free(r);
    if (idle)
        idle(idle_arg);
}

void rpc_free(rpc *r, loop_fn idle, void *arg)
{
    r->idle = idle;
    r->idle_arg = arg;
    loop_queue_free(r->queue, after_parsing, r);
}

void rpc_on_change(rpc *r, loop_fn fn, void *arg)
{
    r->on_change = fn;
    r->on_change_arg = arg;
}

size_t rpc_session_count(const rpc *r) { return r->sessions.live; }

rpc_session *rpc_open(rpc *r, principal *who, const rpc_sink *sink, void *arg)
{
    rpc_session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->id = slots_add(&r->sessions, s);
    if (!s->id) {
        free(s);
        return NULL;
    }
    s->r = r;
    s->who = principal_ref(who);
    s->sink = *sink;
    s->arg = arg;
    list_init(&s->calls);
    list_init(&s->offered);
    list_init(&s->served);
    return s;
}

static void free_call(rpc_call *c)
{
    c->s->held -= c->held.n + c->answer_n;
    c->s->call_count--;
    list_remove(&c->node);
    hearth_buf_deinit(&c->held);
    free(c->answer);
    free(c);
}

/* Lets go of a call that has not ended: the kernel forgets us. */
static void abandon(rpc_call *c)
{
    if (c->kernel_id)
        kernel_abandon(c->s->r->k, c->kernel_id);
    c->kernel_id = 0;
}

static void free_session(void *arg) { free(arg); }

void rpc_gone(rpc_session *s)
{
    if (s->is_gone)
        return;
    s->is_gone = true;
    slots_remove(&s->r->sessions, s->id);
    loop_timer_stop(s->drain);
    s->drain = NULL;
    while (!list_is_empty(&s->calls)) {
        rpc_call *c = LIST_ENTRY(s->calls.next, rpc_call, node);
        list_remove(&c->node);
        abandon(c);
        if (!c->is_starting) /* else start_call frees it */
            free_call(c);
    }
    rpc_serve_end(s);
    principal_unref(s->who);
    s->who = NULL;
    /* The carrier may have ended inside of a send of ours, with callers on the stack that still look at is_gone. */
    loop_soon(kernel_loop(s->r->k), free_session, s);
}

/* -- sending ---------------------------------------------------------------------------------------------------- */

hearth_buf *rpc_begin(rpc_session *s)
{
    hearth_buf_reset(&s->r->out);
    return &s->r->out;
}

void rpc_send(rpc_session *s, rpc_kind kind, hearth_code code)
{
    if (s->is_gone)
        return;
    if (s->r->out.failed)
        s->sink.drop(s->arg, "out of memory");
    else
        s->sink.send(s->arg, kind, code, hearth_buf_str(&s->r->out));
}

static hearth_str id_of(const rpc_call *c) { return (hearth_str){ c->id, c->id_n }; }

/* Whether a message has to wait until the carrier has sent more of what it holds. Every carrier takes any single message, so
 * a large one waits for an empty queue. */
static bool must_wait(const rpc_session *s, size_t n)
{
    size_t queued = s->sink.queued(s->arg);
    return queued > 0 && queued + n + FRAMING > RPC_SLOW_BYTES;
}

static void close_text(rpc_call *c)
{
    size_t before = c->held.n;
    if (!c->open_kind)
        return;
    rpc_text_close(&c->held, c->open_seq);
    hearth_buf_putc(&c->held, '\n');
    c->open_kind = 0;
    c->s->held += c->held.n - before;
}

/* Sends what a call holds, as far as the carrier takes it. True when nothing is left. */
static bool flush_call(rpc_call *c)
{
    rpc_session *s = c->s;
    size_t       sent = 0;
    close_text(c);
    if (c->held.failed) {
        s->sink.drop(s->arg, "out of memory");
        return false;
    }
    while (sent < c->held.n) {
        const char *line = c->held.p + sent;
        size_t      n = (size_t)((const char *)memchr(line, '\n', c->held.n - sent) - line);
        if (must_wait(s, n))
            break;
        sent += n + 1;
        s->sink.send(s->arg, RPC_EVENT, HEARTH_OK, (hearth_str){ line, n });
        if (s->is_gone)
            return false; /* and the call is gone with it */
    }
    hearth_buf_consume(&c->held, sent);
    s->held -= sent;
    if (c->held.n || !c->answer)
        return c->held.n == 0;
    if (must_wait(s, c->answer_n))
        return false;
    hearth_str  answer = { c->answer, c->answer_n };
    hearth_code code = c->answer_code;
    c->answer = NULL;
    s->held -= c->answer_n;
    c->answer_n = 0;
    free_call(c);
    s->sink.send(s->arg, code < 0 ? RPC_ERROR : RPC_RESULT, code, answer);
    free((char *)(uintptr_t)answer.p);
    return !s->is_gone;
}

static void on_drain(void *arg)
{
    rpc_session *s = arg;
    LIST_EACH_SAFE (&s->calls, node, next) {
        rpc_call *c = LIST_ENTRY(node, rpc_call, node);
        if ((c->held.n || c->answer) && !flush_call(c))
            break; /* slow again, or gone */
    }
    if (s->is_gone || s->held > 0)
        return;
    loop_timer_stop(s->drain);
    s->drain = NULL;
}

/* A slow reader has no event that tells of its speed on every carrier; while one is behind, look now and then. */
static void watch_drain(rpc_session *s)
{
    if (!s->drain)
        s->drain = loop_timer_start(kernel_loop(s->r->k), DRAIN_MS, DRAIN_MS, on_drain, s);
    if (s->held > RPC_SESSION_BYTES)
        s->sink.drop(s->arg, "the connection reads too slowly");
}

/* Answers a call, behind the events that it still holds. Frees the call, now or when they are sent. */
static void answer_call(rpc_call *c, hearth_code code)
{
    rpc_session *s = c->s;
    hearth_buf  *out = &s->r->out;
    c->kernel_id = 0;
    if (!c->held.n && !must_wait(s, out->n)) {
        free_call(c);
        rpc_send(s, code < 0 ? RPC_ERROR : RPC_RESULT, code);
        return;
    }
    close_text(c);
    c->answer = out->failed ? NULL : malloc(out->n ? out->n : 1);
    if (!c->answer) {
        s->sink.drop(s->arg, "out of memory");
        return;
    }
    memcpy(c->answer, out->p, out->n);
    c->answer_n = out->n;
    c->answer_code = code;
    s->held += out->n;
    watch_drain(s);
}

/* -- a call's events and its end ---------------------------------------------------------------------------------- */

/* The reader is behind for good: the kernel forgets this call's listener, the peer is told. */
static void give_up(rpc_call *c)
{
    abandon(c);
    c->s->held -= c->held.n;
    hearth_buf_reset(&c->held);
    c->open_kind = 0;
    rpc_text_error(rpc_begin(c->s), id_of(c), HEARTH_BUSY,
                   "the connection reads too slowly: over 8 MiB of this call's events waited; attach to its job again "
                   "with jobs.attach",
                   NULL);
    answer_call(c, HEARTH_BUSY);
}

static void hold(rpc_call *c, const hearth_event *e)
{
    if (c->open_kind != e->kind)
        close_text(c);
    size_t before = c->held.n;
    if (c->open_kind) {
        hearth_json_put_escaped(&c->held, e->text);
    } else if (e->kind == HEARTH_TEXT || e->kind == HEARTH_REASONING) {
        rpc_text_open(&c->held, id_of(c), e);
        c->open_kind = e->kind;
    } else {
        rpc_text_event(&c->held, id_of(c), e);
        hearth_buf_putc(&c->held, '\n');
    }
    c->open_seq = e->seq;
    c->s->held += c->held.n - before;
    if ((c->held.failed || c->held.n > RPC_CALL_BYTES) && !c->is_starting)
        give_up(c);
    else
        watch_drain(c->s);
}

static void on_event(void *arg, const hearth_event *e)
{
    rpc_call    *c = arg;
    rpc_session *s = c->s;
    if (c->is_silent || s->is_gone || !s->sink.has_events || !rpc_text_kind(e->kind))
        return;
    if (!c->held.n) {
        hearth_buf *out = rpc_begin(s);
        rpc_text_event(out, id_of(c), e);
        if (!must_wait(s, out->n)) {
            rpc_send(s, RPC_EVENT, HEARTH_OK);
            return;
        }
    }
    hold(c, e);
}

static void on_done(void *arg, const hearth_reply_view *reply)
{
    rpc_call *c = arg;
    c->is_starting = false; /* an answer that waits for a slow reader is freed like any other */
    if (c->is_silent || c->s->is_gone) {
        free_call(c);
        return;
    }
    hearth_buf *out = rpc_begin(c->s);
    if (reply->code < 0)
        rpc_text_error(out, id_of(c), reply->code, reply->err->msg, reply->value);
    else
        rpc_text_result(out, id_of(c), reply->value);
    answer_call(c, reply->code);
}

/* -- receiving ------------------------------------------------------------------------------------------------------ */

static rpc_call *find_call(rpc_session *s, hearth_str id)
{
    LIST_EACH (&s->calls, node) {
        rpc_call *c = LIST_ENTRY(node, rpc_call, node);
        if (!c->is_silent && hearth_str_equal(id_of(c), id))
            return c;
    }
    return NULL;
}

static void cancel(rpc_session *s, const hearth_value *params)
{
    hearth_buf id;
    hearth_buf_init(&id, 1024);
    if (rpc_text_id(&id, hearth_get(params, "id"))) {
        rpc_call *c = find_call(s, hearth_buf_str(&id));
        if (c && c->kernel_id)
            kernel_cancel(s->r->k, c->kernel_id);
    }
    hearth_buf_deinit(&id);
}

static void refuse(rpc_session *s, hearth_str id, hearth_code code, const char *why)
{
    rpc_text_error(rpc_begin(s), id.n ? id : HEARTH_STR("null"), code, why, NULL);
    rpc_send(s, RPC_ERROR, code);
}

void rpc_refuse(rpc_session *s, hearth_code code, const char *why) { refuse(s, HEARTH_STR("null"), code, why); }

/* What the face itself serves, because it is about the connection. True when `name` was one of those. */
static bool take_own(rpc_session *s, hearth_str name, const hearth_value *params, hearth_str id)
{
    hearth_err  err = { 0 };
    hearth_code code = HEARTH_OK;
    if (hearth_str_is(name, "rpc.cancel"))
        cancel(s, params);
    else if (hearth_str_is(name, "rpc.event"))
        rpc_serve_event(s, params);
    else if (hearth_str_is(name, "rpc.serve"))
        code = rpc_serve_offer(s, params, &err);
    else
        return false;
    if (id.n == 0 || s->is_gone)
        return true;
    if (code < 0) {
        refuse(s, id, code, err.msg);
        return true;
    }
    rpc_text_result(rpc_begin(s), id, NULL);
    rpc_send(s, RPC_RESULT, HEARTH_OK);
    return true;
}

static void start_call(rpc_session *s, hearth_str name, const hearth_value *params, hearth_str id)
{
    rpc_call *c = calloc(1, sizeof *c + id.n);
    if (!c) {
        refuse(s, id, HEARTH_NO_MEMORY, NULL);
        return;
    }
    c->s = s;
    c->is_silent = id.n == 0;
    c->id_n = id.n;
    memcpy(c->id, id.p, id.n);
    c->is_starting = true;
    hearth_buf_init(&c->held, RPC_CALL_BYTES + 256); /* the end of an open text always fits */
    list_add(&s->calls, &c->node);
    s->call_count++;
    hearth_id kernel_id = kernel_call(s->r->k, &(kernel_call_args){ .who = s->who,
                                                                    .method = name,
                                                                    .params = params ? hearth_value_ref(params) : NULL,
                                                                    .on_event = on_event,
                                                                    .done = on_done,
                                                                    .arg = c,
                                                                    .may_be_sync = true });
    if (!kernel_id)
        return; /* it has ended, and `c` with it */
    c->kernel_id = kernel_id;
    c->is_starting = false;
    if (!s->is_gone)
        return;
    abandon(c);
    free_call(c);
}

/* A request or a notification whose form is known to be right. */
static bool take_call(rpc_session *s, const hearth_value *message, hearth_str id)
{
    hearth_str          name = hearth_get_str(message, "method");
    const hearth_value *params = hearth_get(message, "params");
    if (take_own(s, name, params, id))
        return id.n > 0;
    const char *why = NULL;
    hearth_code code = HEARTH_INVALID_REQUEST;
    if (id.n && find_call(s, id)) {
        why = "the id is that of a call that is still under way; use another one";
    } else if (s->call_count >= LIMIT_CALLS_PER_PEER) {
        code = HEARTH_BUSY;
        why = "too many calls are under way on this connection; wait for answers";
    }
    if (!why) {
        start_call(s, name, params, id);
        return id.n > 0;
    }
    if (id.n)
        refuse(s, id, code, why);
    return id.n > 0;
}

static const char *flaw_of(const hearth_value *message)
{
    if (hearth_kind_of(message) == HEARTH_ARRAY)
        return "batches are for POST /rpc; send one message at a time here";
    if (hearth_kind_of(message) != HEARTH_OBJECT)
        return "a message is a JSON object";
    if (!hearth_str_is(hearth_get_str(message, "jsonrpc"), "2.0"))
        return "a message needs \"jsonrpc\":\"2.0\"";
    if (!hearth_get(message, "method"))
        return hearth_get(message, "result") || hearth_get(message, "error") ? NULL : "a request needs a method";
    hearth_str name = hearth_get_str(message, "method");
    if (name.n == 0 || name.n > LIMIT_METHOD_BYTES)
        return "the method must be a name of 1 to 128 characters";
    hearth_kind params = hearth_kind_of(hearth_get(message, "params"));
    if (params != HEARTH_NONE && params != HEARTH_OBJECT)
        return "params must be an object: arguments go by name";
    return NULL;
}

bool rpc_take(rpc_session *s, hearth_value *message)
{
    const char         *why = flaw_of(message);
    const hearth_value *id = hearth_get(message, "id");
    bool                has_answer = true;
    char                room[LIMIT_RPC_ID_BYTES * 6 + 8]; /* every byte may become an escape */
    hearth_buf          text;
    hearth_buf_init(&text, sizeof room);
    if (id && !rpc_text_id(&text, id)) {
        hearth_buf_reset(&text);
        why = why ? why : "the id must be a whole number, a string of up to 128 bytes, or null";
    }
    hearth_str id_text = { room, text.n };
    if (text.n)
        memcpy(room, text.p, text.n);
    hearth_buf_deinit(&text);
    if (why) {
        refuse(s, id_text, HEARTH_INVALID_REQUEST, why);
    } else if (hearth_get(message, "method")) {
        has_answer = take_call(s, message, id_text);
    } else {
        rpc_serve_answer(s, message);
        has_answer = false;
    }
    hearth_value_unref(message);
    return has_answer;
}

/* -- parsing ---------------------------------------------------------------------------------------------------------- */

static void parse_run(void *arg)
{
    parsing *p = arg;
    p->value = hearth_parse(NULL, (hearth_str){ p->text, p->n }, &p->err);
}

static void parse_done(void *arg)
{
    parsing      *p = arg;
    hearth_value *value = p->value;
    p->value = NULL;
    p->done(p->arg, value, &p->err);
    free_parsing(p);
}

static bool parse_on_worker(rpc *r, hearth_str text, rpc_parsed_fn done, void *arg)
{
    parsing *p = calloc(1, sizeof *p + text.n);
    if (!p)
        return false;
    p->done = done;
    p->arg = arg;
    p->n = text.n;
    memcpy(p->text, text.p, text.n);
    list_add(&r->parsing, &p->node);
    if (loop_queue_add(r->queue, parse_run, parse_done, p) >= 0)
        return true;
    free_parsing(p);
    return false;
}

bool rpc_parse(rpc *r, hearth_str text, rpc_parsed_fn done, void *arg)
{
    if (text.n > RPC_LARGE_BYTES)
        return parse_on_worker(r, text, done, arg);
    hearth_err    err = { 0 };
    hearth_value *value = hearth_parse(NULL, text, &err);
    done(arg, value, &err);
    return true;
}

static void take_parsed(rpc_session *s, hearth_value *value, const hearth_err *err)
{
    if (value)
        rpc_take(s, value);
    else
        rpc_refuse(s, err->code, err->msg);
}

typedef struct late_message {
    rpc      *r;
    hearth_id session;
    size_t    n;
} late_message;

static void on_parsed(void *arg, hearth_value *value, const hearth_err *err)
{
    late_message *m = arg;
    rpc_session  *s = slots_find(&m->r->sessions, m->session);
    if (!s) {
        hearth_value_unref(value);
    } else {
        s->parsing--;
        s->parsing_bytes -= m->n;
        take_parsed(s, value, err);
    }
    free(m);
}

void rpc_receive(rpc_session *s, hearth_str text)
{
    if (s->is_gone)
        return;
    /* What follows a large message must not overtake it: an rpc.cancel would find no call. */
    if (text.n <= RPC_LARGE_BYTES && s->parsing == 0) {
        hearth_err    err = { 0 };
        hearth_value *value = hearth_parse(NULL, text, &err);
        take_parsed(s, value, &err);
        return;
    }
    late_message *m = malloc(sizeof *m);
    if (m)
        *m = (late_message){ s->r, s->id, text.n };
    if (!m || s->parsing_bytes + text.n > RPC_SESSION_BYTES || !parse_on_worker(s->r, text, on_parsed, m)) {
        free(m);
        s->sink.drop(s->arg, "too much is sent at once");
        return;
    }
    s->parsing++;
    s->parsing_bytes += text.n;
}
