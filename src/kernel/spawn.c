/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* spawn: a further instance of a plugin, in a process of its own.
 *
 * STARTING until the child says it is ready, READY, then GONE exactly once. A child that ends, breaks the protocol, or stays
 * silent while it owes an answer is ended; its calls fail at once with `crashed` and everything else goes on. The health
 * timer runs only while calls are under way: an idle child costs no wake-up. */
#include <inttypes.h>
#include <stdlib.h>

#include "io/child.h"
#include "kernel/channel.h"
#include "kernel/folder.h"
#include "kernel/plugins.h"
#include "kernel/settings.h"

#define START_MS   10000u
#define SILENCE_MS 10000u
#define GRACE_MS   2000u

typedef struct spawn {
    list        node; /* in ctx->children */
    kernel     *k;
    hearth_id   id;
    hearth_ctx *owner; /* NULL: disposed meanwhile */
    plugin     *of;
    child      *proc;
    channel    *wire;
    hearth_ctx *rights; /* the plugin's, for what the child asks of us */
    hearth_child_state state;
    bool        is_closing;
    uint32_t    silence_ms;
    loop_timer *timer; /* start deadline, then health */
    void (*on_state)(void *self, hearth_id child, hearth_child_state state, const hearth_err *err);
    void      *self;
    hearth_err err; /* why it ended, when we know more than its exit tells */
    char       label[128];
} spawn;

static void destroy(void *arg)
{
    spawn *s = arg;
    channel_free(s->wire);
    child_free(s->proc);
    if (s->rights) {
        hearth_value_unref((hearth_value *)(uintptr_t)s->rights->topics);
        ctx_free(s->rights);
    }
    free(s);
}

static void tell(spawn *s, hearth_child_state state, const hearth_err *err)
{
    if (s->owner && s->on_state)
        s->on_state(s->self, s->id, state, err);
}

static void kill_it(spawn *s, hearth_code code, const char *why)
{
    hearth_err_set(&s->err, code, s->of->id, "%s %s", s->label, why);
    child_stop(s->proc, 0);
}

/* -- the channel's side ------------------------------------------------------------------------------------------ */

static void check_health(void *arg)
{
    spawn   *s = arg;
    uint64_t silence = channel_silence_ms(s->wire);
    if (channel_calls(s->wire) == 0) {
        loop_timer_stop(s->timer);
        s->timer = NULL;
    } else if (silence >= s->silence_ms) {
        loop_timer_stop(s->timer);
        s->timer = NULL;
        kill_it(s, HEARTH_DEADLINE, "did not answer any more and was ended");
    } else if (silence >= s->silence_ms / 4) {
        channel_ping(s->wire);
    }
}

static void on_busy(void *arg)
{
    spawn *s = arg;
    if (!s->timer && s->state == HEARTH_CHILD_READY)
        s->timer = loop_timer_start(s->k->l, s->silence_ms / 4, s->silence_ms / 4, check_health, s);
}

static void on_ready(void *arg, hearth_code code, const hearth_err *err)
{
    spawn *s = arg;
    if (s->state != HEARTH_CHILD_STARTING)
        return;
    loop_timer_stop(s->timer);
    s->timer = NULL;
    if (code < 0) {
        s->err = *err;
        child_stop(s->proc, GRACE_MS);
        return;
    }
    s->state = HEARTH_CHILD_READY;
    hearth_err none = { 0 };
    tell(s, HEARTH_CHILD_READY, &none);
}

static void on_log(void *arg, hearth_level level, hearth_str text)
{
    spawn *s = arg;
    kernel_logv(s->k, level, s->of->id, text);
}

static void on_emit(void *arg, hearth_str topic, hearth_value *value)
{
    spawn *s = arg;
    for (size_t i = 0; i < hearth_count(s->rights->topics); i++) {
        const hearth_value *one = hearth_at(s->rights->topics, i);
        hearth_str          name = hearth_kind_of(one) == HEARTH_OBJECT ? hearth_get_str(one, "name") : hearth_as_str(one);
        if (hearth_str_equal(name, topic)) {
            bus_emit(s->k->bus, topic, value);
            return;
        }
    }
    hearth_value_unref(value);
}

static void on_end(void *arg, hearth_code code, const char *why)
{
    spawn *s = arg;
    if (code < 0)
        hearth_err_set(&s->err, HEARTH_CRASHED, s->of->id, "%s broke the protocol: %s", s->label, why);
    child_stop(s->proc, s->is_closing ? GRACE_MS : 500);
}

/* -- the process's side ------------------------------------------------------------------------------------------------ */

