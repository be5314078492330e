/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One session over a real kernel and a carrier that the test slows down, drops and closes. */
#include "kernel_test.h"

#include "face/rpc.h"

static loop        *l;
static kernel      *k;
static hearth_ctx  *ctx;
static principal   *owner, *local;
static rpc         *r;
static rpc_session *s;
static hearth_req  *held;
static bool         was_cancelled;

/* The carrier. */
static hearth_buf sent; /* messages, one per line */
static size_t     sent_count, queue;
static rpc_kind   last_kind;
static bool       was_dropped, gone_in_send, is_open;

static const char spec[] =
    "{\"methods\":{"
    "\"t.echo\":{\"params\":{\"type\":\"object\"},\"permission\":\"public\"},"
    "\"t.hold\":{\"params\":{\"type\":\"object\"},\"permission\":\"t.use\"},"
    "\"t.keep\":{\"params\":{\"type\":\"object\"},\"permission\":\"t.use\",\"disconnect\":\"keep\"},"
    "\"rpc.serve\":{\"params\":{\"type\":\"object\"},\"permission\":\"rpc.serve\"}}}";

static void carrier_send(void *arg, rpc_kind kind, hearth_code code, hearth_str text)
{
    (void)arg;
    (void)code;
    assert_true(is_open);
    hearth_buf_put(&sent, text);
    hearth_buf_putc(&sent, '\n');
    sent_count++;
    last_kind = kind;
    if (gone_in_send) {
        is_open = false;
        rpc_gone(s);
    }
}

static size_t carrier_queued(void *arg)
{
    (void)arg;
    return queue;
}

static void carrier_drop(void *arg, const char *why)
{
    (void)arg;
    (void)why;
    was_dropped = true;
    if (is_open) {
        is_open = false;
        rpc_gone(s);
    }
}

static const rpc_sink sink = { carrier_send, carrier_queued, carrier_drop, true, true };

static void echo(hearth_req *req, void *self)
{
    (void)self;
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("a"));
    hearth_push_text(req, HEARTH_TEXT, HEARTH_STR("b"));
    hearth_reply(req, hearth_value_ref(hearth_params(req)));
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

static void connect_as(principal *who)
{
    s = rpc_open(r, who, &sink, NULL);
    is_open = true;
}

static int setup(void **state)
{
    (void)state;
    static const hearth_method methods[] = { { "t.echo", echo }, { "t.hold", hold }, { "t.keep", hold } };
    hearth_err                 err = { 0 };
    held = NULL;
    was_cancelled = was_dropped = gone_in_send = false;
    queue = sent_count = 0;
    hearth_buf_init(&sent, 64 << 20);
    l = loop_new(&err);
    k = kernel_new(&(kernel_options){ .loop = l, .version = "test" }, &err);
    ctx = kernel_ctx(k, "t", spec, &err);
    if (!ctx || hearth_serve(ctx, methods, HEARTH_COUNT(methods), NULL, &err) < 0)
        fail_msg("%s", err.msg);
    owner = principal_new(kernel_gate(k), PRINCIPAL_OWNER, HEARTH_STR("me"));
    local = principal_new(kernel_gate(k), PRINCIPAL_LOCAL, HEARTH_STR(""));
    r = rpc_new(k, ctx);
    connect_as(owner);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (is_open)
        rpc_gone(s);
    is_open = false;
    if (held)
        hearth_reply(held, NULL);
    settle_loop(l);
    bool is_done = false;
    rpc_free(r, settle_now, &is_done);
    run_until(l, &is_done);
    is_done = false;
    ctx_close(ctx, 0, settle_now, &is_done);
    run_until(l, &is_done);
    principal_unref(owner);
    principal_unref(local);
    kernel_free(k);
    loop_free(l);
    hearth_buf_deinit(&sent);
    return 0;
}

static void receive(const char *text) { rpc_receive(s, hearth_cstr(text)); }

