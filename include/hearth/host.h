/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* host.h: a plugin's only door to the world.
 *
 *     static void get_title(hearth_req *req, void *self)
 *     {
 *         hearth_str id = hearth_get_str(hearth_params(req), "thread");
 *         hearth_value *params = hearth_object(hearth_ctx_of(req));
 *         hearth_put_str(params, "id", id);
 *         hearth_call(req, "threads.get", params, NULL, on_thread, req);   // asks as the same person
 *     }
 *     static void on_thread(void *arg, const hearth_reply_view *r)
 *     {
 *         hearth_req *req = arg;
 *         if (r->code < 0) hearth_fail_with(req, r->code, r->err);
 *         else             hearth_reply(req, hearth_value_ref(hearth_get(r->value, "thread")));
 *     }
 *
 * Every function here is a static inline wrapper over one sized, append-only table that the host hands over at
 * load: a plugin links nothing of Hearth but the kit, and the same source runs in the daemon or in a child.
 *
 * Thread: unless a block says otherwise, everything is called on, and calls back on, the plugin's loop thread.
 * Nothing on the loop may take over 1 ms: that is what hearth_work is for.
 * Ownership: values that are given (reply, emit, call) are taken; what callbacks receive is borrowed.
 * Handles: a hearth_req lives until it was answered or its plugin was disposed, everything else is an id that is looked
 * up on use. */
#ifndef HEARTH_HOST_H
#define HEARTH_HOST_H

#include <stdarg.h>
#include <stdio.h>

#include <hearth/kit.h>
#include <hearth/types.h>
#include <hearth/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hearth_req hearth_req; /* one request being served */

/* A method's implementation. It answers exactly once, now or later: hearth_reply or hearth_fail. */
typedef void (*hearth_method_fn)(hearth_req *req, void *self);

typedef struct hearth_method {
    const char      *name; /* described in methods.json: params, result, permission, events, disconnect, alias */
    hearth_method_fn call;
} hearth_method;

/* How a call ended. Borrowed for the callback. */
typedef struct hearth_reply_view {
    hearth_code         code;  /* HEARTH_OK or what failed */
    const hearth_value *value; /* the result; with a failure, details or NULL */
    const hearth_err   *err;   /* never NULL */
} hearth_reply_view;

typedef void (*hearth_event_fn)(void *arg, const hearth_event *event);
typedef void (*hearth_done_fn)(void *arg, const hearth_reply_view *reply);
typedef void (*hearth_topic_fn)(void *self, hearth_str topic, const hearth_value *value);
typedef void (*hearth_fn)(void *arg);
typedef void (*hearth_finish_fn)(void *arg, void *self);

/* One event for one request, for hearth_push_many. */
typedef struct hearth_push_item {
    hearth_req  *req;
    hearth_event event;
} hearth_push_item;

typedef enum hearth_level { HEARTH_LOG_DEBUG = 1, HEARTH_LOG_INFO, HEARTH_LOG_WARN, HEARTH_LOG_ERROR } hearth_level;

/* Who asks. Kinds: "owner", "local" (loopback without credential), "user", "key", "plugin". */
typedef struct hearth_principal {
    uint32_t   size;
    hearth_str kind, id;
} hearth_principal;

/* -- http ---------------------------------------------------------------------------------------------------- */

typedef struct hearth_header {
    hearth_str name, value;
} hearth_header;

/* A request that came by a route. Borrowed until the request is answered. */
typedef struct hearth_http {
    uint32_t   size;
    hearth_str method, path, query; /* path is percent-decoded, query is not */
    hearth_str rest;                /* what the route's trailing * stands for */
    hearth_str body;
    hearth_str request_id;          /* also sent as x-request-id */
} hearth_http;

typedef struct hearth_route {
    const char      *method; /* "GET", "POST", "DELETE" */
    const char      *path;   /* "/v1/models" or "/v1/models/" followed by * */
    hearth_method_fn call;
    const char      *permission; /* as in methods.json: "inference.use", "public" … */
} hearth_route;

/* -- children ------------------------------------------------------------------------------------------------- */

