/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define _GNU_SOURCE /* nftw */
#include "fakehost.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit/value.h"

#define WALL_BASE_MS 1800000000000ull

typedef struct served {
    struct served   *next;
    char             name[96];
    hearth_method_fn fn;
    hearth_ctx      *ctx;
    void            *self;
} served;

struct hearth_ctx {
    hearth_ctx          *next;
    fakehost            *f;
    char                 id[64];
    const hearth_plugin *plugin;
    void                *self;
    size_t               bytes, blocks;
    bool                 is_gone;
};

struct hearth_req {
    hearth_req     *next;
    hearth_ctx     *ctx; /* who serves it */
    hearth_id       id, job;
    hearth_req     *parent;
    hearth_value   *params;
    char            method[96];
    hearth_event_fn on_event;
    hearth_done_fn  done;
    hearth_ctx     *caller;
    void           *arg;
    bool            is_cancelled, is_answered, is_dispatching;
    bool            was_told; /* that it is cancelled, without waiting for who serves it */
    hearth_fn       on_cancel;
    void           *cancel_arg;
    uint64_t        seq;
    hearth_code     code;
    hearth_value   *result;
    hearth_err      err;
};

typedef struct todo {
    struct todo     *next;
    hearth_ctx      *ctx; /* dropped when it is gone */
    hearth_fn        fn;
    hearth_finish_fn finish;
    void            *arg, *self;
    hearth_append_fn appended;
    hearth_code      code;
    uint64_t         offset;
    hearth_id        timer;
    uint64_t         due_ms, every_ms;
} todo;

typedef struct setting {
    struct setting *next;
    char            key[96];
    hearth_value   *value;
} setting;

struct fakehost {
    char          root[256], device[64];
    bool          is_ours;
    hearth_ctx   *plugins, outside;
    served       *methods;
    hearth_req   *requests;
    todo         *first, **last, *timers;
    setting      *settings;
    hearth_value *emitted;
    hearth_id     next_id;
    uint64_t      now_ms;
    hearth_code   fail_code;
    size_t        fail_bytes;
    unsigned      appends;
};

/* -- the queue ---------------------------------------------------------------------------------------------------------- */

static todo *enqueue(fakehost *f, hearth_ctx *ctx)
{
    todo *t = calloc(1, sizeof *t);
    t->ctx = ctx;
    *f->last = t;
    f->last = &t->next;
    return t;
}

bool fakehost_step(fakehost *f)
{
    todo *t = f->first;
    if (!t)
        return false;
    f->first = t->next;
    if (!f->first)
        f->last = &f->first;
    f->now_ms++;
    hearth_err err = { t->code, "test", "the test made this fail" };
    if (t->fn)
        t->fn(t->arg);
    if (t->appended)
        t->appended(t->arg, t->self, t->code, t->offset, &err);
    if (t->finish) { /* the worker's part is done, the rest is the loop's */
        if (t->fn) {
            todo *rest = enqueue(f, t->ctx);
            rest->finish = t->finish;
            rest->arg = t->arg;
            rest->self = t->self;
        } else {
            t->finish(t->arg, t->self);
        }
    }
    free(t);
    return true;
}

void fakehost_run(fakehost *f)
{
    for (unsigned steps = 0; fakehost_step(f); steps++)
        if (steps > 5000000u)
            abort(); /* it goes in a circle */
}

void fakehost_advance(fakehost *f, uint64_t ms)
{
    uint64_t until = f->now_ms + ms;
    for (;;) {
        fakehost_run(f);
        todo **due = NULL;
        for (todo **t = &f->timers; *t; t = &(*t)->next)
            if ((*t)->due_ms <= until && (!due || (*t)->due_ms < (*due)->due_ms))
                due = t;
        if (!due)
            break;
        todo *t = *due;
        todo *run = enqueue(f, t->ctx);
        run->fn = t->fn;
        run->arg = t->arg;
        if (t->due_ms > f->now_ms)
            f->now_ms = t->due_ms;
        if (t->every_ms) {
            t->due_ms += t->every_ms;
        } else {
            *due = t->next;
            free(t);
        }
    }
    if (until > f->now_ms)
        f->now_ms = until;
}