/* The n-th message that was sent, from 0; the caller's. */
static hearth_value *message(size_t n)
{
    const char *p = sent.p;
    for (size_t i = 0; i < n; i++)
        p = strchr(p, '\n') + 1;
    hearth_value *v = hearth_parse(NULL, (hearth_str){ p, strcspn(p, "\n") }, NULL);
    assert_non_null(v);
    return v;
}

static void assert_error(size_t n, const char *name)
{
    hearth_value *v = message(n);
    assert_text(hearth_get_str(hearth_get(hearth_get(v, "error"), "data"), "name"), name);
    hearth_value_unref(v);
}

static void events_then_answer(void **state)
{
    (void)state;
    receive("{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"t.echo\",\"params\":{\"n\":4}}");
    assert_int_equal(sent_count, 3);
    hearth_value *v = message(0);
    assert_text(hearth_get_str(hearth_get(v, "params"), "text"), "a");
    assert_int_equal(hearth_get_u64(hearth_get(v, "params"), "seq", 0), 1);
    hearth_value_unref(v);
    v = message(2);
    assert_text(hearth_get_str(v, "id"), "q");
    assert_int_equal(hearth_get_i64(hearth_get(v, "result"), "n", 0), 4);
    hearth_value_unref(v);
}

static void nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
    } rows[] = {
        { "", "parse" },
        { "{", "parse" },
        { "\xff", "parse" },
        { "[]", "invalid_request" },
        { "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.echo\"}]", "invalid_request" },
        { "7", "invalid_request" },
        { "{\"id\":1,\"method\":\"t.echo\"}", "invalid_request" },
        { "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"t.echo\"}", "invalid_request" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1}", "invalid_request" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", "invalid_request" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}", "invalid_request" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"t.echo\"}", "invalid_request" },
        { "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"t.echo\"}", "invalid_request" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.echo\",\"params\":[1]}", "invalid_request" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.echo\",\"params\":null}", "invalid_request" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"no.such\"}", "unknown_method" },
    };
    for (size_t i = 0; i < HEARTH_COUNT(rows); i++) {
        hearth_buf_reset(&sent);
        sent_count = 0;
        receive(rows[i].text);
        if (sent_count != 1)
            fail_msg("%s: %zu answers", rows[i].text, sent_count);
        assert_error(0, rows[i].name);
    }
    receive("{\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{}}"); /* an answer to nothing */
    assert_int_equal(sent_count, 1);
    assert_false(was_dropped);
}

static void deep_nesting(void **state)
{
    (void)state;
    char text[4096];
    memset(text, '[', sizeof text - 1);
    text[sizeof text - 1] = 0;
    receive(text);
    assert_int_equal(sent_count, 1);
    assert_int_equal(last_kind, RPC_ERROR);
}

static void notifications_say_nothing(void **state)
{
    (void)state;
    receive("{\"jsonrpc\":\"2.0\",\"method\":\"t.echo\",\"params\":{}}");
    receive("{\"jsonrpc\":\"2.0\",\"method\":\"no.such\"}");
    receive("{\"jsonrpc\":\"2.0\",\"method\":\"rpc.cancel\",\"params\":{\"id\":5}}");
    settle_loop(l);
    assert_int_equal(sent_count, 0);
}

static void cancel(void **state)
{
    (void)state;
    receive("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"t.hold\"}");
    assert_non_null(held);
    receive("{\"jsonrpc\":\"2.0\",\"method\":\"rpc.cancel\",\"params\":{\"id\":\"5\"}}"); /* another id */
    assert_false(was_cancelled);
    receive("{\"jsonrpc\":\"2.0\",\"method\":\"rpc.cancel\",\"params\":{\"id\":5}}");
    settle_loop(l);
    assert_true(was_cancelled);
    assert_int_equal(sent_count, 1);
    assert_error(0, "cancelled");
}

static void an_id_at_a_time(void **state)
{
    (void)state;
    receive("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"t.hold\"}");
    receive("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"t.echo\"}");
    assert_error(0, "invalid_request");
    hearth_reply(held, NULL);
    held = NULL;
    receive("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"t.echo\"}");
    assert_int_equal(sent_count, 5);
}

