/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Requests and jobs, through the public headers on one side and kernel_call on the other. */
#include "kernel_test.h"

static loop       *l;
static kernel     *k;
static hearth_ctx *ctx;
static principal  *owner, *local;
static hearth_req *held; /* by t.hold */
static hearth_req *pair[2]; /* by t.pair */
static bool        was_cancelled;

static const char spec[] =
    "{\"methods\":{"
    "\"t.echo\":{\"params\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"maximum\":9}},\"required\":[\"n\"]},\"permission\":\"public\"},"
    "\"t.hold\":{\"params\":{\"type\":\"object\"},\"permission\":\"t.use\"},"
    "\"t.deaf\":{\"params\":{\"type\":\"object\"},\"permission\":\"t.use\"},"
    "\"t.keep\":{\"params\":{\"type\":\"object\"},\"permission\":\"t.use\",\"disconnect\":\"keep\"},"
    "\"t.pair\":{\"params\":{\"type\":\"object\"},\"permission\":\"public\"},"
    "\"t.relay\":{\"params\":{\"type\":\"object\"},\"permission\":\"public\"},"
    "\"t.nobody\":{\"params\":{\"type\":\"object\"},\"permission\":\"public\"}}}";

static void echo(hearth_req *req, void *self)
{
    (void)self;
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("a"));
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("b"));
    hearth_reply(req, hearth_integer(NULL, hearth_get_i64(hearth_params(req), "n", 0)));
}

static void on_cancel(void *arg)
{
    was_cancelled = true;
    held = NULL;
    hearth_fail(arg, HEARTH_CANCELLED, "stopped as asked");
}

static void hold(hearth_req *req, void *self)
{
    (void)self;
    held = req;
    hearth_on_cancel(req, on_cancel, req);
}

static void deaf(hearth_req *req, void *self)
{
    (void)self;
    held = req;
}

/* A server that ends all its work when one of it is cancelled. */
static void end_pair(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        hearth_req *req = pair[i];
        pair[i] = NULL;
        if (req)
            hearth_fail(req, HEARTH_CANCELLED, "both or none");
    }
}

static void take_pair(hearth_req *req, void *self)
{
    (void)self;
    pair[pair[0] ? 1 : 0] = req;
    hearth_on_cancel(req, end_pair, NULL);
}

static void relayed(void *arg, const hearth_reply_view *r)
{
    hearth_req *req = arg;
    if (r->code < 0)
        hearth_fail_with(req, r->code, r->err);
    else
        hearth_reply(req, hearth_value_ref(r->value));
}

static void relay(hearth_req *req, void *self)
{
    (void)self;
    hearth_call(req, "t.hold", NULL, NULL, relayed, req);
}

static int setup(void **state)
{
    (void)state;
    static const hearth_method methods[] = { { "t.echo", echo }, { "t.hold", hold }, { "t.deaf", deaf }, { "t.keep", hold }, { "t.relay", relay },
                                             { "t.pair", take_pair } };
    hearth_err                 err = { 0 };
    held = pair[0] = pair[1] = NULL;
    was_cancelled = false;
    l = loop_new(&err);
    kernel_options o = { .loop = l, .version = "test" };
    k = kernel_new(&o, &err);
    ctx = kernel_ctx(k, "t", spec, &err);
    if (!ctx || hearth_serve(ctx, methods, HEARTH_COUNT(methods), NULL, &err) < 0)
        fail_msg("%s", err.msg);
    owner = principal_new(kernel_gate(k), PRINCIPAL_OWNER, HEARTH_STR("me"));
    local = principal_new(kernel_gate(k), PRINCIPAL_LOCAL, HEARTH_STR(""));
    return 0;
}

static void stopped(void *arg)
{
    *(bool *)arg = true;
}

static int teardown_closed(void **state)
{
    (void)state;
    principal_unref(owner);
    principal_unref(local);
    kernel_free(k);
    loop_free(l);
    return 0;
}

static int teardown(void **state)
{
    bool done = false;
    ctx_close(ctx, 0, stopped, &done);
    run_until(l, &done);
    return teardown_closed(state);
}

typedef struct outcome {
    bool        is_done;
    hearth_code code;
    int64_t     value;
    size_t      count; /* of {"jobs":[…]} */
    hearth_str  param;
    char        text[64], msg[400], name[32];
    uint64_t    last_seq;
    hearth_value *details;
} outcome;