/* -- memory, log, clock --------------------------------------------------------------------------------------------------- */

static void *host_alloc(hearth_ctx *ctx, size_t n)
{
    size_t *p = calloc(1, n + 2 * sizeof *p);
    p[0] = n;
    ctx->bytes += n;
    ctx->blocks++;
    return p + 2;
}

static void host_release(hearth_ctx *ctx, void *p)
{
    if (!p)
        return;
    size_t *block = (size_t *)p - 2;
    ctx->bytes -= block[0];
    ctx->blocks--;
    free(block);
}

static void *host_resize(hearth_ctx *ctx, void *p, size_t n)
{
    void *q = host_alloc(ctx, n);
    if (p) {
        size_t old = ((size_t *)p - 2)[0];
        memcpy(q, p, old < n ? old : n);
    }
    host_release(ctx, p);
    return q;
}

static void host_log(hearth_ctx *ctx, hearth_level level, hearth_str text)
{
    if (getenv("FAKEHOST_LOG"))
        fprintf(stderr, "%s[%d]: %.*s\n", ctx->id, (int)level, HEARTH_FMT(text));
}

static void host_ready(hearth_ctx *ctx, hearth_code code, const hearth_err *err) { (void)ctx, (void)code, (void)err; }

static void host_info(hearth_ctx *ctx, hearth_info *out)
{
    out->version = HEARTH_STR("test");
    out->device = hearth_cstr(ctx->f->device);
    out->data_dir = hearth_cstr(ctx->f->root);
}

static uint64_t host_now_ms(hearth_ctx *ctx) { return ctx->f->now_ms; }

static uint64_t host_wall_ms(hearth_ctx *ctx) { return WALL_BASE_MS + ctx->f->now_ms; }

static void host_random(hearth_ctx *ctx, void *out, size_t n)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;
    (void)ctx;
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)out)[i] = (uint8_t)(state >> 56);
    }
}

/* -- requests --------------------------------------------------------------------------------------------------------------- */

static served *find_method(fakehost *f, hearth_str name)
{
    for (served *s = f->methods; s; s = s->next)
        if (hearth_str_is(name, s->name))
            return s;
    return NULL;
}

static hearth_code host_serve(hearth_ctx *ctx, const hearth_method *methods, size_t n, void *self, hearth_err *err)
{
    (void)err;
    for (size_t i = 0; i < n; i++) {
        served *s = calloc(1, sizeof *s);
        hearth_str_copy(s->name, sizeof s->name, hearth_cstr(methods[i].name));
        s->fn = methods[i].call;
        s->ctx = ctx;
        s->self = self;
        s->next = ctx->f->methods;
        ctx->f->methods = s;
    }
    return HEARTH_OK;
}

static hearth_ctx *host_ctx_of(const hearth_req *req) { return req->ctx; }

static const hearth_value *host_params(const hearth_req *req) { return req->params; }

static void host_principal(const hearth_req *req, hearth_principal *out)
{
    (void)req;
    out->kind = HEARTH_STR("owner");
    out->id = HEARTH_STR("owner");
}

static void request_free(hearth_req *req)
{
    fakehost *f = req->caller->f;
    for (hearth_req **r = &f->requests; *r; r = &(*r)->next)
        if (*r == req) {
            *r = req->next;
            break;
        }
    for (hearth_req *r = f->requests; r; r = r->next)
        if (r->parent == req)
            r->parent = NULL;
    hearth_value_unref(req->params);
    hearth_value_unref(req->result);
    free(req);
}

static void deliver(void *arg)
{
    hearth_req       *req = arg;
    hearth_reply_view view = { req->code, req->result, &req->err };
    if (!req->caller->is_gone && !req->was_told)
        req->done(req->arg, &view);
    request_free(req);
}