static void on_line(void *arg, bool is_stderr, hearth_str line)
{
    spawn *s = arg;
    kernel_logv(s->k, is_stderr ? HEARTH_LOG_INFO : HEARTH_LOG_DEBUG, s->of->id, line);
}

static void on_exit_(void *arg, int status, int signo, const char *words)
{
    spawn *s = arg;
    (void)status;
    (void)signo;
    bool was_asked = s->is_closing && s->err.code >= 0;
    if (!was_asked)
        hearth_err_set(&s->err, HEARTH_CRASHED, s->of->id, "%s ended unexpectedly (%s)", s->label, words);
    loop_timer_stop(s->timer);
    s->timer = NULL;
    s->state = HEARTH_CHILD_GONE;
    slots_remove(&s->k->children, s->id);
    list_remove(&s->node);
    s->of->children--;
    if (!was_asked)
        kernel_log(s->k, HEARTH_LOG_WARN, s->of->id, "%s", s->err.msg);
    channel *wire = s->wire;
    s->wire = NULL;
    channel_free(wire); /* what was under way fails now */
    tell(s, HEARTH_CHILD_GONE, &s->err);
    loop_soon(s->k->l, destroy, s);
}

static void on_start_deadline(void *arg)
{
    spawn *s = arg;
    loop_timer_stop(s->timer);
    s->timer = NULL;
    kill_it(s, HEARTH_DEADLINE, "took too long to start and was ended");
}

/* -- begin ----------------------------------------------------------------------------------------------------------------- */

static hearth_value *hello(const spawn *s, hearth_str cache_dir)
{
    hearth_value *v = hearth_object(NULL);
    hearth_put_i64(v, "protocol", CHANNEL_PROTOCOL);
    hearth_put_cstr(v, "plugin", s->of->id);
    hearth_put_cstr(v, "label", s->label);
    hearth_put_cstr(v, "version", s->k->o.version);
    hearth_put_cstr(v, "device", folder_device(s->k->folder));
    hearth_put_cstr(v, "package_dir", s->of->package_dir);
    hearth_put_str(v, "cache_dir", cache_dir);
    hearth_put_ref(v, "manifest", s->of->manifest);
    if (s->of->methods)
        hearth_put_ref(v, "methods", s->of->methods);
    hearth_buf prefix;
    hearth_buf_init(&prefix, 256);
    hearth_buf_printf(&prefix, "%s.", s->of->id);
    hearth_put(v, "settings", settings_snapshot(s->k->settings, hearth_buf_str(&prefix)));
    hearth_buf_deinit(&prefix);
    return v;
}

/* Its own package and the executable it is. What any program needs of the system, child_walls.c grants, as far as it is there:
 * a container may have no /sys. */
static size_t own_paths(const spawn *s, hearth_str *out)
{
    out[0] = hearth_cstr(s->of->package_dir);
    out[1] = hearth_cstr(s->k->o.host_executable);
    return 2;
}

static hearth_code launch(spawn *s, const hearth_spawn_options *o, hearth_str cache_dir, hearth_err *err)
{
    hearth_str reads[64], writes[16];
    size_t     n = own_paths(s, reads), w = 0;
    if (o->read_count > HEARTH_COUNT(reads) - n || o->write_count > HEARTH_COUNT(writes) - 1)
        return hearth_err_set(err, HEARTH_TOO_LARGE, "spawn", "%s names too many paths", s->label);
    for (size_t i = 0; i < o->read_count; i++)
        reads[n++] = o->read_paths[i];
    for (size_t i = 0; i < o->write_count; i++)
        writes[w++] = o->write_paths[i];
    writes[w++] = cache_dir;
    const char *const   argv[] = { s->k->o.host_executable, s->of->id, NULL };
    const child_options options = { .argv = argv, .read_paths = reads, .read_count = n, .write_paths = writes, .write_count = w,
                                    .may_use_gpu = true, .on_line = on_line, .on_exit = on_exit_ };
    static const channel_handlers handlers = { .on_ready = on_ready, .on_log = on_log, .on_emit = on_emit, .on_busy = on_busy,
                                               .on_end = on_end };
    int fd = -1;
    s->proc = child_start(s->k->l, &options, s, &fd, err);
    if (!s->proc)
        return err && err->code < 0 ? err->code : HEARTH_IO;
    s->wire = channel_new(s->k, s->rights, fd, &handlers, s, err);
    if (!s->wire)
        return HEARTH_NO_MEMORY;
    hearth_value *v = hello(s, cache_dir);
    hearth_code   code = channel_send_json(s->wire, CHANNEL_HELLO, v);
    hearth_value_unref(v);
    return code;
}