static void on_event(void *arg, const hearth_event *e)
{
    outcome *o = arg;
    size_t   n = strlen(o->text);
    snprintf(o->text + n, sizeof o->text - n, "%.*s", HEARTH_FMT(e->text));
    assert_int_equal(e->seq, o->last_seq + 1);
    o->last_seq = e->seq;
}

static void on_done(void *arg, const hearth_reply_view *r)
{
    outcome *o = arg;
    assert_false(o->is_done); /* exactly once */
    o->is_done = true;
    o->code = r->code;
    o->value = hearth_as_i64(r->value, -1);
    o->count = hearth_count(hearth_get(r->value, "jobs"));
    hearth_str_copy(o->msg, sizeof o->msg, hearth_cstr(r->err->msg));
    hearth_str_copy(o->name, sizeof o->name, hearth_get_str(r->value, "param"));
}

static hearth_id call(principal *who, const char *name, const char *params, outcome *o)
{
    kernel_call_args a = { .who = who, .method = hearth_cstr(name), .params = params ? json(params) : NULL, .on_event = on_event, .done = on_done, .arg = o };
    return kernel_call(k, &a);
}

static void an_answer_comes_after_the_call_returned(void **state)
{
    (void)state;
    outcome o = { 0 };
    assert_true(call(local, "t.echo", "{\"n\":7}", &o) != 0);
    assert_false(o.is_done);
    run_until(l, &o.is_done);
    assert_int_equal(o.code, HEARTH_OK);
    assert_int_equal(o.value, 7);
    assert_string_equal(o.text, "ab");
}

static void who_can_take_it_gets_it_at_once(void **state)
{
    (void)state;
    outcome          o = { 0 };
    kernel_call_args a = { .who = local, .method = HEARTH_STR("t.echo"), .params = json("{\"n\":7}"), .done = on_done, .arg = &o, .may_be_sync = true };
    assert_int_equal(kernel_call(k, &a), 0);
    assert_true(o.is_done);
}

static void refused(principal *who, const char *name, const char *params, hearth_code code, const char *words)
{
    outcome o = { 0 };
    call(who, name, params, &o);
    run_until(l, &o.is_done);
    assert_int_equal(o.code, code);
    if (!strstr(o.msg, words))
        fail_msg("\"%s\" does not say \"%s\"", o.msg, words);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    refused(owner, "t.none", NULL, HEARTH_UNKNOWN_METHOD, "t.none");
    refused(owner, "t.nobody", NULL, HEARTH_UNAVAILABLE, "not running");
    refused(local, "t.hold", NULL, HEARTH_UNAUTHENTICATED, "t.use");
    refused(owner, "t.echo", "{}", HEARTH_INVALID_ARGUMENT, "n");
    refused(owner, "t.echo", "{\"n\":\"x\"}", HEARTH_INVALID_ARGUMENT, "n");
    refused(owner, "t.echo", "{\"n\":10}", HEARTH_INVALID_ARGUMENT, "9");
    refused(owner, "t.echo", "[1]", HEARTH_INVALID_ARGUMENT, "object");
    outcome o = { 0 };
    call(owner, "t.echo", "{\"n\":10}", &o);
    run_until(l, &o.is_done);
    assert_string_equal(o.name, "n"); /* for programs */
}

static void a_cancelled_call_ends_with_what_its_server_says(void **state)
{
    (void)state;
    outcome   o = { 0 };
    hearth_id id = call(owner, "t.hold", NULL, &o);
    kernel_cancel(k, id);
    run_until(l, &o.is_done);
    assert_true(was_cancelled);
    assert_int_equal(o.code, HEARTH_CANCELLED);
    assert_string_equal(o.msg, "stopped as asked");
}

static void a_server_that_does_not_listen_cannot_hold_its_caller(void **state)
{
    (void)state;
    outcome   o = { 0 };
    hearth_id id = call(owner, "t.deaf", NULL, &o);
    kernel_cancel(k, id);
    run_until(l, &o.is_done);
    assert_int_equal(o.code, HEARTH_CANCELLED);
    assert_true(hearth_is_cancelled(held));
    hearth_reply(held, NULL); /* its late answer reaches nobody */
}

static void a_deadline_ends_a_call(void **state)
{
    (void)state;
    outcome          o = { 0 };
    kernel_call_args a = { .who = owner, .method = HEARTH_STR("t.hold"), .done = on_done, .arg = &o, .deadline_ms = 1 };
    kernel_call(k, &a);
    run_until(l, &o.is_done);
    assert_int_equal(o.code, HEARTH_DEADLINE);
    assert_true(was_cancelled);
}

