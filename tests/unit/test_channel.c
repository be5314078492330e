/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Two kernels in one process, joined by a socketpair: the daemon's end and a child's. */
#include "kernel_test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "io/frame.h"
#include "kernel/channel.h"

static loop           *l;
static kernel         *daemon_, *child_;
static hearth_ctx     *rights, *from_daemon, *served, *caller;
static struct channel *down, *up;
static hearth_req     *held, *pair[2];
static bool            was_cancelled, has_ended;
static char            logged[64];

static const char spec[] = "{\"methods\":{\"c.work\":{\"params\":{\"type\":\"object\"},\"permission\":\"public\"},"
                           "\"c.relay\":{\"params\":{\"type\":\"object\"},\"permission\":\"public\"},"
                           "\"c.ask\":{\"params\":{\"type\":\"object\"},\"permission\":\"public\"}}}";
static const char daemon_spec[] = "{\"methods\":{\"d.secret\":{\"params\":{\"type\":\"object\"},\"permission\":\"d.secret\"},"
                                  "\"d.pair\":{\"params\":{\"type\":\"object\"},\"permission\":\"public\"},"
                                  "\"d.open\":{\"params\":{\"type\":\"object\"},\"permission\":\"public\"}}}";

static void on_cancel(void *arg)
{
    was_cancelled = true;
    held = NULL;
    hearth_fail(arg, HEARTH_CANCELLED, "stopped");
}

static void work(hearth_req *req, void *self)
{
    (void)self;
    held = req;
    hearth_on_cancel(req, on_cancel, req);
}

static void asked(void *arg, const hearth_reply_view *r)
{
    if (r->code < 0)
        hearth_fail_with(arg, r->code, r->err);
    else
        hearth_reply(arg, hearth_value_ref(r->value));
}

static void ask(hearth_req *req, void *self)
{
    (void)self;
    hearth_str name = hearth_get_str(hearth_params(req), "method");
    char       text[32];
    hearth_str_copy(text, sizeof text, name);
    hearth_call(req, text, NULL, NULL, asked, req);
}