/* As the kernel has it: an answer that comes while the method is being called is told afterwards, any other at once. */
static void end_request(hearth_req *req, hearth_code code, hearth_str msg, hearth_value *value)
{
    if (req->is_answered)
        abort(); /* twice */
    req->is_answered = true;
    req->code = code;
    req->result = value;
    req->err.code = code;
    hearth_str_copy(req->err.msg, sizeof req->err.msg, msg);
    if (value)
        value_freeze(value);
    if (!req->is_dispatching) {
        deliver(req);
        return;
    }
    todo *t = enqueue(req->caller->f, NULL);
    t->fn = deliver;
    t->arg = req;
}

static void host_reply(hearth_req *req, hearth_value *value)
{
    if (value && hearth_is_bad(value))
        abort();
    end_request(req, HEARTH_OK, HEARTH_STR(""), value ? value : hearth_object(NULL));
}

static void host_fail(hearth_req *req, hearth_code code, hearth_str msg, hearth_value *details)
{
    end_request(req, code, msg, details);
}

static void host_push(hearth_req *req, const hearth_event *event)
{
    hearth_event e = *event;
    e.seq = ++req->seq;
    if (req->is_answered)
        abort();
    if (req->on_event)
        req->on_event(req->arg, &e);
}

static void host_push_many(hearth_ctx *ctx, const hearth_push_item *items, size_t n)
{
    (void)ctx;
    for (size_t i = 0; i < n; i++)
        host_push(items[i].req, &items[i].event);
}

static bool host_is_cancelled(const hearth_req *req) { return req->is_cancelled; }

static void host_on_cancel(hearth_req *req, hearth_fn fn, void *arg)
{
    req->on_cancel = fn;
    req->cancel_arg = arg;
}

static hearth_id host_job(hearth_req *req, const hearth_job_options *options)
{
    (void)options;
    uint64_t id;
    host_random(req->ctx, &id, sizeof id);
    req->job = id | 1;
    return req->job;
}

static void dispatch(hearth_req *req)
{
    served *s = find_method(req->caller->f, hearth_cstr(req->method));
    req->is_dispatching = true;
    if (s) {
        req->ctx = s->ctx;
        s->fn(req, s->self);
    } else {
        req->ctx = req->caller;
        end_request(req, HEARTH_UNKNOWN_METHOD, HEARTH_STR("no such method"), NULL);
    }
    req->is_dispatching = false;
}

static hearth_id host_call(hearth_ctx *ctx, hearth_req *on_behalf_of, hearth_str method, hearth_value *params,
                           const hearth_call_options *options, hearth_done_fn done, void *arg)
{
    fakehost   *f = ctx->f;
    hearth_req *req = calloc(1, sizeof *req);
    req->caller = ctx;
    req->id = ++f->next_id;
    req->parent = on_behalf_of;
    req->params = params ? params : hearth_object(NULL);
    req->on_event = options ? options->on_event : NULL;
    req->done = done;
    req->arg = arg;
    if (hearth_is_bad(req->params))
        abort();
    value_freeze(req->params);
    hearth_str_copy(req->method, sizeof req->method, method);
    req->next = f->requests;
    f->requests = req;
    hearth_id id = req->id;
    dispatch(req);
    return id;
}

static void cancel_request(fakehost *f, hearth_req *req)
{
    if (req->is_cancelled || req->is_answered)
        return;
    hearth_id id = req->id;
    hearth_fn fn = req->on_cancel;
    req->is_cancelled = true;
    if (fn)
        fn(req->cancel_arg);
    for (hearth_req *r = f->requests; r;) { /* one may end others: from the beginning after each */
        bool is_next = r->parent && r->parent->id == id && !r->is_cancelled && !r->is_answered;
        if (is_next)
            cancel_request(f, r);
        r = is_next ? f->requests : r->next;
    }
    req = f->requests;
    while (req && req->id != id)
        req = req->next;
    if (!req || fn || req->job || req->is_answered)
        return;
    hearth_err        err = { HEARTH_CANCELLED, "test", "the call was cancelled" };
    hearth_reply_view view = { HEARTH_CANCELLED, NULL, &err };
    req->was_told = true;
    req->done(req->arg, &view);
}

static void host_cancel(hearth_ctx *ctx, hearth_id call)
{
    for (hearth_req *r = ctx->f->requests; r; r = r->next)
        if (r->id == call) {
            cancel_request(ctx->f, r);
            return;
        }
}