static void who_leaves_takes_the_call_along_unless_it_keeps(void **state)
{
    (void)state;
    outcome o = { 0 };
    kernel_abandon(k, call(owner, "t.hold", NULL, &o));
    assert_true(was_cancelled);
    was_cancelled = false;
    kernel_abandon(k, call(owner, "t.keep", NULL, &o));
    assert_false(was_cancelled);
    assert_non_null(held);
    hearth_reply(held, NULL);
    settle_loop(l);
    assert_false(o.is_done); /* nobody was told */
}

static void a_relayed_call_is_cancelled_with_the_first(void **state)
{
    (void)state;
    outcome   o = { 0 };
    hearth_id id = call(owner, "t.relay", NULL, &o);
    assert_non_null(held);
    kernel_cancel(k, id);
    run_until(l, &o.is_done);
    assert_true(was_cancelled);
    assert_int_equal(o.code, HEARTH_CANCELLED);
}

static void a_relay_does_not_lend_its_rights(void **state)
{
    (void)state;
    outcome o = { 0 };
    call(local, "t.relay", NULL, &o); /* may be called by all; what it calls may not */
    run_until(l, &o.is_done);
    assert_int_equal(o.code, HEARTH_UNAUTHENTICATED);
    assert_null(held);
}

static void a_plugin_that_goes_fails_what_it_holds(void **state)
{
    (void)state;
    outcome o = { 0 };
    bool    closed = false;
    call(owner, "t.deaf", NULL, &o);
    call(owner, "t.deaf", NULL, &(outcome){ 0 });
    ctx_close(ctx, 0, stopped, &closed);
    run_until(l, &closed);
    assert_true(o.is_done);
    assert_true(o.code == HEARTH_UNAVAILABLE || o.code == HEARTH_CANCELLED);
    assert_int_equal(ctx->counters.leaked_requests, 2);
    refused(owner, "t.deaf", NULL, HEARTH_UNAVAILABLE, "not running");
}

static void a_plugin_that_goes_is_cancelled_once_for_what_it_asked_of_itself(void **state)
{
    (void)state;
    outcome o = { 0 };
    bool    closed = false;
    call(owner, "t.relay", NULL, &o); /* t.hold ends with it, next to it in the list of what is served */
    ctx_close(ctx, 0, stopped, &closed);
    run_until(l, &closed);
    assert_true(was_cancelled);
    assert_true(o.is_done);
}

static void what_a_plugin_that_goes_still_holds_is_there_until_it_was_disposed(void **state)
{
    (void)state;
    outcome o = { 0 };
    bool    closed = false;
    call(owner, "t.deaf", NULL, &o);
    ctx_close(ctx, 0, stopped, &closed);
    run_until(l, &closed);
    assert_true(o.is_done);
    /* its worker still asks, its dispose still answers */
    assert_true(hearth_is_cancelled(held));
    hearth_push_text(held, HEARTH_TEXT, HEARTH_STR("late"));
    hearth_fail(held, HEARTH_CANCELLED, "disposed");
    assert_string_equal(o.text, "");
}

static void no_more(void *arg, const hearth_reply_view *r)
{
    (void)r;
    ++*(int *)arg;
}

static void calls_that_end_together_are_let_go_of_together(void **state)
{
    (void)state;
    int         told = 0;
    bool        closed = false;
    hearth_ctx *asker = kernel_ctx(k, "asker", NULL, NULL);
    hearth_call_as_plugin(asker, "t.pair", NULL, NULL, no_more, &told);
    hearth_call_as_plugin(asker, "t.pair", NULL, NULL, no_more, &told);
    assert_non_null(pair[1]);
    ctx_close(asker, 0, stopped, &closed);
    run_until(l, &closed);
    assert_null(pair[0]);
    assert_true(told <= 1); /* the second may have ended before it was its turn */
}

static hearth_id to_cancel;

static void cancel_on_event(void *arg, const hearth_event *e)
{
    (void)arg;
    (void)e;
    kernel_cancel(k, to_cancel);
}

static void a_cancel_inside_an_event_waits_until_the_server_has_returned(void **state)
{
    (void)state;
    outcome          o = { 0 };
    kernel_call_args a = { .who = owner, .method = HEARTH_STR("t.hold"), .on_event = cancel_on_event, .done = on_done, .arg = &o };
    to_cancel = kernel_call(k, &a);
    hearth_req *req = held;
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("a"));
    assert_true(hearth_is_cancelled(req)); /* known at once */
    assert_false(was_cancelled);           /* but nobody is called back in the middle of its own push */
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("b"));
    run_until(l, &o.is_done);
    assert_true(was_cancelled);
    assert_int_equal(o.code, HEARTH_CANCELLED);
}