typedef enum hearth_child_state { HEARTH_CHILD_STARTING = 1, HEARTH_CHILD_READY, HEARTH_CHILD_GONE } hearth_child_state;

/* A further instance of an installed plugin, in a process of its own. */
typedef struct hearth_spawn_options {
    uint32_t          size;
    const char       *plugin;     /* its id: "engine-llama" */
    const char       *label;      /* shown in monitor and logs: the model's id */
    const hearth_str *read_paths; /* absolute files and folders it may read, beside its own package */
    size_t            read_count;
    const hearth_str *write_paths;
    size_t            write_count;
    uint32_t          start_ms;   /* from spawn to active; 0: 10,000 */
    uint32_t          silence_ms; /* an unanswered health question for so long is a hang; 0: 10,000 */
    /* HEARTH_CHILD_READY once; HEARTH_CHILD_GONE once, with the reason. After GONE the id is dead and every
     * call that was under way has failed with `crashed`. */
    void (*on_state)(void *self, hearth_id child, hearth_child_state state, const hearth_err *err);
} hearth_spawn_options;

/* -- options ---------------------------------------------------------------------------------------------------- */

typedef struct hearth_call_options {
    uint32_t        size;
    hearth_event_fn on_event;    /* NULL: events are dropped */
    uint32_t        deadline_ms; /* 0: none */
    hearth_id       child;       /* 0: whoever serves the method; else that child of ours */
} hearth_call_options;

typedef struct hearth_job_options {
    uint32_t            size;
    uint32_t            ring;       /* events kept for who attaches later; 0: 4,096 */
    bool                is_durable; /* has a record in local/jobs while it runs */
    const hearth_value *meta;       /* shown with the job: {thread, message}; copied by reference */
} hearth_job_options;

typedef enum hearth_dir {
    HEARTH_DIR_DATA = 1, /* the shared half of the data folder */
    HEARTH_DIR_LOCAL,    /* the half that stays on this machine */
    HEARTH_DIR_INDEX,    /* local/index: may be deleted at any time */
    HEARTH_DIR_CACHE,    /* local/kv/<plugin>: may be deleted at any time */
    HEARTH_DIR_PACKAGE   /* the plugin's own files, read-only */
} hearth_dir;

typedef struct hearth_dir_entry {
    uint32_t   size;
    hearth_str name;
    bool       is_dir;
    uint64_t   bytes;
    uint64_t   modified_ms;
} hearth_dir_entry;

typedef struct hearth_info {
    uint32_t   size;
    hearth_str version;  /* of Hearth */
    hearth_str device;   /* this machine's id in this folder */
    hearth_str data_dir; /* absolute */
    hearth_str base_url; /* of the HTTP listener, empty while there is none */
} hearth_info;

typedef void (*hearth_append_fn)(void *arg, void *self, hearth_code code, uint64_t offset, const hearth_err *err);

/* -- the table ----------------------------------------------------------------------------------------------------- */