static void host_emit(hearth_ctx *ctx, hearth_str topic, hearth_value *value)
{
    hearth_value *one = hearth_object(NULL), *all = hearth_array(NULL);
    for (size_t i = 0; i < hearth_count(ctx->f->emitted); i++)
        hearth_add_ref(all, hearth_at(ctx->f->emitted, i));
    hearth_put_str(one, "topic", topic);
    hearth_put(one, "value", value);
    hearth_add(all, one);
    hearth_value_unref(ctx->f->emitted);
    ctx->f->emitted = all;
}

/* -- time and work ------------------------------------------------------------------------------------------------------------ */

static hearth_id host_timer(hearth_ctx *ctx, uint32_t after_ms, uint32_t every_ms, hearth_fn fn, void *arg)
{
    todo *t = calloc(1, sizeof *t);
    *t = (todo){ .next = ctx->f->timers,
                 .ctx = ctx,
                 .fn = fn,
                 .arg = arg,
                 .timer = ++ctx->f->next_id,
                 .due_ms = ctx->f->now_ms + after_ms,
                 .every_ms = every_ms };
    ctx->f->timers = t;
    return t->timer;
}

static void host_timer_stop(hearth_ctx *ctx, hearth_id timer)
{
    for (todo **t = &ctx->f->timers; *t; t = &(*t)->next)
        if ((*t)->timer == timer) {
            todo *gone = *t;
            *t = gone->next;
            free(gone);
            return;
        }
}

static void host_work(hearth_ctx *ctx, hearth_fn run, hearth_finish_fn done, void *arg, void *self)
{
    todo *t = enqueue(ctx->f, ctx);
    t->fn = run;
    t->finish = done;
    t->arg = arg;
    t->self = self;
}

static void host_post(hearth_ctx *ctx, hearth_fn fn, void *arg)
{
    todo *t = enqueue(ctx->f, ctx);
    t->fn = fn;
    t->arg = arg;
}

/* -- files ------------------------------------------------------------------------------------------------------------------------ */

static void make_parents(char *path)
{
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(path, 0700);
            *p = '/';
        }
}

static void join(const fakehost *f, hearth_dir dir, hearth_str relative, char out[600])
{
    const char *below = dir == HEARTH_DIR_LOCAL   ? "/local"
                        : dir == HEARTH_DIR_INDEX ? "/local/index"
                        : dir == HEARTH_DIR_CACHE ? "/local/kv"
                                                  : "";
    snprintf(out, 600, "%s%s%s%.*s", f->root, below, relative.n ? "/" : "", HEARTH_FMT(relative));
}

static hearth_code host_path(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_buf *out, hearth_err *err)
{
    char path[600];
    (void)err;
    join(ctx->f, dir, relative, path);
    make_parents(path);
    return hearth_buf_puts(out, path);
}

static bool host_is_closing(hearth_ctx *ctx)
{
    (void)ctx;
    return false;
}

static hearth_code host_file_read_at(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, uint64_t from,
                                     hearth_buf *out, uint64_t *size, hearth_err *err)
{
    char path[600];
    join(ctx->f, dir, relative, path);
    FILE *file = fopen(path, "rb");
    if (!file)
        return hearth_err_set(err, HEARTH_NOT_FOUND, "test", "no file %s", path);
    fseek(file, 0, SEEK_END);
    uint64_t bytes = (uint64_t)ftell(file);
    if (size)
        *size = bytes;
    size_t want = from < bytes ? (size_t)(bytes - from) : 0;
    if (want > out->cap - out->n)
        want = out->cap - out->n;
    char *p = malloc(want + 1);
    fseek(file, (long)from, SEEK_SET);
    hearth_buf_append(out, p, fread(p, 1, want, file));
    free(p);
    fclose(file);
    return HEARTH_OK;
}

static hearth_code host_file_read(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_buf *out,
                                  hearth_err *err)
{
    return host_file_read_at(ctx, dir, relative, 0, out, NULL, err);
}