static void who_begins_to_listen_late_hears_of_the_cancel_all_the_same(void **state)
{
    (void)state;
    outcome o = { 0 };
    kernel_cancel(k, call(owner, "t.deaf", NULL, &o));
    hearth_on_cancel(held, on_cancel, held);
    assert_false(was_cancelled);
    settle_loop(l);
    assert_true(was_cancelled);
}

/* -- jobs ---------------------------------------------------------------------------------------------------------- */

static hearth_req *start_job(outcome *o, hearth_id *id, hearth_id *job_id, uint32_t ring)
{
    *id = call(owner, "t.hold", NULL, o);
    *job_id = hearth_job(held, &(hearth_job_options){ .size = sizeof(hearth_job_options), .ring = ring });
    return held;
}

static void attach(hearth_id job_id, uint64_t after, outcome *o)
{
    char params[64];
    o->last_seq = after;
    snprintf(params, sizeof params, "{\"id\":\"%016llx\",\"after\":%llu}", (unsigned long long)job_id, (unsigned long long)after);
    call(owner, "jobs.attach", params, o);
}

static int setup_jobs(void **state)
{
    static const char jobs[] =
        "{\"methods\":{\"jobs.list\":{\"params\":{\"type\":\"object\"},\"permission\":\"jobs.read\"},\"jobs.get\":{\"params\":{\"type\":\"object\"},"
        "\"permission\":\"jobs.read\"},\"jobs.attach\":{\"params\":{\"type\":\"object\"},\"permission\":\"public\"},\"jobs.cancel\":{\"params\":"
        "{\"type\":\"object\"},\"permission\":\"public\"}}}";
    setup(state);
    hearth_err  err = { 0 };
    hearth_ctx *part = kernel_ctx(k, "kernel", jobs, &err);
    if (!part || jobs_serve(k->jobs, part, &err) < 0)
        fail_msg("%s", err.msg);
    *state = part;
    return 0;
}

static int teardown_jobs(void **state)
{
    bool done = false;
    ctx_close(*state, 0, stopped, &done);
    run_until(l, &done);
    return teardown(state);
}

static void a_job_goes_on_alone_and_is_found_again(void **state)
{
    (void)state;
    outcome     first = { 0 }, again = { 0 }, late = { 0 };
    hearth_id   id, job_id;
    hearth_req *req = start_job(&first, &id, &job_id, 0);
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("one "));
    assert_string_equal(first.text, "one ");
    kernel_abandon(k, id); /* the page was closed */
    assert_false(was_cancelled);
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("two "));
    attach(job_id, 0, &again);
    assert_string_equal(again.text, "one two ");
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("three"));
    assert_string_equal(again.text, "one two three");
    hearth_reply(req, hearth_integer(NULL, 42));
    run_until(l, &again.is_done);
    assert_int_equal(again.value, 42);
    assert_false(first.is_done);
    attach(job_id, 2, &late); /* it ended, and is still told of */
    run_until(l, &late.is_done);
    assert_string_equal(late.text, "three");
    assert_int_equal(late.value, 42);
}

static void on_reset(void *arg, const hearth_event *e)
{
    if (e->kind == HEARTH_RESET)
        hearth_str_copy(arg, 64, hearth_get_str(e->data, "text"));
}

static void a_cursor_that_the_ring_lost_gets_the_whole(void **state)
{
    (void)state;
    outcome     first = { 0 };
    hearth_id   id, job_id;
    char        whole[64] = "", expected[64] = "";
    hearth_req *req = start_job(&first, &id, &job_id, 4);
    for (int i = 0; i < 20; i++) {
        char digit[2] = { (char)('a' + i), 0 };
        strcat(expected, digit);
        hearth_push_text(req, HEARTH_TEXT, hearth_cstr(digit));
    }
    char params[64];
    snprintf(params, sizeof params, "{\"id\":\"%016llx\"}", (unsigned long long)job_id);
    kernel_call_args a = { .who = owner, .method = HEARTH_STR("jobs.attach"), .params = json(params), .on_event = on_reset, .arg = whole };
    hearth_id        watcher = kernel_call(k, &a);
    assert_string_equal(whole, expected);
    kernel_abandon(k, watcher);
    hearth_reply(req, NULL);
    settle_loop(l);
}