static hearth_code prepare(spawn *s, hearth_ctx *ctx, hearth_buf *cache_dir, hearth_err *err)
{
    s->rights = ctx_new(s->k, hearth_cstr(s->of->id), NULL, PRINCIPAL_PLUGIN, err);
    if (!s->rights)
        return HEARTH_NO_MEMORY;
    HEARTH_TRY(plugin_equip(s->rights, s->of->manifest, err));
    hearth_buf_printf(cache_dir, "kv/%s", s->of->id);
    HEARTH_TRY(file_make_dirs(folder_local(s->k->folder), hearth_buf_str(cache_dir), err));
    hearth_buf_reset(cache_dir);
    hearth_buf_printf(cache_dir, "%s/kv/%s", file_root_path(folder_local(s->k->folder)), s->of->id);
    s->id = slots_add(&s->k->children, s);
    list_add(&ctx->children, &s->node);
    return s->id ? HEARTH_OK : HEARTH_NO_MEMORY;
}

hearth_id spawn_start(hearth_ctx *ctx, const hearth_spawn_options *o, void *self, hearth_err *err)
{
    kernel *k = ctx->k;
    plugin *of = k->plugins ? plugins_find(k->plugins, hearth_cstr(o->plugin)) : NULL;
    if (!of || of->entry || of->state >= PLUGIN_REJECTED) {
        hearth_err_set(err, HEARTH_NOT_FOUND, "spawn", "there is no plugin %s that runs in a child%s%s", o->plugin, of ? ": " : "",
                       of ? of->err.msg : "");
        return 0;
    }
    spawn *s = ctx->is_open ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "spawn", "%s could not be started", o->plugin);
        return 0;
    }
    s->k = k;
    s->owner = ctx;
    s->of = of;
    s->state = HEARTH_CHILD_STARTING;
    s->silence_ms = o->silence_ms ? o->silence_ms : SILENCE_MS;
    s->on_state = o->on_state;
    s->self = self;
    list_init(&s->node);
    hearth_str_copy(s->label, sizeof s->label, hearth_cstr(o->label ? o->label : o->plugin));
    hearth_buf cache_dir;
    hearth_buf_init(&cache_dir, 8192);
    hearth_code code = prepare(s, ctx, &cache_dir, err);
    if (code >= 0)
        code = launch(s, o, hearth_buf_str(&cache_dir), err);
    hearth_buf_deinit(&cache_dir);
    if (code < 0) {
        hearth_err_set(err, code, "spawn", "%s could not be started: %s", o->plugin, hearth_code_text(code));
        slots_remove(&k->children, s->id);
        list_remove(&s->node);
        destroy(s);
        return 0;
    }
    of->children++;
    s->timer = loop_timer_start(k->l, o->start_ms ? o->start_ms : START_MS, 0, on_start_deadline, s);
    return s->id;
}

static spawn *find(hearth_ctx *ctx, hearth_id id)
{
    spawn *s = slots_find(&ctx->k->children, id);
    return s && s->owner == ctx ? s : NULL;
}

static void close_it(spawn *s)
{
    if (s->is_closing)
        return;
    s->is_closing = true;
    channel_send(s->wire, CHANNEL_DISPOSE, 0, (hearth_str){ NULL, 0 });
    child_stop(s->proc, GRACE_MS);
}

void spawn_close(hearth_ctx *ctx, hearth_id id)
{
    spawn *s = find(ctx, id);
    if (s)
        close_it(s);
}

int64_t spawn_pid(hearth_ctx *ctx, hearth_id id)
{
    spawn *s = find(ctx, id);
    return s ? child_pid(s->proc) : -1;
}

struct channel *spawn_channel(hearth_ctx *ctx, hearth_id id)
{
    spawn *s = find(ctx, id);
    return s && !s->is_closing ? s->wire : NULL;
}

size_t spawn_close_all(hearth_ctx *ctx)
{
    size_t n = 0;
    LIST_EACH_SAFE(&ctx->children, node, next) {
        spawn *s = LIST_ENTRY(node, spawn, node);
        s->on_state = NULL;
        close_it(s);
        n++;
    }
    return n;
}

void spawn_kill_all(hearth_ctx *ctx)
{
    while (!list_is_empty(&ctx->children)) {
        spawn *s = LIST_ENTRY(ctx->children.next, spawn, node);
        s->of->children--;
        loop_timer_stop(s->timer);
        slots_remove(&s->k->children, s->id);
        list_remove(&s->node);
        destroy(s);
    }
}

bool spawn_is_idle(const hearth_ctx *ctx)
{
    return list_is_empty(&ctx->children);
}