/* Append only. `size` is what the host knows; a plugin built for a newer minor checks it with HEARTH_HAS. */
typedef struct hearth_host_api {
    uint32_t                size;
    uint16_t                abi_major, abi_minor;
    const hearth_value_api *values;

    void *(*alloc)(hearth_ctx *ctx, size_t n);
    void *(*resize)(hearth_ctx *ctx, void *p, size_t n);
    void (*release)(hearth_ctx *ctx, void *p);
    void (*log)(hearth_ctx *ctx, hearth_level level, hearth_str text);
    void (*ready)(hearth_ctx *ctx, hearth_code code, const hearth_err *err);
    void (*info)(hearth_ctx *ctx, hearth_info *out);
    uint64_t (*now_ms)(hearth_ctx *ctx);
    uint64_t (*wall_ms)(hearth_ctx *ctx);
    void (*random)(hearth_ctx *ctx, void *out, size_t n);

    hearth_code (*serve)(hearth_ctx *ctx, const hearth_method *methods, size_t n, void *self, hearth_err *err);
    hearth_code (*route)(hearth_ctx *ctx, const hearth_route *routes, size_t n, void *self, hearth_err *err);
    hearth_ctx *(*ctx_of)(const hearth_req *req);
    const hearth_value *(*params)(const hearth_req *req);
    void (*principal)(const hearth_req *req, hearth_principal *out);
    void (*reply)(hearth_req *req, hearth_value *value);
    void (*fail)(hearth_req *req, hearth_code code, hearth_str msg, hearth_value *details);
    void (*push)(hearth_req *req, const hearth_event *event);
    void (*push_many)(hearth_ctx *ctx, const hearth_push_item *items, size_t n);
    bool (*is_cancelled)(const hearth_req *req);
    void (*on_cancel)(hearth_req *req, hearth_fn fn, void *arg);
    hearth_id (*job)(hearth_req *req, const hearth_job_options *options);
    hearth_req *(*job_new)(hearth_ctx *ctx, hearth_str method, const hearth_job_options *options, hearth_id *id);

    hearth_id (*call)(hearth_ctx *ctx, hearth_req *on_behalf_of, hearth_str method, hearth_value *params,
                      const hearth_call_options *options, hearth_done_fn done, void *arg);
    void (*cancel)(hearth_ctx *ctx, hearth_id call);
    void (*emit)(hearth_ctx *ctx, hearth_str topic, hearth_value *value);
    hearth_id (*subscribe)(hearth_ctx *ctx, hearth_str pattern, hearth_topic_fn fn, void *self);
    void (*unsubscribe)(hearth_ctx *ctx, hearth_id subscription);
    hearth_code (*while_watched)(hearth_ctx *ctx, hearth_str topic, uint32_t every_ms, hearth_fn tick, void *self, hearth_err *err);

    hearth_id (*timer)(hearth_ctx *ctx, uint32_t after_ms, uint32_t every_ms, hearth_fn fn, void *arg);
    void (*timer_stop)(hearth_ctx *ctx, hearth_id timer);
    void (*work)(hearth_ctx *ctx, hearth_fn run, hearth_finish_fn done, void *arg, void *self);
    void (*post)(hearth_ctx *ctx, hearth_fn fn, void *arg);

    const hearth_http *(*http)(const hearth_req *req);
    hearth_str (*http_header)(const hearth_req *req, hearth_str name);
    void (*http_start)(hearth_req *req, int status, const hearth_header *headers, size_t n);
    hearth_code (*http_write)(hearth_req *req, hearth_str bytes);
    void (*http_end)(hearth_req *req);
    size_t (*http_queued)(const hearth_req *req);

    hearth_code (*path)(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_buf *out, hearth_err *err);
    hearth_code (*file_read)(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_buf *out, hearth_err *err);
    hearth_code (*file_write)(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_str bytes, hearth_err *err);
    hearth_code (*file_remove)(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_err *err);
    hearth_code (*dir_list)(hearth_ctx *ctx, hearth_dir dir, hearth_str relative,
                            hearth_code (*each)(void *arg, const hearth_dir_entry *entry), void *arg, hearth_err *err);
    void (*log_append)(hearth_ctx *ctx, hearth_str relative, hearth_str lines, hearth_append_fn done, void *arg, void *self);

    hearth_value *(*setting)(hearth_ctx *ctx, hearth_str key);
    hearth_id (*spawn)(hearth_ctx *ctx, const hearth_spawn_options *options, void *self, hearth_err *err);
    void (*child_close)(hearth_ctx *ctx, hearth_id child);
    int64_t (*child_pid)(hearth_ctx *ctx, hearth_id child);

    hearth_code (*file_read_at)(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, uint64_t from, hearth_buf *out,
                                uint64_t *size, hearth_err *err);
    void (*http_reply)(hearth_req *req, int status, const hearth_header *headers, size_t n, hearth_str body);
    bool (*is_closing)(hearth_ctx *ctx);
} hearth_host_api;

/* Set once per image, by the plugin's entry; defined in libhearth-kit. */
extern const hearth_host_api *hearth_host_table;

/* Whether this host offers a member: HEARTH_HAS(hearth_host_table, spawn). */
#define HEARTH_HAS(table, member) \
    ((table)->size >= offsetof(hearth_host_api, member) + sizeof((table)->member) && (table)->member)

/* -- memory, log, clock. Since: 1.0 ------------------------------------------------------------------------------- */