static void answer(hearth_req *req, void *self)
{
    (void)self;
    hearth_principal who = hearth_principal_of(req);
    hearth_reply(req, hearth_string(NULL, who.kind));
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

static void relay(hearth_req *req, void *self)
{
    (void)self;
    hearth_call(req, "d.secret", NULL, NULL, asked, req);
}

static void count(void *arg, const hearth_reply_view *r)
{
    (void)r;
    ++*(int *)arg;
}

static void on_log(void *arg, hearth_level level, hearth_str text)
{
    (void)arg;
    assert_int_equal(level, HEARTH_LOG_WARN);
    hearth_str_copy(logged, sizeof logged, text);
}

static void on_end(void *arg, hearth_code code, const char *why)
{
    (void)arg;
    (void)code;
    (void)why;
    has_ended = true;
}

static int setup(void **state)
{
    (void)state;
    static const hearth_method    child_methods[] = { { "c.work", work }, { "c.ask", ask }, { "c.relay", relay } };
    static const hearth_method    daemon_methods[] = { { "d.secret", answer }, { "d.open", answer }, { "d.pair", take_pair } };
    static const channel_handlers handlers = { .on_log = on_log, .on_end = on_end };
    hearth_err                    err = { 0 };
    int                           fds[2];
    held = pair[0] = pair[1] = NULL;
    was_cancelled = has_ended = false;
    logged[0] = 0;
    l = loop_new(&err);
    kernel_options o = { .loop = l, .version = "test" };
    daemon_ = kernel_new(&o, &err);
    child_ = kernel_new(&o, &err);
    rights = ctx_new(daemon_, HEARTH_STR("c"), NULL, PRINCIPAL_PLUGIN, &err);
    from_daemon = ctx_new(child_, HEARTH_STR("daemon"), NULL, PRINCIPAL_HOST, &err);
    caller = kernel_ctx(daemon_, "d", daemon_spec, &err);
    served = kernel_ctx(child_, "c", spec, &err);
    if (!caller || !served || hearth_serve(served, child_methods, 3, NULL, &err) < 0 || hearth_serve(caller, daemon_methods, 3, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return -1;
    down = channel_new(daemon_, rights, fds[0], &handlers, NULL, &err);
    up = channel_new(child_, from_daemon, fds[1], &handlers, NULL, &err);
    child_->upstream = up;
    return down && up ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    child_->upstream = NULL;
    channel_free(up);
    channel_free(down);
    settle_loop(l);
    kernel_free(child_);
    kernel_free(daemon_);
    ctx_free(rights);
    ctx_free(from_daemon);
    loop_free(l);
    return 0;
}

typedef struct outcome {
    bool        is_done;
    hearth_code code;
    char        text[256], msg[400];
} outcome;

static void on_event(void *arg, const hearth_event *e)
{
    outcome *o = arg;
    size_t   n = strlen(o->text);
    snprintf(o->text + n, sizeof o->text - n, "%.*s", HEARTH_FMT(e->text));
}

static void on_done(void *arg, const hearth_reply_view *r)
{
    outcome *o = arg;
    assert_false(o->is_done);
    o->is_done = true;
    o->code = r->code;
    hearth_str_copy(o->msg, sizeof o->msg, r->code < 0 ? hearth_cstr(r->err->msg) : hearth_as_str(r->value));
}

static hearth_id call(const char *name, const char *params, principal *who, outcome *o)
{
    request_args a = { .who = who, .method = hearth_cstr(name), .params = params ? json(params) : NULL, .on_event = on_event, .done = on_done, .arg = o, .child = down };
    return request_start(daemon_, &a);
}

static bool has_arrived(void)
{
    return held != NULL;
}

static void wait_for_arrival(void)
{
    while (!has_arrived())
        settle_loop(l);
}

static void events_and_answers_cross(void **state)
{
    (void)state;
    outcome    o = { 0 };
    principal *owner = principal_new(daemon_->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    call("c.work", NULL, owner, &o);
    wait_for_arrival();
    hearth_push_item items[3];
    for (int i = 0; i < 3; i++)
        items[i] = (hearth_push_item){ held, { .kind = HEARTH_TEXT, .text = i == 1 ? HEARTH_STR("\xc3\xa9") : HEARTH_STR("x") } };
    hearth_push_many(served, items, 3);
    hearth_reply(held, hearth_string(NULL, HEARTH_STR("fine")));
    run_until(l, &o.is_done);
    assert_string_equal(o.text, "x\xc3\xa9x");
    assert_string_equal(o.msg, "fine");
    assert_int_equal(channel_calls(down), 0);
    principal_unref(owner);
}

static void cancel_reaches_the_other_end(void **state)
{
    (void)state;
    outcome    o = { 0 };
    principal *owner = principal_new(daemon_->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    hearth_id  id = call("c.work", NULL, owner, &o);
    wait_for_arrival();
    kernel_cancel(daemon_, id);
    run_until(l, &o.is_done);
    assert_true(was_cancelled);
    assert_int_equal(o.code, HEARTH_CANCELLED);
    principal_unref(owner);
}

static void the_end_of_the_other_end_fails_every_call(void **state)
{
    (void)state;
    outcome    a = { 0 }, b = { 0 };
    principal *owner = principal_new(daemon_->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    call("c.work", NULL, owner, &a);
    call("c.work", NULL, owner, &b);
    wait_for_arrival();
    child_->upstream = NULL;
    channel_free(up);
    up = NULL;
    run_until(l, &has_ended);
    assert_true(a.is_done && b.is_done);
    assert_int_equal(a.code, HEARTH_CRASHED);
    outcome late = { 0 };
    call("c.work", NULL, owner, &late);
    run_until(l, &late.is_done);
    assert_int_equal(late.code, HEARTH_CRASHED);
    principal_unref(owner);
}

static void a_child_asks_with_the_rights_of_both(void **state)
{
    (void)state;
    outcome    o = { 0 };
    principal *owner = principal_new(daemon_->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    principal *local = principal_new(daemon_->gate, PRINCIPAL_LOCAL, HEARTH_STR(""));
    call("c.ask", "{\"method\":\"d.open\"}", owner, &o);
    run_until(l, &o.is_done);
    assert_int_equal(o.code, HEARTH_OK);
    assert_string_equal(o.msg, "owner"); /* it is the person who asks, through the child */
    o = (outcome){ 0 };
    call("c.ask", "{\"method\":\"d.secret\"}", owner, &o);
    run_until(l, &o.is_done);
    assert_int_equal(o.code, HEARTH_DENIED); /* the child's manifest does not ask for it */
    principal_grant(rights->as, HEARTH_STR("d.secret"));
    o = (outcome){ 0 };
    call("c.ask", "{\"method\":\"d.secret\"}", owner, &o);
    run_until(l, &o.is_done);
    assert_int_equal(o.code, HEARTH_OK);
    o = (outcome){ 0 };
    call("c.ask", "{\"method\":\"d.secret\"}", local, &o);
    run_until(l, &o.is_done);
    assert_int_equal(o.code, HEARTH_UNAUTHENTICATED); /* the person may not */
    principal_unref(owner);
    principal_unref(local);
}

static void a_call_within_the_child_keeps_the_person(void **state)
{
    (void)state;
    outcome    o = { 0 };
    principal *local = principal_new(daemon_->gate, PRINCIPAL_LOCAL, HEARTH_STR(""));
    principal_grant(rights->as, HEARTH_STR("d.secret"));
    call("c.ask", "{\"method\":\"c.relay\"}", local, &o); /* which asks for d.secret */
    run_until(l, &o.is_done);
    assert_int_equal(o.code, HEARTH_UNAUTHENTICATED);
    principal_unref(local);
}

static void a_chain_that_is_too_long_is_not_cut_short(void **state)
{
    (void)state;
    outcome    o = { 0 };
    principal *owner = principal_new(daemon_->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    principal *via[REQUEST_MAX_VIA];
    for (size_t i = 0; i < REQUEST_MAX_VIA; i++) {
        via[i] = principal_new(daemon_->gate, PRINCIPAL_PLUGIN, HEARTH_STR("p"));
        if (i < REQUEST_MAX_VIA - 1) /* the last may not */
            principal_grant(via[i], HEARTH_STR("d.secret"));
    }
    principal_grant(rights->as, HEARTH_STR("d.secret"));
    request_args a = { .who = owner, .via = via, .via_count = REQUEST_MAX_VIA, .method = HEARTH_STR("c.ask"),
                       .params = json("{\"method\":\"d.secret\"}"), .done = on_done, .arg = &o, .child = down };
    request_start(daemon_, &a);
    run_until(l, &o.is_done);
    assert_int_equal(o.code, HEARTH_DENIED);
    for (size_t i = 0; i < REQUEST_MAX_VIA; i++)
        principal_unref(via[i]);
    principal_unref(owner);
}

static void a_call_for_one_that_ended_gets_no_rights_of_its_own(void **state)
{
    (void)state;
    outcome    o = { 0 };
    principal *owner = principal_new(daemon_->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    principal_grant(rights->as, HEARTH_STR("d.secret"));
    call("c.work", NULL, owner, &o);
    wait_for_arrival();
    hearth_req *req = held;
    outcome     late = { 0 };
    req->wire_id += 1000; /* as if the daemon's call had ended meanwhile */
    hearth_call(req, "d.secret", NULL, NULL, on_done, &late);
    run_until(l, &late.is_done);
    assert_int_equal(late.code, HEARTH_CANCELLED);
    req->wire_id -= 1000;
    hearth_reply(req, NULL);
    run_until(l, &o.is_done);
    principal_unref(owner);
}

static void silence_counts_from_when_something_is_owed(void **state)
{
    (void)state;
    outcome    o = { 0 };
    principal *owner = principal_new(daemon_->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    uint64_t   began = loop_now_ms(l);
    while (loop_now_ms(l) - began < 20) /* nothing is asked: nothing is owed */
        settle_loop(l);
    uint64_t before = loop_now_ms(l);
    call("c.work", NULL, owner, &o);
    uint64_t silence = channel_silence_ms(down);
    assert_true(silence <= loop_now_ms(l) - before);
    wait_for_arrival();
    hearth_reply(held, NULL);
    run_until(l, &o.is_done);
    principal_unref(owner);
}

static void calls_of_a_child_that_end_together_are_let_go_of_together(void **state)
{
    (void)state;
    int told = 0;
    hearth_call_as_plugin(served, "d.pair", NULL, NULL, count, &told);
    hearth_call_as_plugin(served, "d.pair", NULL, NULL, count, &told);
    while (!pair[1])
        settle_loop(l);
    child_->upstream = NULL;
    channel_free(up);
    up = NULL;
    run_until(l, &has_ended);
    assert_null(pair[0]);
    assert_null(pair[1]);
    assert_int_equal(told, 2); /* the child's own end of them */
}

static void a_child_logs_upwards(void **state)
{
    (void)state;
    hearth_log(served, HEARTH_LOG_WARN, "warm in here: %d", 42);
    while (!logged[0])
        settle_loop(l);
    assert_string_equal(logged, "warm in here: 42");
}

static void nonsense_on_the_wire_hurts_nobody(void **state)
{
    (void)state;
    outcome    o = { 0 };
    principal *owner = principal_new(daemon_->gate, PRINCIPAL_OWNER, HEARTH_STR("me"));
    hearth_id  id = call("c.work", NULL, owner, &o);
    wait_for_arrival();
    static const char *const payloads[] = { "", "{", "[]", "{\"method\":7}", "\"x\"", "{\"code\":\"no\"}" };
    for (uint16_t kind = 0; kind < 20; kind++)
        for (size_t i = 0; i < HEARTH_COUNT(payloads); i++)
            if (kind != CHANNEL_REPLY && kind != CHANNEL_FAIL)
                channel_send(up, (channel_frame)kind, 0xFFFF, hearth_cstr(payloads[i]));
    channel_send(up, CHANNEL_REPLY, 0, HEARTH_STR("{\"late\":true}")); /* to a call that never was */
    hearth_reply(held, NULL);
    run_until(l, &o.is_done);
    assert_int_equal(o.code, HEARTH_OK);
    (void)id;
    principal_unref(owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_and_answers_cross, setup, teardown),
        cmocka_unit_test_setup_teardown(cancel_reaches_the_other_end, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_of_the_other_end_fails_every_call, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_asks_with_the_rights_of_both, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_within_the_child_keeps_the_person, setup, teardown),
        cmocka_unit_test_setup_teardown(a_chain_that_is_too_long_is_not_cut_short, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_for_one_that_ended_gets_no_rights_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(silence_counts_from_when_something_is_owed, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_of_a_child_that_end_together_are_let_go_of_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_logs_upwards, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_on_the_wire_hurts_nobody, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