static hearth_id to_leave;

static void leave_on_event(void *arg, const hearth_event *e)
{
    (void)e;
    ++*(int *)arg;
    if (to_leave)
        kernel_abandon(k, to_leave);
    to_leave = 0;
}

static void listeners_may_leave_while_they_are_told(void **state)
{
    (void)state;
    outcome          first = { 0 };
    hearth_id        id, job_id;
    int              heard[3] = { 0 };
    char             params[64];
    hearth_req      *req = start_job(&first, &id, &job_id, 0);
    kernel_call_args a = { .who = owner, .method = HEARTH_STR("jobs.attach"), .on_event = leave_on_event };
    snprintf(params, sizeof params, "{\"id\":\"%016llx\"}", (unsigned long long)job_id);
    for (int i = 0; i < 3; i++) {
        a.params = json(params);
        a.arg = &heard[i];
        hearth_id one = kernel_call(k, &a);
        if (i == 1)
            to_leave = one; /* the first makes the second leave */
    }
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("x"));
    settle_loop(l);
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("y"));
    assert_int_equal(heard[0], 2);
    assert_int_equal(heard[1], 0);
    assert_int_equal(heard[2], 2);
    hearth_reply(req, NULL);
    settle_loop(l);
}

static hearth_req *to_end;

static void end_on_event(void *arg, const hearth_event *e)
{
    (void)e;
    ++*(int *)arg;
    if (to_end)
        hearth_reply(to_end, NULL);
    to_end = NULL;
}

static void a_job_may_end_while_its_listeners_are_told(void **state)
{
    (void)state;
    outcome          first = { 0 };
    hearth_id        id, job_id;
    int              heard[2] = { 0 };
    char             params[64];
    kernel_call_args a = { .who = owner, .method = HEARTH_STR("jobs.attach"), .on_event = end_on_event };
    to_end = start_job(&first, &id, &job_id, 0);
    snprintf(params, sizeof params, "{\"id\":\"%016llx\"}", (unsigned long long)job_id);
    for (int i = 0; i < 2; i++) {
        a.params = json(params);
        a.arg = &heard[i];
        kernel_call(k, &a);
    }
    hearth_push_text(to_end, HEARTH_TEXT, HEARTH_STR("x"));
    run_until(l, &first.is_done);
    assert_int_equal(heard[0], 1);
}

static void jobs_are_for_who_asked_and_who_works(void **state)
{
    (void)state;
    outcome    first = { 0 }, stranger = { 0 }, server = { 0 };
    hearth_id  id, job_id;
    char       params[64];
    principal *other = principal_new(kernel_gate(k), PRINCIPAL_PLUGIN, HEARTH_STR("other"));
    principal *t = principal_new(kernel_gate(k), PRINCIPAL_PLUGIN, HEARTH_STR("t"));
    principal_grant(other, HEARTH_STR("jobs.read"));
    hearth_req *req = start_job(&first, &id, &job_id, 0);
    snprintf(params, sizeof params, "{\"id\":\"%016llx\"}", (unsigned long long)job_id);
    call(other, "jobs.get", params, &stranger);
    run_until(l, &stranger.is_done);
    assert_int_equal(stranger.code, HEARTH_NOT_FOUND);
    stranger = (outcome){ 0 };
    call(other, "jobs.list", NULL, &stranger);
    run_until(l, &stranger.is_done);
    assert_int_equal(stranger.count, 0);
    call(t, "jobs.attach", params, &server); /* it serves the job */
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("x"));
    assert_string_equal(server.text, "x");
    hearth_reply(req, NULL);
    run_until(l, &server.is_done);
    principal_unref(other);
    principal_unref(t);
}

static void count_kinds(void *arg, const hearth_event *e)
{
    ((int *)arg)[e->kind == HEARTH_RESET ? 1 : 0]++;
}

static void long_events_wrap_the_ring_earlier(void **state)
{
    (void)state;
    outcome     first = { 0 };
    hearth_id   id, job_id;
    int         heard[2] = { 0 };
    char        params[64];
    static char much[1 << 20];
    memset(much, 'x', sizeof much);
    hearth_req *req = start_job(&first, &id, &job_id, 0);
    kernel_abandon(k, id);
    for (int i = 0; i < 40; i++)
        hearth_push_text(req, HEARTH_TEXT, (hearth_str){ much, sizeof much });
    snprintf(params, sizeof params, "{\"id\":\"%016llx\"}", (unsigned long long)job_id);
    kernel_call_args a = { .who = owner, .method = HEARTH_STR("jobs.attach"), .params = json(params), .on_event = count_kinds, .arg = heard };
    kernel_abandon(k, kernel_call(k, &a));
    assert_int_equal(heard[0], 0);
    assert_int_equal(heard[1], 1);
    hearth_reply(req, NULL);
    settle_loop(l);
}