static void write_bytes(char path[600], const char *mode, hearth_str bytes)
{
    make_parents(path);
    FILE *file = fopen(path, mode);
    if (!file)
        abort();
    fwrite(bytes.p, 1, bytes.n, file);
    fclose(file);
}

static hearth_code host_file_write(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_str bytes,
                                   hearth_err *err)
{
    char path[600];
    (void)err;
    join(ctx->f, dir, relative, path);
    write_bytes(path, "wb", bytes);
    return HEARTH_OK;
}

static hearth_code host_file_remove(hearth_ctx *ctx, hearth_dir dir, hearth_str relative, hearth_err *err)
{
    char path[600];
    join(ctx->f, dir, relative, path);
    return unlink(path) == 0 ? HEARTH_OK : hearth_err_set(err, HEARTH_NOT_FOUND, "test", "no file %s", path);
}

static hearth_code host_dir_list(hearth_ctx *ctx, hearth_dir dir, hearth_str relative,
                                 hearth_code (*each)(void *arg, const hearth_dir_entry *entry), void *arg,
                                 hearth_err *err)
{
    char path[600], below[900];
    (void)err;
    join(ctx->f, dir, relative, path);
    DIR        *d = opendir(path);
    hearth_code code = HEARTH_OK;
    for (struct dirent *e; d && code >= 0 && (e = readdir(d));) {
        struct stat st;
        snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        if (e->d_name[0] == '.' || lstat(below, &st) != 0)
            continue;
        hearth_dir_entry entry = { sizeof entry, hearth_cstr(e->d_name), S_ISDIR(st.st_mode), (uint64_t)st.st_size,
                                   (uint64_t)st.st_mtime * 1000 };
        code = each(arg, &entry);
    }
    if (d)
        closedir(d);
    return code;
}

/* NAME.jsonl, or after a failure the first of NAME.1.jsonl … that does not exist yet; "NAME.jsonl.dead" marks it. */
static void log_file(const fakehost *f, hearth_str relative, char path[600])
{
    char mark[700], stem[600];
    join(f, HEARTH_DIR_DATA, relative, path);
    snprintf(stem, sizeof stem, "%.*s", (int)(strlen(path) - 6), path);
    for (int k = 1;; k++) {
        snprintf(mark, sizeof mark, "%s.dead", path);
        if (access(mark, F_OK) != 0)
            return;
        snprintf(path, 600, "%.580s.%d.jsonl", stem, k);
    }
}

