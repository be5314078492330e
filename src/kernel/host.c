/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* host: the table that plugins see, for both placements. In the daemon everything is done here; in a child what needs the
 * daemon (other plugins' methods, topics, the log) goes up the channel and what needs the data folder is refused. */
#include "kernel/ctx.h"

#include <stdlib.h>

#include "kernel/channel.h"
#include "kernel/folder.h"
#include "kernel/host_memory.h"
#include "kernel/settings.h"

/* -- log, clock, facts ----------------------------------------------------------------------------------------- */

static void host_log(hearth_ctx *ctx, hearth_level level, hearth_str text)
{
    if (ctx->k->upstream)
        channel_send(ctx->k->upstream, CHANNEL_LOG, (uint16_t)level, text);
    else
        kernel_logv(ctx->k, level, ctx->id, text);
}

static void host_ready(hearth_ctx *ctx, hearth_code code, const hearth_err *err)
{
    void (*fn)(void *, hearth_code, const hearth_err *) = ctx->on_ready;
    ctx->on_ready = NULL;
    if (fn && ctx->is_open) /* not while it is being stopped: it is disposed, ready or not */
        fn(ctx->on_ready_arg, code, err);
}

static void host_info(hearth_ctx *ctx, hearth_info *out)
{
    const kernel *k = ctx->k;
    if (!k->folder) {
        out->version = k->child_info.version;
        out->device = k->child_info.device;
        return;
    }
    out->version = hearth_cstr(k->o.version);
    out->device = hearth_cstr(folder_device(k->folder));
    out->data_dir = hearth_cstr(folder_path(k->folder));
    out->base_url = hearth_cstr(k->base_url);
}

static uint64_t host_now_ms(hearth_ctx *ctx)
{
    return loop_now_ms(ctx->k->l);
}

static uint64_t host_wall_ms(hearth_ctx *ctx)
{
    (void)ctx;
    return loop_wall_ms();
}

static void host_random(hearth_ctx *ctx, void *out, size_t n)
{
    (void)ctx;
    loop_random(out, n);
}

/* -- serving ------------------------------------------------------------------------------------------------------ */

static bool host_is_closing(hearth_ctx *ctx)
{
    return !ctx->is_open;
}

static hearth_code host_serve(hearth_ctx *ctx, const hearth_method *methods, size_t n, void *self, hearth_err *err)
{
    for (size_t i = 0; i < n; i++)
        HEARTH_TRY(registry_serve(ctx->k->registry, ctx, hearth_cstr(ctx->id), &methods[i], self, err));
    return HEARTH_OK;
}

static hearth_code host_route(hearth_ctx *ctx, const hearth_route *routes, size_t n, void *self, hearth_err *err)
{
    if (!ctx->k->folder)
        return hearth_err_set(err, HEARTH_UNSUPPORTED, "host", "%s runs in a child, which has no listener", ctx->id);
    for (size_t i = 0; i < n; i++)
        HEARTH_TRY(registry_route(ctx->k->registry, ctx, &routes[i], self, err));
    return HEARTH_OK;
}

static hearth_ctx *host_ctx_of(const hearth_req *req)
{
    return req->server;
}

static const hearth_value *host_params(const hearth_req *req)
{
    return req->params;
}

static void host_principal(const hearth_req *req, hearth_principal *out)
{
    out->kind = principal_kind_name(req->who);
    out->id = principal_id(req->who);
}

static bool host_is_cancelled(const hearth_req *req)
{
    return atomic_load_explicit(&req->is_cancelled, memory_order_relaxed);
}

static void host_on_cancel(hearth_req *req, hearth_fn fn, void *arg)
{
    req->on_cancel = fn;
    req->on_cancel_arg = arg;
    if (fn)
        request_cancel_again(req);
}

static hearth_id host_job(hearth_req *req, const hearth_job_options *options)
{
    hearth_id id = job_begin(req->k->jobs, req, options);
    if (id)
        req->keeps = true;
    return id;
}

static hearth_req *host_job_new(hearth_ctx *ctx, hearth_str name, const hearth_job_options *options, hearth_id *id)
{
    hearth_req *req = request_make(ctx->k, ctx, name);
    if (req)
        *id = job_begin(ctx->k->jobs, req, options);
    return req;
}

/* -- events from other threads --------------------------------------------------------------------------------------- */

typedef struct push_one {
    kernel      *k;
    hearth_id    id;
    hearth_event event;
    char         text[];
} push_one;

static void push_on_loop(void *arg)
{
    push_one   *one = arg;
    hearth_req *req = slots_find(&one->k->requests, one->id);
    if (req)
        request_push(req, &one->event);
    hearth_value_unref((hearth_value *)(uintptr_t)one->event.data);
    free(one);
}

static void push_later(const hearth_push_item *item)
{
    push_one *one = malloc(sizeof *one + item->event.text.n);
    if (!one)
        return;
    one->k = item->req->k;
    one->id = item->req->id;
    one->event = item->event;
    if (item->event.text.n)
        memcpy(one->text, item->event.text.p, item->event.text.n);
    one->event.text.p = one->text;
    if (one->event.data)
        hearth_value_ref(one->event.data);
    loop_post(one->k->l, push_on_loop, one);
}

static void host_push_many(hearth_ctx *ctx, const hearth_push_item *items, size_t n)
{
    if (n == 0)
        return;
    if (ctx->k->upstream) { /* a child's requests all came over the one channel */
        channel_push(ctx->k->upstream, items, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (loop_is_here(ctx->k->l))
            request_push(items[i].req, &items[i].event);
        else
            push_later(&items[i]);
}

/* -- calling ----------------------------------------------------------------------------------------------------------- */

static hearth_id host_call(hearth_ctx *ctx, hearth_req *on_behalf_of, hearth_str name, hearth_value *params,
                           const hearth_call_options *options, hearth_done_fn done, void *arg)
{
    principal   *via[REQUEST_MAX_VIA + 1];
    request_args a = { .caller = ctx, .parent = on_behalf_of, .who = ctx->as, .method = name, .params = params, .done = done, .arg = arg };
    if (options) {
        a.on_event = options->on_event;
        a.deadline_ms = options->deadline_ms;
        if (options->child) {
            a.child = spawn_channel(ctx, options->child);
            a.child_is_gone = !a.child;
        }
    }
    if (on_behalf_of) {
        a.who = on_behalf_of->who;
        for (size_t i = 0; i < on_behalf_of->via_count; i++)
            via[a.via_count++] = on_behalf_of->via[i];
        via[a.via_count++] = ctx->as;
        a.via = via;
    }
    return request_start(ctx->k, &a);
}

static void host_cancel(hearth_ctx *ctx, hearth_id call)
{
    hearth_req *req = slots_find(&ctx->k->requests, call);
    if (req && req->caller == ctx)
        request_cancel(req);
}

/* -- topics --------------------------------------------------------------------------------------------------------------- */

static bool may_emit(const hearth_ctx *ctx, hearth_str topic)
{
    if (!ctx->topics)
        return true;
    for (size_t i = 0; i < hearth_count(ctx->topics); i++) {
        const hearth_value *one = hearth_at(ctx->topics, i);
        hearth_str          name = hearth_kind_of(one) == HEARTH_OBJECT ? hearth_get_str(one, "name") : hearth_as_str(one);
        if (hearth_str_equal(name, topic))
            return true;
    }
    return false;
}

static void host_emit(hearth_ctx *ctx, hearth_str topic, hearth_value *value)
{
    if (!may_emit(ctx, topic)) {
        kernel_log(ctx->k, HEARTH_LOG_WARN, ctx->id, "%.*s is not listed under contributes.events of plugin.json; nobody was told",
                   HEARTH_FMT(topic));
        hearth_value_unref(value);
    } else if (ctx->k->upstream) {
        hearth_value *v = hearth_object(NULL);
        hearth_put_str(v, "topic", topic);
        hearth_put(v, "value", value);
        channel_send_json(ctx->k->upstream, CHANNEL_EMIT, v);
        hearth_value_unref(v);
    } else {
        bus_emit(ctx->k->bus, topic, value);
    }
}

static hearth_id host_subscribe(hearth_ctx *ctx, hearth_str pattern, hearth_topic_fn fn, void *self)
{
    int         read = gate_permission(ctx->k->gate, HEARTH_STR("events.read"));
    hearth_err  err = { 0 };
    hearth_code code = gate_check(ctx->k->gate, ctx->as, NULL, 0, read, pattern, &err);
    if (code >= 0)
        code = registry_check_topics(ctx->k->registry, ctx->as, NULL, 0, pattern, &err);
    if (code >= 0 && ctx->k->upstream)
        code = hearth_err_set(&err, HEARTH_UNSUPPORTED, "host", "%s runs in a child, where no topic arrives", ctx->id);
    if (code < 0) {
        kernel_log(ctx->k, HEARTH_LOG_WARN, ctx->id, "%s", err.msg);
        return 0;
    }
    return bus_subscribe(ctx->k->bus, ctx, pattern, fn, self);
}

static void host_unsubscribe(hearth_ctx *ctx, hearth_id subscription)
{
    bus_unsubscribe(ctx->k->bus, subscription);
}

static hearth_code host_while_watched(hearth_ctx *ctx, hearth_str topic, uint32_t every_ms, hearth_fn tick, void *self, hearth_err *err)
{
    if (ctx->k->upstream)
        return hearth_err_set(err, HEARTH_UNSUPPORTED, "host", "%s runs in a child, which does not see who listens", ctx->id);
    if (bus_watch(ctx->k->bus, ctx, topic, every_ms, tick, self))
        return HEARTH_OK;
    return hearth_err_set(err, HEARTH_NO_MEMORY, "host", "no memory to watch %.*s", HEARTH_FMT(topic));
}

/* -- timers and work ------------------------------------------------------------------------------------------------------- */

typedef struct ctx_timer {
    list        node;
    hearth_id   id;
    hearth_ctx *ctx;
    loop_timer *timer;
    bool        is_once;
    hearth_fn   fn;
    void       *arg;
} ctx_timer;

static void drop_timer(ctx_timer *t)
{
    slots_remove(&t->ctx->k->timers, t->id);
    loop_timer_stop(t->timer);
    list_remove(&t->node);
    free(t);
}

static void on_timer(void *arg)
{
    ctx_timer *t = arg;
    hearth_fn  fn = t->fn;
    void      *fn_arg = t->arg;
    hearth_ctx *ctx = t->ctx;
    uint64_t    began_ms = loop_now_ms(ctx->k->l);
    if (t->is_once)
        drop_timer(t);
    fn(fn_arg);
    ctx_count_slow(ctx, began_ms, "a timer");
}

static hearth_id host_timer(hearth_ctx *ctx, uint32_t after_ms, uint32_t every_ms, hearth_fn fn, void *arg)
{
    ctx_timer *t = ctx->is_open ? calloc(1, sizeof *t) : NULL;
    if (!t)
        return 0;
    t->ctx = ctx;
    t->fn = fn;
    t->arg = arg;
    t->is_once = every_ms == 0;
    t->id = slots_add(&ctx->k->timers, t);
    t->timer = t->id ? loop_timer_start(ctx->k->l, after_ms, every_ms, on_timer, t) : NULL;
    list_add(&ctx->timers, &t->node);
    if (!t->timer) {
        drop_timer(t);
        return 0;
    }
    return t->id;
}

static void host_timer_stop(hearth_ctx *ctx, hearth_id id)
{
    ctx_timer *t = slots_find(&ctx->k->timers, id);
    if (t && t->ctx == ctx)
        drop_timer(t);
}

size_t ctx_stop_timers(hearth_ctx *ctx)
{
    size_t n = 0;
    for (; !list_is_empty(&ctx->timers); n++)
        drop_timer(LIST_ENTRY(ctx->timers.next, ctx_timer, node));
    return n;
}

/* Something that will call back: work on the queue, or an append to a log. */
typedef struct pending {
    list             node; /* in ctx->work */
    hearth_ctx      *ctx;  /* NULL: disposed meanwhile */
    hearth_fn        run;
    hearth_finish_fn done;
    hearth_append_fn appended;
    void            *arg, *self;
} pending;

static void run_work(void *arg)
{
    pending *w = arg;
    w->run(w->arg);
}

static void done_work(void *arg)
{
    pending         *w = arg;
    hearth_finish_fn done = w->done;
    void            *done_arg = w->arg, *self = w->self;
    list_remove(&w->node);
    free(w);
    if (done)
        done(done_arg, self);
}

static void host_work(hearth_ctx *ctx, hearth_fn run, hearth_finish_fn done, void *arg, void *self)
{
    if (ctx->has_ended)
        return; /* a posted call or an answer that came while its last workers are waited for */
    pending *w = calloc(1, sizeof *w);
    if (!w)
        abort(); /* the caller counts on the work: there is no way to go on without these bytes */
    *w = (pending){ .ctx = ctx, .run = run, .done = done, .arg = arg, .self = self };
    list_add(&ctx->work, &w->node);
    if (!ctx->queue)
        ctx->queue = loop_queue_new(ctx->k->l);
    if (!ctx->queue || loop_queue_add(ctx->queue, run_work, done_work, w) < 0)
        abort(); /* the same */
}

void ctx_work_free(list *node)
{
    pending *w = LIST_ENTRY(node, pending, node);
    if (w->appended)
        w->ctx = NULL; /* the log still calls back */
    else
        free(w);
}

/* A thread of the plugin may post until dispose has joined it: what the loop has not run by then is not run at all. */
typedef struct posted {
    list        node; /* in ctx->posted */
    hearth_ctx *ctx;  /* NULL: disposed meanwhile */
    hearth_fn   fn;
    void       *arg;
} posted;

static void on_posted(void *arg)
{
    posted one = *(posted *)arg;
    if (one.ctx) {
        mtx_lock(&one.ctx->memory_lock);
        list_remove(&((posted *)arg)->node);
        mtx_unlock(&one.ctx->memory_lock);
    }
    free(arg);
    if (one.ctx)
        one.fn(one.arg);
}

static void host_post(hearth_ctx *ctx, hearth_fn fn, void *arg)
{
    posted *one = malloc(sizeof *one);
    if (!one)
        abort(); /* as loop_post: somebody waits for it */
    *one = (posted){ .ctx = ctx, .fn = fn, .arg = arg };
    mtx_lock(&ctx->memory_lock);
    list_add(&ctx->posted, &one->node);
    mtx_unlock(&ctx->memory_lock);
    loop_post(ctx->k->l, on_posted, one);
}

void ctx_forget_posted(hearth_ctx *ctx)
{
    mtx_lock(&ctx->memory_lock);
    while (!list_is_empty(&ctx->posted)) {
        posted *one = LIST_ENTRY(ctx->posted.next, posted, node);
        list_remove(&one->node);
        one->ctx = NULL;
    }
    mtx_unlock(&ctx->memory_lock);
}

/* -- http ---------------------------------------------------------------------------------------------------------------------- */

static const hearth_http *host_http(const hearth_req *req)
{
    return req->http ? req->http->get(req->http_arg) : NULL;
}

static hearth_str host_http_header(const hearth_req *req, hearth_str name)
{
    return req->http ? req->http->header(req->http_arg, name) : (hearth_str){ NULL, 0 };
}

static void host_http_start(hearth_req *req, int status, const hearth_header *headers, size_t n)
{
    if (req->http)
        req->http->start(req->http_arg, status, headers, n);
}

static hearth_code host_http_write(hearth_req *req, hearth_str bytes)
{
    return req->http ? req->http->write(req->http_arg, bytes) : HEARTH_CANCELLED;
}

static void host_http_end(hearth_req *req)
{
    const request_http *http = req->http;
    req->http = NULL;
    if (http)
        http->end(req->http_arg);
    request_reply(req, NULL);
}

static void host_http_reply(hearth_req *req, int status, const hearth_header *headers, size_t n, hearth_str body)
{
    const request_http *http = req->http;
    req->http = NULL;
    if (http)
        http->whole(req->http_arg, status, headers, n, body);
    request_reply(req, NULL);
}

static size_t host_http_queued(const hearth_req *req)
{
    return req->http ? req->http->queued(req->http_arg) : 0;
}

/* -- files ------------------------------------------------------------------------------------------------------------------------ */

/* The root and the name beneath it that a folder and a relative name stand for. */
static hearth_code resolve(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_buf *name, file_root **root, hearth_err *err)
{
    folder *f = ctx->k->folder;
    hearth_buf_init(name, 8192);
    *root = NULL;
    if (relative.n && !file_name_is_good(relative))
        return hearth_err_set(err, HEARTH_DENIED, "host", "\"%.*s\" is not a name beneath a folder", HEARTH_FMT(relative));
    switch (dir) {
    case HEARTH_DIR_DATA: *root = f ? folder_root(f) : NULL; break;
    case HEARTH_DIR_LOCAL: *root = f ? folder_local(f) : NULL; break;
    case HEARTH_DIR_INDEX:
        *root = f ? folder_local(f) : NULL;
        hearth_buf_puts(name, "index");
        break;
    case HEARTH_DIR_CACHE:
        *root = f ? folder_local(f) : ctx->k->child_cache;
        if (f)
            hearth_buf_printf(name, "kv/%s", ctx->id);
        break;
    case HEARTH_DIR_PACKAGE: *root = ctx->package; break;
    }
    if (!*root)
        return hearth_err_set(err, HEARTH_DENIED, "host", "%s has no such folder here", ctx->id);
    if (relative.n && name->n)
        hearth_buf_putc(name, '/');
    hearth_buf_put(name, relative);
    return name->failed ? hearth_err_set(err, HEARTH_TOO_LARGE, "host", "a file name is too long") : HEARTH_OK;
}

static hearth_code host_path(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_buf *out, hearth_err *err)
{
    hearth_buf  name;
    file_root  *root;
    hearth_code code = resolve(ctx, dir, relative, &name, &root, err);
    if (code >= 0 && name.n && dir != HEARTH_DIR_PACKAGE) {
        size_t cut = relative.n ? name.n : name.n + 1;
        while (relative.n && cut > 0 && name.p[cut - 1] != '/')
            cut--;
        if (cut > 1)
            code = file_make_dirs(root, (hearth_str){ name.p, cut - 1 }, err);
    }
    if (code >= 0) {
        hearth_buf_puts(out, file_root_path(root));
        if (name.n)
            hearth_buf_putc(out, '/');
        code = hearth_buf_put(out, hearth_buf_str(&name));
    }
    hearth_buf_deinit(&name);
    return code;
}

static hearth_code host_file_read(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_buf *out, hearth_err *err)
{
    hearth_buf  name;
    file_root  *root;
    hearth_code code = resolve(ctx, dir, relative, &name, &root, err);
    if (code >= 0)
        code = file_read(root, hearth_buf_str(&name), out, err);
    hearth_buf_deinit(&name);
    return code;
}

static hearth_code host_file_read_at(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, uint64_t from, hearth_buf *out,
                                     uint64_t *size, hearth_err *err)
{
    hearth_buf  name;
    file_root  *root;
    hearth_code code = resolve(ctx, dir, relative, &name, &root, err);
    if (code >= 0)
        code = file_read_at(root, hearth_buf_str(&name), from, out, size, err);
    hearth_buf_deinit(&name);
    return code;
}

static hearth_code host_file_write(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_str bytes, hearth_err *err)
{
    hearth_buf  name;
    file_root  *root;
    hearth_code code = dir == HEARTH_DIR_PACKAGE ? hearth_err_set(err, HEARTH_DENIED, "host", "a plugin's package is read-only") : HEARTH_OK;
    if (code < 0)
        return code;
    code = resolve(ctx, dir, relative, &name, &root, err);
    if (code >= 0)
        code = file_write(root, hearth_buf_str(&name), bytes, dir == HEARTH_DIR_DATA ? 0644 : 0600, err);
    hearth_buf_deinit(&name);
    return code;
}

static hearth_code host_file_remove(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_err *err)
{
    hearth_buf  name;
    file_root  *root;
    hearth_code code = dir == HEARTH_DIR_PACKAGE ? hearth_err_set(err, HEARTH_DENIED, "host", "a plugin's package is read-only") : HEARTH_OK;
    if (code < 0)
        return code;
    code = resolve(ctx, dir, relative, &name, &root, err);
    if (code >= 0)
        code = file_remove(root, hearth_buf_str(&name), err);
    hearth_buf_deinit(&name);
    return code;
}

static hearth_code host_dir_list(hearth_ctx *ctx, hearth_dir dir, hearth_str relative,
                                 hearth_code (*each)(void *arg, const hearth_dir_entry *entry), void *arg, hearth_err *err)
{
    hearth_buf  name;
    file_root  *root;
    hearth_code code = resolve(ctx, dir, relative, &name, &root, err);
    if (code >= 0)
        code = file_list(root, hearth_buf_str(&name), each, arg, err);
    hearth_buf_deinit(&name);
    return code == HEARTH_NOT_FOUND ? HEARTH_OK : code;
}

static void on_appended(void *arg, hearth_code code, hearth_str file, uint64_t offset, const hearth_err *err)
{
    pending *w = arg;
    (void)file;
    list_remove(&w->node);
    if (w->ctx)
        w->appended(w->arg, w->self, code, offset, err);
    free(w);
}

static void host_log_append(hearth_ctx *ctx, hearth_str relative, hearth_str lines, hearth_append_fn done, void *arg, void *self)
{
    pending *w = calloc(1, sizeof *w);
    if (!w || !ctx->k->log) {
        hearth_err err = { HEARTH_DENIED, "host", "there is no data folder here" };
        free(w);
        done(arg, self, ctx->k->log ? HEARTH_NO_MEMORY : HEARTH_DENIED, 0, &err);
        return;
    }
    *w = (pending){ .ctx = ctx, .appended = done, .arg = arg, .self = self };
    list_add(&ctx->work, &w->node);
    append_log_add(ctx->k->log, relative, lines, on_appended, w);
}

/* -- settings and children ------------------------------------------------------------------------------------------------------------- */

static hearth_value *host_setting(hearth_ctx *ctx, hearth_str key)
{
    if (ctx->k->settings)
        return settings_get(ctx->k->settings, key);
    return hearth_value_ref(hearth_get_by(ctx->k->child_settings, key));
}

const hearth_host_api *host_table(void)
{
    static hearth_host_api host = {
        .size = sizeof host, .abi_major = HEARTH_ABI_MAJOR, .abi_minor = HEARTH_ABI_MINOR,
        .alloc = host_alloc, .resize = host_resize, .release = host_release, .log = host_log, .ready = host_ready, .info = host_info,
        .now_ms = host_now_ms, .wall_ms = host_wall_ms, .random = host_random,
        .serve = host_serve, .route = host_route, .ctx_of = host_ctx_of, .params = host_params, .principal = host_principal,
        .reply = request_reply, .fail = request_fail, .push = request_push, .push_many = host_push_many,
        .is_cancelled = host_is_cancelled, .on_cancel = host_on_cancel, .job = host_job, .job_new = host_job_new,
        .call = host_call, .cancel = host_cancel, .emit = host_emit, .subscribe = host_subscribe, .unsubscribe = host_unsubscribe,
        .while_watched = host_while_watched, .timer = host_timer, .timer_stop = host_timer_stop, .work = host_work, .post = host_post,
        .http = host_http, .http_header = host_http_header, .http_start = host_http_start, .http_write = host_http_write,
        .http_end = host_http_end, .http_queued = host_http_queued,
        .path = host_path, .file_read = host_file_read, .file_write = host_file_write, .file_remove = host_file_remove,
        .dir_list = host_dir_list, .log_append = host_log_append,
        .setting = host_setting, .spawn = spawn_start, .child_close = spawn_close, .child_pid = spawn_pid,
        .file_read_at = host_file_read_at, .http_reply = host_http_reply, .is_closing = host_is_closing,
    };
    host.values = hearth_values();
    return &host;
}