/* Memory counted against this plugin and proven returned at dispose; zeroed; NULL when there is none.
 * Owner: the plugin. Thread: any. */
static inline void *hearth_alloc(hearth_ctx *ctx, size_t n) { return hearth_host_table->alloc(ctx, n); }
static inline void *hearth_resize(hearth_ctx *ctx, void *p, size_t n) { return hearth_host_table->resize(ctx, p, n); }
static inline void  hearth_free(hearth_ctx *ctx, void *p) { hearth_host_table->release(ctx, p); }
#define hearth_new(ctx, type) ((type *)hearth_alloc((ctx), sizeof(type)))

/* One line of the plugin's log, capped at 2 KiB. Thread: any. */
static inline void hearth_log(hearth_ctx *ctx, hearth_level level, const char *fmt, ...) HEARTH_PRINTF(3, 4);
static inline void hearth_log(hearth_ctx *ctx, hearth_level level, const char *fmt, ...)
{
    char    text[2048];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n < 0)
        return;
    hearth_str line = { text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1 };
    hearth_host_table->log(ctx, level, line);
}

/* Ends a load that returned HEARTH_LATER. */
static inline void hearth_ready(hearth_ctx *ctx, hearth_code code, const hearth_err *err) { hearth_host_table->ready(ctx, code, err); }
/* Views that stay valid while the plugin is loaded (base_url until the listener changes). */
static inline hearth_info hearth_info_get(hearth_ctx *ctx)
{
    hearth_info info = { sizeof info, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
    hearth_host_table->info(ctx, &info);
    return info;
}
/* Milliseconds that never go back; milliseconds since 1970. Thread: any. */
static inline uint64_t hearth_now_ms(hearth_ctx *ctx) { return hearth_host_table->now_ms(ctx); }
static inline uint64_t hearth_wall_ms(hearth_ctx *ctx) { return hearth_host_table->wall_ms(ctx); }
/* Bytes of the system's cryptographic generator. Thread: any. */
static inline void hearth_random(hearth_ctx *ctx, void *out, size_t n) { hearth_host_table->random(ctx, out, n); }

/* -- serving. Since: 1.0 --------------------------------------------------------------------------------------------- */

/* Registers methods that methods.json describes; arguments are validated against it before `call` runs.
 * Owner: `methods` and `self` are borrowed until dispose. Errors: invalid_argument (not described), conflict. */
static inline hearth_code hearth_serve(hearth_ctx *ctx, const hearth_method *methods, size_t n, void *self, hearth_err *err)
{
    return hearth_host_table->serve(ctx, methods, n, self, err);
}
/* Registers HTTP routes on the one listener. Errors: conflict, unsupported (no listener here). */
static inline hearth_code hearth_serve_routes(hearth_ctx *ctx, const hearth_route *routes, size_t n, void *self, hearth_err *err)
{
    return hearth_host_table->route(ctx, routes, n, self, err);
}
static inline hearth_ctx *hearth_ctx_of(const hearth_req *req) { return hearth_host_table->ctx_of(req); }
/* The arguments, an object; {} when none were given. Borrowed until the answer. */
static inline const hearth_value *hearth_params(const hearth_req *req) { return hearth_host_table->params(req); }
static inline hearth_principal hearth_principal_of(const hearth_req *req)
{
    hearth_principal who = { sizeof who, { NULL, 0 }, { NULL, 0 } };
    hearth_host_table->principal(req, &who);
    return who;
}
/* Answers and ends the request; `req` is gone afterwards. Takes `value` (NULL means {}). */
static inline void hearth_reply(hearth_req *req, hearth_value *value) { hearth_host_table->reply(req, value); }
/* Fails and ends the request with one sentence for a person: what failed, on what, what to do. */
static inline void hearth_fail(hearth_req *req, hearth_code code, const char *fmt, ...) HEARTH_PRINTF(3, 4);
static inline void hearth_fail(hearth_req *req, hearth_code code, const char *fmt, ...)
{
    char    text[400];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    hearth_str msg = { text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1 };
    (hearth_host_table->fail)(req, code, msg, NULL); /* in brackets: cmocka has a macro fail() */
}
/* The same with what another part said. */
static inline void hearth_fail_with(hearth_req *req, hearth_code code, const hearth_err *err)
{
    (hearth_host_table->fail)(req, code, hearth_cstr(err ? err->msg : ""), NULL);
}
/* The same with details a program can read: {"param":"temperature"}, {"n_ctx":1024}. Takes `details`. */
static inline void hearth_fail_detailed(hearth_req *req, hearth_code code, hearth_str msg, hearth_value *details)
{
    (hearth_host_table->fail)(req, code, msg, details);
}
/* Tells the caller something before the answer. What it points to is copied. */
static inline void hearth_push(hearth_req *req, const hearth_event *event) { hearth_host_table->push(req, event); }
static inline void hearth_push_text(hearth_req *req, hearth_event_kind kind, hearth_str text)
{
    hearth_event e = { (uint32_t)kind, 0, 0, text, 0, 0, NULL };
    hearth_host_table->push(req, &e);
}
static inline void hearth_push_data(hearth_req *req, hearth_event_kind kind, const hearth_value *data)
{
    hearth_event e = { (uint32_t)kind, 0, 0, { NULL, 0 }, 0, 0, data };
    hearth_host_table->push(req, &e);
}
static inline void hearth_push_progress(hearth_req *req, uint64_t done, uint64_t total, hearth_str what)
{
    hearth_event e = { (uint32_t)HEARTH_PROGRESS, 0, 0, what, done, total, NULL };
    hearth_host_table->push(req, &e);
}
/* Many events of many requests at once: one write per decode step when the plugin is a child.
 * Thread: any; the requests must not be answered meanwhile (answer through hearth_post). */
static inline void hearth_push_many(hearth_ctx *ctx, const hearth_push_item *items, size_t n) { hearth_host_table->push_many(ctx, items, n); }
/* Thread: any. */
static inline bool hearth_is_cancelled(const hearth_req *req) { return hearth_host_table->is_cancelled(req); }
/* The plugin is being stopped: what is cancelled now is cut off by us, not by whoever asked. */
static inline bool hearth_is_closing(hearth_ctx *ctx) { return hearth_host_table->is_closing(ctx); }
/* `fn` runs when the caller cancels or goes away (unless the request became a job that keeps going), never inside of
 * this plugin's own hearth_push or hearth_reply, and soon when that has happened already; the request must still be
 * answered. */
static inline void hearth_on_cancel(hearth_req *req, hearth_fn fn, void *arg) { hearth_host_table->on_cancel(req, fn, arg); }
/* Makes this request a job: its events are numbered and kept in a ring, it goes on when the caller leaves, and
 * others may attach. The answer ends the job. Returns its id, 0 when memory runs out; outside of C the id is written
 * as 16 lower-case hexadecimal digits ("%016" PRIx64) and never repeats, not even after a restart. */
static inline hearth_id hearth_job(hearth_req *req, const hearth_job_options *options) { return hearth_host_table->job(req, options); }
/* A job that nobody asked for, with the plugin's own rights: an import found at start. Answered like a request. */
static inline hearth_req *hearth_job_new(hearth_ctx *ctx, const char *method, const hearth_job_options *options, hearth_id *id)
{
    return hearth_host_table->job_new(ctx, hearth_cstr(method), options, id);
}

/* -- calling. Since: 1.0 ------------------------------------------------------------------------------------------------ */

/* Calls a method on behalf of the request that is being served: it needs the rights of both, the person and this
 * plugin, and is cancelled with the request. `done` runs exactly once, never before this returns, unless the
 * plugin is disposed first. Takes `params` (NULL means {}). Returns the call's id for hearth_cancel. */
static inline hearth_id hearth_call(hearth_req *req, const char *method, hearth_value *params,
                                    const hearth_call_options *options, hearth_done_fn done, void *arg)
{
    return hearth_host_table->call(hearth_host_table->ctx_of(req), req, hearth_cstr(method), params, options, done, arg);
}
/* Calls with the plugin's own rights alone. */
static inline hearth_id hearth_call_as_plugin(hearth_ctx *ctx, const char *method, hearth_value *params,
                                              const hearth_call_options *options, hearth_done_fn done, void *arg)
{
    return hearth_host_table->call(ctx, NULL, hearth_cstr(method), params, options, done, arg);
}
/* The call ends soon with `cancelled`, or with its answer if that was faster. */
static inline void hearth_cancel(hearth_ctx *ctx, hearth_id call) { hearth_host_table->cancel(ctx, call); }

/* Tells whoever listens. Only topics that plugin.json lists under contributes.events. Takes `value`. */
static inline void hearth_emit(hearth_ctx *ctx, const char *topic, hearth_value *value) { hearth_host_table->emit(ctx, hearth_cstr(topic), value); }
/* `pattern` is a topic or a prefix with a star: "threads.*". Returns 0 when it is not allowed (a
 * topic may need a permission of its own), or in a child, where no topic arrives. */
static inline hearth_id hearth_subscribe(hearth_ctx *ctx, const char *pattern, hearth_topic_fn fn, void *self)
{
    return hearth_host_table->subscribe(ctx, hearth_cstr(pattern), fn, self);
}
static inline void hearth_unsubscribe(hearth_ctx *ctx, hearth_id subscription) { hearth_host_table->unsubscribe(ctx, subscription); }
/* Runs `tick` every so often, but only while somebody listens to `topic`. Errors: unsupported (in a child). */
static inline hearth_code hearth_while_watched(hearth_ctx *ctx, const char *topic, uint32_t every_ms, hearth_fn tick, void *self, hearth_err *err)
{
    return hearth_host_table->while_watched(ctx, hearth_cstr(topic), every_ms, tick, self, err);
}

/* -- time and work. Since: 1.0 ---------------------------------------------------------------------------------------------- */

/* `every_ms` 0: once. */
static inline hearth_id hearth_timer(hearth_ctx *ctx, uint32_t after_ms, uint32_t every_ms, hearth_fn fn, void *arg)
{
    return hearth_host_table->timer(ctx, after_ms, every_ms, fn, arg);
}
static inline void hearth_timer_stop(hearth_ctx *ctx, hearth_id timer) { hearth_host_table->timer_stop(ctx, timer); }
/* Runs `run(arg)` on a worker, one at a time per plugin and in order, then `done(arg, self)` on the loop (not
 * when the plugin was disposed meanwhile: then only `run` has finished; nor is work begun that is asked for while the
 * last of it is waited for). */
static inline void hearth_work(hearth_ctx *ctx, hearth_fn run, hearth_finish_fn done, void *arg, void *self)
{
    hearth_host_table->work(ctx, run, done, arg, self);
}
/* Runs `fn(arg)` on the loop, not after dispose. Thread: any. The one door from other threads. */
static inline void hearth_post(hearth_ctx *ctx, hearth_fn fn, void *arg) { hearth_host_table->post(ctx, fn, arg); }

/* -- http. Since: 1.0 ----------------------------------------------------------------------------------------------------------- */

/* NULL when the request did not come by a route. hearth_fail answers with the code's HTTP status and a JSON
 * error; a dialect that needs its own shape writes it with the functions below. */
static inline const hearth_http *hearth_http_of(const hearth_req *req) { return hearth_host_table->http(req); }
/* Case-insensitive; {NULL, 0} when absent. */
static inline hearth_str hearth_http_header(const hearth_req *req, const char *name) { return hearth_host_table->http_header(req, hearth_cstr(name)); }
/* Status and headers of a streamed reply (chunked unless content-length is given). Copied. */
static inline void hearth_http_start(hearth_req *req, int status, const hearth_header *headers, size_t n)
{
    hearth_host_table->http_start(req, status, headers, n);
}
/* Errors: busy when the reader is slow and over 1 MiB waits (the bytes were not taken), cancelled when gone. */
static inline hearth_code hearth_http_write(hearth_req *req, hearth_str bytes) { return hearth_host_table->http_write(req, bytes); }
/* Ends the reply and the request; `req` is gone afterwards. */
static inline void hearth_http_end(hearth_req *req) { hearth_host_table->http_end(req); }
/* A whole reply in one write; ends the request; `req` is gone afterwards. Everything is copied; content-length is added. */
static inline void hearth_http_reply(hearth_req *req, int status, const hearth_header *headers, size_t n, hearth_str body)
{
    hearth_host_table->http_reply(req, status, headers, n, body);
}
/* Bytes that wait for a slow reader. */
static inline size_t hearth_http_queued(const hearth_req *req) { return hearth_host_table->http_queued(req); }

/* -- files. Since: 1.0 ------------------------------------------------------------------------------------------------------------ */

/* All of these are for workers (hearth_work), except hearth_log_append. `relative` never leaves its folder: "..",
 * absolute names and links are refused (denied).
 * Errors: not_found, denied, io, disk_full, read_only, too_large (over the buffer's cap). */

/* The absolute path, for a library that opens files itself (SQLite); makes the folders above it. Thread: any. */
static inline hearth_code hearth_path(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_buf *out, hearth_err *err)
{
    return hearth_host_table->path(ctx, dir, relative, out, err);
}
static inline hearth_code hearth_file_read(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_buf *out, hearth_err *err)
{
    return hearth_host_table->file_read(ctx, dir, relative, out, err);
}
/* At most as many bytes as `out` may hold (its cap), from a byte on; `size` (may be NULL) is the file's length. For
 * logs, which only ever grow: read what is new. */
static inline hearth_code hearth_file_read_at(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, uint64_t from, hearth_buf *out,
                                              uint64_t *size, hearth_err *err)
{
    return hearth_host_table->file_read_at(ctx, dir, relative, from, out, size, err);
}
/* Atomic and durable: temporary file, fsync, rename, fsync of the folder; makes the folders above it. */
static inline hearth_code hearth_file_write(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_str bytes, hearth_err *err)
{
    return hearth_host_table->file_write(ctx, dir, relative, bytes, err);
}
static inline hearth_code hearth_file_remove(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_err *err)
{
    return hearth_host_table->file_remove(ctx, dir, relative, err);
}
/* Every entry, in the order of the file system; `each` stops it with a negative code. A missing folder is empty. */
static inline hearth_code hearth_dir_list(hearth_ctx *ctx, hearth_dir dir, hearth_str relative,
                                          hearth_code (*each)(void *arg, const hearth_dir_entry *entry), void *arg, hearth_err *err)
{
    return hearth_host_table->dir_list(ctx, dir, relative, each, arg, err);
}
/* Appends whole lines (each ends in \n) to a log in the data folder, each of them all or nothing as far as a reader can tell,
 * and calls `done` on the loop once they are on the disk. Appends that wait together share one fdatasync. After
 * a failure the file is never appended to again: the log goes on in NAME.1.EXT. Thread: loop. `offset` is the
 * length of the file after the append; after a failure a reader may find some of the lines all the same. `lines` are
 * copied. */
static inline void hearth_log_append(hearth_ctx *ctx, hearth_str relative, hearth_str lines, hearth_append_fn done, void *arg, void *self)
{
    hearth_host_table->log_append(ctx, relative, lines, done, arg, self);
}

/* -- settings and children. Since: 1.0 --------------------------------------------------------------------------------------------- */

/* The setting's value or its default. Owner: the caller. NULL when nobody declared it. */
static inline hearth_value *hearth_setting(hearth_ctx *ctx, const char *key) { return hearth_host_table->setting(ctx, hearth_cstr(key)); }
/* Starts a further instance of a plugin in a child process, closed over the paths that the options name. Calls
 * reach it through hearth_call_options.child. Returns 0 with `err` filled when it cannot even begin. */
static inline hearth_id hearth_spawn(hearth_ctx *ctx, const hearth_spawn_options *options, void *self, hearth_err *err)
{
    return hearth_host_table->spawn(ctx, options, self, err);
}
/* Ends a child: it disposes itself and is killed when that takes over 2 s. on_state(GONE) follows. */
static inline void hearth_child_close(hearth_ctx *ctx, hearth_id child) { hearth_host_table->child_close(ctx, child); }
static inline int64_t hearth_child_pid(hearth_ctx *ctx, hearth_id child) { return hearth_host_table->child_pid(ctx, child); }

#ifdef __cplusplus
}
#endif
#endif
