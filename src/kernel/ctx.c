/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel/ctx.h"

#include <stdlib.h>

#include "kernel/host_memory.h"

hearth_ctx *ctx_new(kernel *k, hearth_str id, const char *package_dir, principal_kind kind, hearth_err *err)
{
    hearth_ctx *ctx = id.n < sizeof((hearth_ctx *)0)->id ? calloc(1, sizeof *ctx) : NULL;
    if (!ctx) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "kernel", "no room for the plugin %.*s", HEARTH_FMT(id));
        return NULL;
    }
    ctx->k = k;
    memcpy(ctx->id, id.p, id.n);
    list_init(&ctx->in_kernel);
    list_init(&ctx->serving);
    list_init(&ctx->stranded);
    list_init(&ctx->calling);
    list_init(&ctx->timers);
    list_init(&ctx->children);
    list_init(&ctx->work);
    list_init(&ctx->blocks);
    list_init(&ctx->posted);
    mtx_init(&ctx->memory_lock, mtx_plain);
    ctx->is_open = true;
    ctx->as = principal_new(k->gate, kind, id);
    ctx->package_dir = package_dir ? strdup(package_dir) : NULL;
    if (package_dir)
        ctx->package = file_root_open(package_dir, false, NULL); /* a core plugin may have no files of its own */
    if (!ctx->as || (package_dir && !ctx->package_dir)) {
        ctx_free(ctx);
        hearth_err_set(err, HEARTH_NO_MEMORY, "kernel", "no room for the plugin %.*s", HEARTH_FMT(id));
        return NULL;
    }
    return ctx;
}

void ctx_free(hearth_ctx *ctx)
{
    if (!ctx)
        return;
    mtx_destroy(&ctx->memory_lock);
    file_root_close(ctx->package);
    principal_unref(ctx->as);
    free(ctx->package_dir);
    free(ctx);
}

/* -- closing ---------------------------------------------------------------------------------------------------- */

typedef struct closing {
    hearth_ctx *ctx;
    loop_fn     done;
    void       *arg;
    loop_timer *timer;
    uint64_t    until_ms;
} closing;

#define CLOSE_STEP_MS 5u
#define CHILD_END_MS  3000u

static void finish_close(void *arg)
{
    closing *c = arg;
    loop_fn  done = c->done;
    void    *done_arg = c->arg;
    free(c);
    done(done_arg);
}

static void wait_for_children(void *arg)
{
    closing *c = arg;
    if (!spawn_is_idle(c->ctx) && loop_now_ms(c->ctx->k->l) < c->until_ms)
        return;
    spawn_kill_all(c->ctx);
    loop_timer_stop(c->timer);
    c->timer = NULL;
    finish_close(c);
}

/* What would call back into the plugin. An end may bring others with it, so the lists are begun anew after each. */
static void forget_callbacks(hearth_ctx *ctx)
{
    while (!list_is_empty(&ctx->work)) {
        list *node = ctx->work.next;
        list_remove(node);
        ctx_work_free(node);
    }
    while (!list_is_empty(&ctx->calling)) {
        request_abandon(LIST_ENTRY(ctx->calling.next, hearth_req, in_caller));
        ctx->counters.leaked_calls++;
    }
}

/* Workers have finished; what they were to be told of is not called any more. */
static void workers_idle(void *arg)
{
    closing    *c = arg;
    hearth_ctx *ctx = c->ctx;
    ctx->queue = NULL;
    ctx->counters.leaked_children = spawn_close_all(ctx);
    forget_callbacks(ctx);
    c->until_ms = loop_now_ms(ctx->k->l) + CHILD_END_MS;
    c->timer = loop_timer_start(ctx->k->l, 0, CLOSE_STEP_MS, wait_for_children, c);
}

static void stop_the_rest(closing *c)
{
    hearth_ctx *ctx = c->ctx;
    while (!list_is_empty(&ctx->serving)) {
        ctx->counters.leaked_requests++;
        request_strand(LIST_ENTRY(ctx->serving.next, hearth_req, in_server), "the plugin that was working on this was stopped");
    }
    ctx->counters.leaked_timers = ctx_stop_timers(ctx);
    ctx->counters.leaked_subscriptions = bus_drop_owner(ctx->k->bus, ctx);
    ctx->has_ended = true;
    if (ctx->queue)
        loop_queue_free(ctx->queue, workers_idle, c);
    else
        workers_idle(c);
}

static void drain(void *arg)
{
    closing *c = arg;
    if (!list_is_empty(&c->ctx->serving) && loop_now_ms(c->ctx->k->l) < c->until_ms)
        return;
    loop_timer_stop(c->timer);
    c->timer = NULL;
    stop_the_rest(c);
}

/* The end of one may end others of the list: the next is looked for anew after each. */
static hearth_req *next_to_cancel(hearth_ctx *ctx)
{
    LIST_EACH(&ctx->serving, node)
        if (!atomic_load(&LIST_ENTRY(node, hearth_req, in_server)->is_cancelled))
            return LIST_ENTRY(node, hearth_req, in_server);
    return NULL;
}

void ctx_close(hearth_ctx *ctx, uint32_t drain_ms, loop_fn done, void *arg)
{
    closing *c = calloc(1, sizeof *c);
    if (!c)
        abort(); /* a few bytes at the end of a plugin's life: nothing can go on without them */
    c->ctx = ctx;
    c->done = done;
    c->arg = arg;
    ctx->is_open = false;
    registry_withdraw(ctx->k->registry, ctx);
    for (hearth_req *req; (req = next_to_cancel(ctx));)
        request_cancel(req);
    c->until_ms = loop_now_ms(ctx->k->l) + drain_ms;
    c->timer = loop_timer_start(ctx->k->l, 0, CLOSE_STEP_MS, drain, c);
}

void ctx_reclaim(hearth_ctx *ctx)
{
    /* What its dispose, or a callback while its children ended, began in spite of all. */
    ctx_stop_timers(ctx);
    bus_drop_owner(ctx->k->bus, ctx);
    forget_callbacks(ctx);
    ctx_forget_posted(ctx);
    LIST_EACH_SAFE(&ctx->stranded, node, next)
        request_free(LIST_ENTRY(node, hearth_req, in_server));
    ctx->counters.leaked_blocks = ctx->block_count;
    ctx->counters.leaked_bytes = ctx->block_bytes;
    host_memory_reclaim(ctx);
    const ctx_counters *n = &ctx->counters;
    if (n->leaked_blocks)
        kernel_log(ctx->k, HEARTH_LOG_WARN, ctx->id, "dispose left %zu blocks of memory (%zu bytes); taken back", n->leaked_blocks,
                   n->leaked_bytes);
    if (n->leaked_timers || n->leaked_subscriptions || n->leaked_requests)
        kernel_log(ctx->k, HEARTH_LOG_DEBUG, ctx->id, "dispose ended %zu timers, %zu subscriptions, %zu requests, %zu calls, %zu children",
                   n->leaked_timers, n->leaked_subscriptions, n->leaked_requests, n->leaked_calls, n->leaked_children);
}

#define SLOW_MS 50u

void ctx_count_slow(hearth_ctx *ctx, uint64_t began_ms, const char *what)
{
    uint64_t ms = loop_now_ms(ctx->k->l) - began_ms;
    if (ms <= SLOW_MS)
        return;
    ctx->counters.slow_callbacks++;
    kernel_log(ctx->k, HEARTH_LOG_DEBUG, ctx->id, "%s held the loop for %u ms; what takes time belongs into hearth_work", what, (unsigned)ms);
}