static void host_log_append(hearth_ctx *ctx, hearth_str relative, hearth_str lines, hearth_append_fn done, void *arg,
                            void *self)
{
    fakehost   *f = ctx->f;
    char        path[600], mark[700], last = '\n';
    struct stat st;
    log_file(f, relative, path);
    FILE *file = fopen(path, "rb");
    if (file && fseek(file, -1, SEEK_END) == 0)
        last = (char)fgetc(file);
    if (file)
        fclose(file);
    todo *t = enqueue(f, ctx);
    t->appended = done;
    t->arg = arg;
    t->self = self;
    t->code = f->fail_code;
    if (f->fail_code < 0) {
        write_bytes(path, "ab", (hearth_str){ lines.p, f->fail_bytes < lines.n ? f->fail_bytes : lines.n });
        snprintf(mark, sizeof mark, "%s.dead", path);
        FILE *m = fopen(mark, "w");
        fclose(m);
        f->fail_code = HEARTH_OK;
        return;
    }
    if (last != '\n')
        write_bytes(path, "ab", HEARTH_STR("\n"));
    write_bytes(path, "ab", lines);
    f->appends++;
    t->offset = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* -- the rest ------------------------------------------------------------------------------------------------------------------------ */

static hearth_value *host_setting(hearth_ctx *ctx, hearth_str key)
{
    for (setting *s = ctx->f->settings; s; s = s->next)
        if (hearth_str_is(key, s->key))
            return hearth_value_ref(s->value);
    return NULL;
}

static hearth_host_api table = {
    .size = sizeof table,
    .abi_major = HEARTH_ABI_MAJOR,
    .abi_minor = HEARTH_ABI_MINOR,
    .alloc = host_alloc,
    .resize = host_resize,
    .release = host_release,
    .log = host_log,
    .ready = host_ready,
    .info = host_info,
    .now_ms = host_now_ms,
    .wall_ms = host_wall_ms,
    .random = host_random,
    .serve = host_serve,
    .ctx_of = host_ctx_of,
    .params = host_params,
    .principal = host_principal,
    .reply = host_reply,
    .fail = host_fail,
    .push = host_push,
    .push_many = host_push_many,
    .is_cancelled = host_is_cancelled,
    .on_cancel = host_on_cancel,
    .job = host_job,
    .call = host_call,
    .cancel = host_cancel,
    .emit = host_emit,
    .timer = host_timer,
    .timer_stop = host_timer_stop,
    .work = host_work,
    .post = host_post,
    .path = host_path,
    .file_read = host_file_read,
    .file_write = host_file_write,
    .file_remove = host_file_remove,
    .dir_list = host_dir_list,
    .log_append = host_log_append,
    .setting = host_setting,
    .file_read_at = host_file_read_at,
    .is_closing = host_is_closing,
};

/* -- for tests ------------------------------------------------------------------------------------------------------------------------- */

fakehost *fakehost_new(const char *folder)
{
    fakehost *f = calloc(1, sizeof *f);
    value_install();
    table.values = hearth_values();
    f->last = &f->first;
    f->outside.f = f;
    hearth_str_copy(f->outside.id, sizeof f->outside.id, HEARTH_STR("test"));
    fakehost_device(f, "01JDEV1CE0000000000000000A");
    f->is_ours = !folder;
    if (folder) {
        snprintf(f->root, sizeof f->root, "%s", folder);
    } else {
        const char *base = getenv("TMPDIR");
        snprintf(f->root, sizeof f->root, "%.200s/hearth-test-XXXXXX", base ? base : P_tmpdir);
        if (!mkdtemp(f->root))
            abort();
    }
    f->emitted = hearth_array(NULL);
    return f;
}

const char *fakehost_folder(const fakehost *f) { return f->root; }

void fakehost_device(fakehost *f, const char *device)
{
    hearth_str_copy(f->device, sizeof f->device, hearth_cstr(device));
}

void fakehost_load(fakehost *f, const char *id, hearth_plugin_entry_fn entry)
{
    hearth_ctx *ctx = calloc(1, sizeof *ctx);
    hearth_err  err = { 0 };
    ctx->f = f;
    hearth_str_copy(ctx->id, sizeof ctx->id, hearth_cstr(id));
    ctx->plugin = entry(&table);
    ctx->next = f->plugins;
    f->plugins = ctx;
    if (!ctx->plugin || ctx->plugin->load(ctx, &ctx->self, &err) < 0 ||
        ctx->plugin->implement(ctx, ctx->self, &err) < 0) {
        fprintf(stderr, "%s: %s\n", id, err.msg);
        abort();
    }
}

void fakehost_serve(fakehost *f, const char *method, hearth_method_fn fn, void *self)
{
    hearth_method m = { method, fn };
    hearth_bind(&table);
    host_serve(&f->outside, &m, 1, self, NULL);
}

void fakehost_set(fakehost *f, const char *key, const char *json)
{
    setting *s = calloc(1, sizeof *s);
    hearth_str_copy(s->key, sizeof s->key, hearth_cstr(key));
    s->value = hearth_parse(NULL, hearth_cstr(json), NULL);
    s->next = f->settings;
    f->settings = s;
}

/* Frees what a crash would have lost. */
static void drop(fakehost *f)
{
    while (f->first) {
        todo *t = f->first;
        f->first = t->next;
        free(t);
    }
    f->last = &f->first;
    while (f->timers)
        host_timer_stop(&f->outside, f->timers->timer);
    while (f->requests)
        request_free(f->requests);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static size_t end(fakehost *f)
{
    size_t left = 0;
    while (f->methods) {
        served *s = f->methods;
        f->methods = s->next;
        free(s);
    }
    while (f->plugins) {
        hearth_ctx *ctx = f->plugins;
        f->plugins = ctx->next;
        ctx->plugin->dispose(ctx->self);
        left += ctx->bytes + ctx->blocks;
        free(ctx);
    }
    while (f->settings) {
        setting *s = f->settings;
        f->settings = s->next;
        hearth_value_unref(s->value);
        free(s);
    }
    hearth_value_unref(f->emitted);
    if (f->is_ours)
        nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return left;
}

size_t fakehost_free(fakehost *f)
{
    fakehost_run(f);
    for (hearth_ctx *ctx = f->plugins; ctx; ctx = ctx->next)
        ctx->is_gone = true;
    drop(f);
    return end(f);
}

void fakehost_crash(fakehost *f)
{
    drop(f);
    f->is_ours = false;
    end(f);
}

static void on_event(void *arg, const hearth_event *event)
{
    static const char *const kinds[] = { "",        "started",  "text", "reasoning", "tool_call",
                                         "logprob", "progress", "data", "reset" };
    fake_call               *c = arg;
    hearth_value            *e = hearth_object(NULL);
    hearth_put_cstr(e, "kind", kinds[event->kind]);
    hearth_put_str(e, "text", event->text);
    if (event->data)
        hearth_put_ref(e, "data", event->data);
    hearth_add(c->events, e);
}

static void on_done(void *arg, const hearth_reply_view *r)
{
    fake_call *c = arg;
    c->is_done = true;
    c->code = r->code;
    c->value = hearth_value_ref(r->value);
    c->err = *r->err;
}

fake_call *fakehost_start(fakehost *f, const char *method, const char *json)
{
    hearth_err          err = { 0 };
    hearth_call_options how = { .size = sizeof how, .on_event = on_event };
    fake_call          *c = calloc(1, sizeof *c);
    hearth_value       *params = hearth_parse(NULL, hearth_cstr(json), &err);
    if (!params) {
        fprintf(stderr, "%s: %s\n", json, err.msg);
        abort();
    }
    c->f = f;
    c->events = hearth_array(NULL);
    c->id = host_call(&f->outside, NULL, hearth_cstr(method), params, &how, on_done, c);
    return c;
}

fake_call *fakehost_call(fakehost *f, const char *method, const char *json)
{
    fake_call *c = fakehost_start(f, method, json);
    fakehost_run(f);
    return c;
}

void fakehost_cancel(fake_call *c) { host_cancel(&c->f->outside, c->id); }

void fake_call_free(fake_call *c)
{
    hearth_value_unref(c->value);
    hearth_value_unref(c->events);
    free(c);
}

const hearth_value *fakehost_emitted(fakehost *f) { return f->emitted; }

void fakehost_fail_append(fakehost *f, hearth_code code, size_t bytes)
{
    f->fail_code = code;
    f->fail_bytes = bytes;
}

unsigned fakehost_appends(const fakehost *f) { return f->appends; }

void fakehost_write(fakehost *f, const char *name, const char *text)
{
    char path[600];
    join(f, HEARTH_DIR_DATA, hearth_cstr(name), path);
    write_bytes(path, "wb", hearth_cstr(text));
}

void fakehost_append(fakehost *f, const char *name, const char *text)
{
    char path[600];
    join(f, HEARTH_DIR_DATA, hearth_cstr(name), path);
    write_bytes(path, "ab", hearth_cstr(text));
}

char *fakehost_read(fakehost *f, const char *name)
{
    hearth_buf  out;
    size_t      n = 0;
    hearth_ctx *ctx = &f->outside;
    hearth_buf_init(&out, 64u << 20);
    if (host_file_read(ctx, HEARTH_DIR_DATA, hearth_cstr(name), &out, NULL) < 0) {
        hearth_buf_deinit(&out);
        return NULL;
    }
    hearth_buf_putc(&out, '\0');
    return hearth_buf_take(&out, &n);
}

bool fakehost_has(fakehost *f, const char *name)
{
    char path[600];
    join(f, HEARTH_DIR_DATA, hearth_cstr(name), path);
    return access(path, F_OK) == 0;
}

void fakehost_remove(fakehost *f, const char *name)
{
    char path[600];
    join(f, HEARTH_DIR_DATA, hearth_cstr(name), path);
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
