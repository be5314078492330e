/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* JSON-RPC from a peer: each line of the input is one message to a session over a real kernel, whose methods echo, hold and
 * fail. A first byte of '!' makes the reader slow, of '~' makes it leave in the middle. */
#include <stdint.h>
#include <stdlib.h>

#include "face/rpc.h"
#include "kernel/kernel.h"

static loop        *l;
static kernel      *k;
static rpc         *r;
static principal   *owner;
static rpc_session *s;
static bool         is_open, leaves;
static size_t       queue;

static const char spec[] = "{\"methods\":{\"t.echo\":{\"params\":{\"type\":\"object\"},\"permission\":\"public\"},"
                           "\"t.hold\":{\"params\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}},"
                           "\"permission\":\"public\"}}}";

static void echo(hearth_req *req, void *self)
{
    (void)self;
    hearth_push_text(req, HEARTH_TEXT, hearth_get_str(hearth_params(req), "text"));
    hearth_push_data(req, HEARTH_DATA, hearth_params(req));
    hearth_reply(req, hearth_value_ref(hearth_params(req)));
}

static void on_cancel(void *arg) { hearth_fail(arg, HEARTH_CANCELLED, "cancelled"); }

static void hold(hearth_req *req, void *self)
{
    (void)self;
    hearth_on_cancel(req, on_cancel, req);
}

static void end_session(void)
{
    if (is_open)
        rpc_gone(s);
    is_open = false;
}

static void send_text(void *arg, rpc_kind kind, hearth_code code, hearth_str text)
{
    (void)arg;
    (void)kind;
    (void)code;
    hearth_value *v = hearth_parse(NULL, text, NULL);
    if (!v || !is_open)
        abort(); /* what we send is JSON, and goes to somebody */
    hearth_value_unref(v);
    if (leaves)
        end_session();
}

static size_t queued(void *arg)
{
    (void)arg;
    return queue;
}

static void drop(void *arg, const char *why)
{
    (void)arg;
    (void)why;
    end_session();
}

static void begin(void)
{
    static const hearth_method methods[] = { { "t.echo", echo }, { "t.hold", hold } };
    l = loop_new(NULL);
    k = kernel_new(&(kernel_options){ .loop = l, .version = "fuzz" }, NULL);
    hearth_ctx *ctx = kernel_ctx(k, "t", spec, NULL);
    hearth_serve(ctx, methods, HEARTH_COUNT(methods), NULL, NULL);
    owner = principal_new(kernel_gate(k), PRINCIPAL_OWNER, HEARTH_STR("fuzz"));
    r = rpc_new(k, ctx);
}

static void stop_loop(void *arg) { loop_stop(arg); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const rpc_sink sink = { send_text, queued, drop, true, true };
    if (!r)
        begin();
    leaves = size > 0 && data[0] == '~';
    queue = size > 0 && data[0] == '!' ? RPC_SLOW_BYTES + 1 : 0;
    s = rpc_open(r, owner, &sink, NULL);
    is_open = true;
    for (size_t at = leaves || queue ? 1 : 0; at < size && is_open;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t         n = end ? (size_t)(end - (data + at)) : size - at;
        rpc_receive(s, (hearth_str){ (const char *)data + at, n });
        at += n + 1;
    }
    end_session();
    loop_post(l, stop_loop, l);
    loop_run(l);
    return 0;
}