static void of_what_has_ended_the_newest_are_kept(void **state)
{
    (void)state;
    outcome   all = { 0 }, gone = { 0 };
    hearth_id id, job_id = 0, first_job = 0;
    char      params[64];
    for (int i = 0; i < 1100; i++) {
        outcome     one = { 0 };
        hearth_req *req = start_job(&one, &id, &job_id, 0);
        first_job = first_job ? first_job : job_id;
        hearth_reply(req, NULL);
        assert_true(one.is_done);
    }
    call(owner, "jobs.list", NULL, &all);
    run_until(l, &all.is_done);
    assert_int_equal(all.count, 1024);
    snprintf(params, sizeof params, "{\"id\":\"%016llx\"}", (unsigned long long)first_job);
    call(owner, "jobs.get", params, &gone);
    run_until(l, &gone.is_done);
    assert_int_equal(gone.code, HEARTH_NOT_FOUND);
}

static void a_job_is_cancelled_by_its_id(void **state)
{
    (void)state;
    outcome   first = { 0 }, cancel = { 0 };
    hearth_id id, job_id;
    char      params[64];
    start_job(&first, &id, &job_id, 0);
    snprintf(params, sizeof params, "{\"id\":\"%016llx\"}", (unsigned long long)job_id);
    call(local, "jobs.cancel", params, &cancel); /* not theirs */
    run_until(l, &cancel.is_done);
    assert_int_equal(cancel.code, HEARTH_NOT_FOUND);
    assert_false(was_cancelled);
    cancel = (outcome){ 0 };
    call(owner, "jobs.cancel", params, &cancel);
    run_until(l, &first.is_done);
    assert_true(was_cancelled);
    assert_int_equal(first.code, HEARTH_CANCELLED);
    settle_loop(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_comes_after_the_call_returned, setup, teardown),
        cmocka_unit_test_setup_teardown(who_can_take_it_gets_it_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_call_ends_with_what_its_server_says, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_does_not_listen_cannot_hold_its_caller, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deadline_ends_a_call, setup, teardown),
        cmocka_unit_test_setup_teardown(who_leaves_takes_the_call_along_unless_it_keeps, setup, teardown),
        cmocka_unit_test_setup_teardown(a_relayed_call_is_cancelled_with_the_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_relay_does_not_lend_its_rights, setup, teardown),
        cmocka_unit_test_setup_teardown(a_plugin_that_goes_fails_what_it_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_plugin_that_goes_is_cancelled_once_for_what_it_asked_of_itself, setup, teardown_closed),
        cmocka_unit_test_setup_teardown(what_a_plugin_that_goes_still_holds_is_there_until_it_was_disposed, setup, teardown_closed),
        cmocka_unit_test_setup_teardown(calls_that_end_together_are_let_go_of_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancel_inside_an_event_waits_until_the_server_has_returned, setup, teardown),
        cmocka_unit_test_setup_teardown(who_begins_to_listen_late_hears_of_the_cancel_all_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(a_job_goes_on_alone_and_is_found_again, setup_jobs, teardown_jobs),
        cmocka_unit_test_setup_teardown(a_cursor_that_the_ring_lost_gets_the_whole, setup_jobs, teardown_jobs),
        cmocka_unit_test_setup_teardown(listeners_may_leave_while_they_are_told, setup_jobs, teardown_jobs),
        cmocka_unit_test_setup_teardown(a_job_may_end_while_its_listeners_are_told, setup_jobs, teardown_jobs),
        cmocka_unit_test_setup_teardown(jobs_are_for_who_asked_and_who_works, setup_jobs, teardown_jobs),
        cmocka_unit_test_setup_teardown(long_events_wrap_the_ring_earlier, setup_jobs, teardown_jobs),
        cmocka_unit_test_setup_teardown(of_what_has_ended_the_newest_are_kept, setup_jobs, teardown_jobs),
        cmocka_unit_test_setup_teardown(a_job_is_cancelled_by_its_id, setup_jobs, teardown_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
