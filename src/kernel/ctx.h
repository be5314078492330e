/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ctx: what the kernel keeps about a plugin's running instance and about each request. Private to src/kernel.
 *
 * Everything that the host ever hands to a plugin hangs on its context: requests it serves, calls it made, timers,
 * subscriptions, work, children, memory. That is what makes dispose provable: the lists are emptied, counted and reported. */
#ifndef HEARTH_KERNEL_CTX_H
#define HEARTH_KERNEL_CTX_H

#include <stdatomic.h>
#include <threads.h>

#include "kernel/kernel.h"
#include "kernel/list.h"
#include "kernel/slots.h"
#include "kernel/table.h"

typedef struct job  job;
struct channel;

typedef struct ctx_counters {
    uint64_t calls, failures, slow_callbacks;
    /* what the last dispose had to take back */
    size_t leaked_blocks, leaked_bytes, leaked_timers, leaked_subscriptions, leaked_calls, leaked_requests, leaked_children;
} ctx_counters;

struct hearth_ctx {
    kernel      *k;
    list         in_kernel;   /* of a part that is no plugin */
    char         id[104];
    char        *package_dir; /* absolute, or NULL */
    file_root   *package;     /* NULL: there is none */
    principal   *as;          /* the plugin itself */
    bool         is_open;     /* false: on the way out, nothing new begins */
    bool         has_ended;   /* its workers are waited for: no more work is taken */
    list         serving;     /* hearth_req.in_server */
    list         stranded;    /* hearth_req.in_server: answered for it, kept until it was disposed */
    list         calling;     /* hearth_req.in_caller */
    list         timers;      /* ctx_timer.node */
    list         children;    /* spawn records */
    loop_queue  *queue;       /* made at the first hearth_work */
    list         work;        /* ctx_work.node: not called back yet */
    list         posted;      /* posted.node: not run yet; guarded by memory_lock */
    mtx_t        memory_lock; /* guards blocks, the two counts below, and posted */
    list         blocks;      /* ctx_block.node */
    size_t       block_count, block_bytes;
    ctx_counters counters;
    const hearth_value *topics;   /* contributes.events of the manifest, or NULL: any (kernel, face) */
    void (*on_ready)(void *arg, hearth_code code, const hearth_err *err);
    void        *on_ready_arg;
};

struct hearth_req {
    kernel             *k;
    hearth_id           id;
    hearth_ctx         *server; /* NULL: its plugin is gone, or it runs in a child */
    hearth_ctx         *caller; /* NULL: not a plugin */
    hearth_req         *parent; /* on whose behalf, while that runs */
    list                in_server, in_caller, in_parent;
    list                children; /* hearth_req.in_parent */
    principal          *who;
    principal          *via[REQUEST_MAX_VIA];
    size_t              via_count;
    hearth_value       *params;
    hearth_event_fn     on_event;
    hearth_done_fn      done; /* NULL: nobody waits any more */
    void               *arg;
    const request_http *http;
    void               *http_arg;
    hearth_fn           on_cancel;
    void               *on_cancel_arg;
    atomic_bool         is_cancelled;
    bool                keeps, is_dispatching, may_be_sync, is_answered;
    uint64_t            seq;
    job                *job;
    loop_timer         *deadline;
    struct channel        *remote;    /* a call that a child serves */
    struct channel        *wire;      /* a call that came over a channel: its sink; fixed for its life */
    uint64_t            wire_id;
    /* an answer that waits for the end of the dispatch */
    hearth_code         code;
    hearth_value       *result;
    hearth_err         *err;
    size_t              method_n;
    char                method[]; /* its name */
};

struct kernel {
    kernel_options o;
    loop          *l;
    gate          *gate;
    registry      *registry;
    bus           *bus;
    folder        *folder;   /* NULL in a child */
    settings      *settings; /* NULL in a child */
    append_log    *log;
    slots          requests, timers, children;
    struct jobs   *jobs;
    struct plugins *plugins;
    struct channel   *upstream; /* in a child: to the daemon */
    hearth_ctx    *self;     /* the kernel's own methods */
    list           parts, closed_parts; /* contexts of kernel_ctx, before and after their end */
    uint64_t       started_ms;
    char          *base_url;
    hearth_info    child_info; /* in a child: what hello told */
    hearth_value  *child_settings;
    file_root     *child_cache;
    uint64_t       audit_began_ms; /* the minute that the next two count in */
    unsigned       audit_denials, audit_left_out;
    unsigned       telling; /* callbacks of callers on the stack: their servers may be on it too */
    bool           is_stopping;
};