static void too_many_calls(void **state)
{
    (void)state;
    char text[96];
    for (int i = 0; i < 257; i++) {
        snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"t.keep\"}", i);
        receive(text);
    }
    assert_int_equal(sent_count, 1);
    assert_error(0, "busy");
}

static void leaving_cancels_or_keeps(void **state)
{
    (void)state;
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.keep\"}");
    is_open = false;
    rpc_gone(s);
    settle_loop(l);
    assert_false(was_cancelled);
    hearth_reply(held, NULL);
    held = NULL;
    connect_as(owner);
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.hold\"}");
    is_open = false;
    rpc_gone(s);
    settle_loop(l);
    assert_true(was_cancelled);
    assert_int_equal(sent_count, 0);
}

static void the_end_inside_of_a_send(void **state)
{
    (void)state;
    gone_in_send = true;
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.echo\"}");
    settle_loop(l);
    assert_int_equal(sent_count, 1); /* the first event; the second and the answer have nobody */
}

static void a_slow_reader_gets_joined_text(void **state)
{
    (void)state;
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.hold\"}");
    queue = RPC_SLOW_BYTES + 1;
    for (int i = 0; i < 1000; i++)
        hearth_push_text(held, HEARTH_TEXT, HEARTH_STR("x"));
    hearth_push_progress(held, 1, 2, HEARTH_STR("half"));
    hearth_push_text(held, HEARTH_REASONING, HEARTH_STR("y"));
    hearth_reply(held, NULL);
    held = NULL;
    settle_loop(l);
    assert_int_equal(sent_count, 0);
    queue = 0;
    while (sent_count < 4) /* the session looks again by itself */
        settle_loop(l);
    hearth_value *v = message(0);
    assert_int_equal(hearth_get_str(hearth_get(v, "params"), "text").n, 1000);
    assert_int_equal(hearth_get_u64(hearth_get(v, "params"), "seq", 0), 1000);
    hearth_value_unref(v);
    v = message(1);
    assert_text(hearth_get_str(hearth_get(v, "params"), "kind"), "progress");
    hearth_value_unref(v);
    v = message(3);
    assert_non_null(hearth_get(v, "result"));
    hearth_value_unref(v);
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.echo\"}"); /* the id is free, and nothing is held back */
    assert_int_equal(sent_count, 7);
}

static void a_reader_that_never_reads(void **state)
{
    (void)state;
    static char piece[64 << 10];
    memset(piece, 'x', sizeof piece);
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.hold\"}");
    queue = RPC_SLOW_BYTES + 1;
    for (size_t n = 0; held && n <= RPC_CALL_BYTES; n += sizeof piece)
        hearth_push_text(held, HEARTH_TEXT, (hearth_str){ piece, sizeof piece });
    settle_loop(l);
    assert_true(was_cancelled); /* t.hold does not keep */
    assert_false(was_dropped);
    queue = 0;
    while (sent_count < 1)
        settle_loop(l);
    assert_error(0, "busy");
}

static void large_messages_keep_their_order(void **state)
{
    (void)state;
    size_t n = RPC_LARGE_BYTES + 100;
    char  *text = malloc(n + 128);
    int    head = snprintf(text, 128, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.hold\",\"params\":{\"x\":\"");
    memset(text + head, 'x', n);
    strcpy(text + head + n, "\"}}");
    receive(text);
    assert_null(held); /* a worker parses it */
    receive("{\"jsonrpc\":\"2.0\",\"method\":\"rpc.cancel\",\"params\":{\"id\":1}}");
    while (!was_cancelled)
        settle_loop(l);
    settle_loop(l);
    assert_error(0, "cancelled");
    was_cancelled = false;
    receive(text);
    is_open = false;
    rpc_gone(s); /* while it is parsed */
    free(text);
    settle_loop(l);
    assert_null(held);
}

static void the_peer_serves(void **state)
{
    (void)state;
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.serve\",\"params\":{\"methods\":[\"ui.pick\",\"ui.note."
            "show\"]}}");
    assert_int_equal(last_kind, RPC_RESULT);
    receive("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ui.pick\",\"params\":{\"of\":3}}");
    hearth_value *v = message(1);
    assert_text(hearth_get_str(v, "method"), "ui.pick");
    assert_int_equal(hearth_get_i64(hearth_get(v, "params"), "of", 0), 3);
    assert_text(hearth_get_str(v, "id"), "s1");
    hearth_value_unref(v);
    receive(
        "{\"jsonrpc\":\"2.0\",\"method\":\"rpc.event\",\"params\":{\"id\":\"s1\",\"kind\":\"text\",\"text\":\"hm\"}}");
    receive("{\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"result\":{\"picked\":1}}");
    settle_loop(l);
    assert_int_equal(sent_count, 4);
    v = message(3);
    assert_int_equal(hearth_get_i64(hearth_get(v, "result"), "picked", 0), 1);
    hearth_value_unref(v);
    receive("{\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"result\":{}}"); /* twice */
    receive("{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ui.note.show\"}");
    receive("{\"jsonrpc\":\"2.0\",\"id\":\"s2\",\"error\":{\"code\":4004,\"message\":\"no note\"}}");
    settle_loop(l);
    assert_error(5, "not_found");
}

static void serving_has_rules(void **state)
{
    (void)state;
    static const char *const bad[] = { "{}",
                                       "{\"methods\":[]}",
                                       "{\"methods\":[\"threads.list\"]}",
                                       "{\"methods\":[\"ui.\"]}",
                                       "{\"methods\":[\"ui..x\"]}",
                                       "{\"methods\":[\"ui.X\"]}",
                                       "{\"methods\":[7]}",
                                       "{\"methods\":\"ui.x\"}" };
    char                     text[200];
    for (size_t i = 0; i < HEARTH_COUNT(bad); i++) {
        hearth_buf_reset(&sent);
        snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.serve\",\"params\":%s}", bad[i]);
        receive(text);
        assert_error(0, "invalid_argument");
    }
    hearth_buf_reset(&sent);
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.serve\",\"params\":{\"methods\":[\"ui.x\"]}}");
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.serve\",\"params\":{\"methods\":[\"ui.x\"]}}");
    assert_error(1, "conflict");
    /* Gone with the connection, and free for the next. */
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ui.x\"}");
    is_open = false;
    rpc_gone(s);
    settle_loop(l);
    connect_as(owner);
    hearth_buf_reset(&sent);
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ui.x\"}");
    assert_error(0, "unknown_method");
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.serve\",\"params\":{\"methods\":[\"ui.x\"]}}");
    assert_int_equal(last_kind, RPC_RESULT);
    is_open = false;
    rpc_gone(s);
    connect_as(local);
    hearth_buf_reset(&sent);
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.serve\",\"params\":{\"methods\":[\"ui.y\"]}}");
    assert_int_equal(last_kind, RPC_ERROR);
}

static void the_gate_stands(void **state)
{
    (void)state;
    is_open = false;
    rpc_gone(s);
    connect_as(local);
    receive("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.hold\"}");
    assert_null(held);
    assert_int_equal(last_kind, RPC_ERROR);
    receive("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"t.echo\",\"params\":{}}");
    assert_int_equal(last_kind, RPC_RESULT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(events_then_answer),
        T(nonsense),
        T(deep_nesting),
        T(notifications_say_nothing),
        T(cancel),
        T(an_id_at_a_time),
        T(too_many_calls),
        T(leaving_cancels_or_keeps),
        T(the_end_inside_of_a_send),
        T(a_slow_reader_gets_joined_text),
        T(a_reader_that_never_reads),
        T(large_messages_keep_their_order),
        T(the_peer_serves),
        T(serving_has_rules),
        T(the_gate_stands),
    };
    return cmocka_run_group_tests_name("rpc", tests, NULL, NULL);
}