/* -- ctx.c -- */
hearth_ctx *ctx_new(kernel *k, hearth_str id, const char *package_dir, principal_kind kind, hearth_err *err);
/* Empties the context in the order of DESIGN §5: stop routing, drain or cancel, timers and subscriptions, workers, handles;
 * then done(arg) on the loop, which disposes the plugin and calls ctx_free. */
void ctx_close(hearth_ctx *ctx, uint32_t drain_ms, loop_fn done, void *arg);
/* Reclaims memory, writes what was left to the counters and frees. */
void ctx_reclaim(hearth_ctx *ctx);
/* Counts a callback of this plugin that began at `began_ms` and held the loop for over 50 ms. */
void ctx_count_slow(hearth_ctx *ctx, uint64_t began_ms, const char *what);
void ctx_free(hearth_ctx *ctx);

/* -- request.c -- */
typedef struct request_args {
    hearth_ctx         *caller;
    hearth_req         *parent;
    principal          *who;
    principal *const   *via;
    size_t              via_count;
    hearth_str          method;
    hearth_value       *params; /* taken */
    hearth_event_fn     on_event;
    hearth_done_fn      done;
    void               *arg;
    uint32_t            deadline_ms;
    bool                may_be_sync;
    struct channel     *child; /* straight to a child */
    bool                child_is_gone;
    struct channel        *wire;  /* it came over this channel, as wire_id */
    uint64_t            wire_id;
} request_args;

hearth_id request_start(kernel *k, const request_args *a);
void      request_push(hearth_req *req, const hearth_event *event); /* sets seq, keeps it in the job, passes it on */
void      request_reply(hearth_req *req, hearth_value *value);
void      request_fail(hearth_req *req, hearth_code code, hearth_str msg, hearth_value *details);
void      request_cancel(hearth_req *req);
void      request_abandon(hearth_req *req); /* no callback any more; cancelled unless it keeps */
/* For an on_cancel function that comes after the cancel. */
void      request_cancel_again(hearth_req *req);
/* Its plugin goes away. The caller is told now; the object stays with the plugin, whose workers and dispose may still look
 * at it, until request_free. */
void      request_strand(hearth_req *req, const char *why);
void      request_free(hearth_req *req);
/* Whoever served it is gone: the caller is told, the object ends. */
void      request_drop(hearth_req *req, hearth_code code, const char *why);
void      request_deliver(hearth_req *req, const hearth_event *event); /* to the sink only */
/* A request that nobody called (hearth_job_new). */
hearth_req *request_make(kernel *k, hearth_ctx *server, hearth_str method);

/* -- job.c -- */
struct jobs *jobs_new(kernel *k);
void         jobs_free(struct jobs *j);
void         jobs_recover(struct jobs *j); /* names what a crash left behind */
hearth_id    job_begin(struct jobs *j, hearth_req *req, const hearth_job_options *o);
void         job_event(job *j, const hearth_event *event); /* before it is delivered */
void         job_end(job *j, hearth_code code, const hearth_value *result, const hearth_err *err);
bool         job_has_listeners(const job *j);
hearth_code  jobs_serve(struct jobs *j, hearth_ctx *ctx, hearth_err *err); /* jobs.* */

/* -- host.c -- */
const hearth_host_api *host_table(void);

/* -- spawn.c -- */
hearth_id spawn_start(hearth_ctx *ctx, const hearth_spawn_options *o, void *self, hearth_err *err);
void      spawn_close(hearth_ctx *ctx, hearth_id child);
int64_t   spawn_pid(hearth_ctx *ctx, hearth_id child);
struct channel *spawn_channel(hearth_ctx *ctx, hearth_id child);
size_t    spawn_close_all(hearth_ctx *ctx); /* returns how many there were */
bool      spawn_is_idle(const hearth_ctx *ctx);
void      spawn_kill_all(hearth_ctx *ctx); /* what did not end in time */

/* -- methods.c -- */
hearth_code methods_serve(kernel *k, hearth_ctx *ctx, hearth_err *err); /* system.* events.subscribe settings.* plugins.* */

/* -- kernel.c -- */
void kernel_logv(kernel *k, hearth_level level, const char *who, hearth_str text);

#endif
