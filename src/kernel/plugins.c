/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The core plugins run here in the daemon, over the same table as anybody's; every other native plugin runs in children that
 * spawn.c starts. A core plugin's way: manifest read → RESOLVED (everything it depends on is there) → LOADING → IMPLEMENTING →
 * ACTIVE; at the end DISPOSING → INACTIVE. One that fails stays FAILED with its reason; what depends on it is FAILED too, and
 * the daemon goes on with the rest. */
#include "kernel/plugins.h"

#include <stdlib.h>

#include "kernel/manifest.h"
#include "kernel/settings.h"
#include "kit/limits.h"

struct plugins {
    kernel *k;
    list    all;
    schema *form; /* of a manifest */
    /* while starting */
    void (*started)(void *arg, hearth_code code, const hearth_err *err);
    void *started_arg;
    /* while stopping */
    loop_fn stopped;
    void   *stopped_arg;
};

static void start_next(struct plugins *p);
static void stop_next(struct plugins *p);

const char *plugin_state_name(plugin_state s)
{
    static const char *const names[] = { "invalid",      "installed", "resolved",  "inactive",     "loading", "implementing", "active",
                                         "disposing",    "rejected",  "incompatible", "blocked",   "crashed", "failed" };
    return names[s];
}

struct plugins *plugins_new(kernel *k)
{
    struct plugins *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->k = k;
    list_init(&p->all);
    return p;
}

static void drop(plugin *one)
{
    list_remove(&one->node);
    hearth_value_unref(one->manifest);
    hearth_value_unref(one->methods);
    free(one->package_dir);
    free(one);
}

void plugins_free(struct plugins *p)
{
    if (!p)
        return;
    LIST_EACH_SAFE(&p->all, node, next)
        drop(LIST_ENTRY(node, plugin, node));
    schema_free(p->form);
    free(p);
}

plugin *plugins_find(struct plugins *p, hearth_str id)
{
    LIST_EACH(&p->all, node) {
        plugin *one = LIST_ENTRY(node, plugin, node);
        if (hearth_str_equal(hearth_cstr(one->id), id))
            return one;
    }
    return NULL;
}

void plugins_each(struct plugins *p, void (*each)(void *arg, const plugin *one), void *arg)
{
    LIST_EACH(&p->all, node)
        each(arg, LIST_ENTRY(node, plugin, node));
}

static void set_state(plugin *one, plugin_state s)
{
    one->state = s;
    hearth_value *v = hearth_object(NULL);
    hearth_put_cstr(v, "id", one->id);
    hearth_put_cstr(v, "state", plugin_state_name(s));
    bus_emit(one->k->bus, HEARTH_STR("plugins.changed"), v);
}

static void fail(plugin *one, plugin_state s, hearth_code code, const char *words)
{
    if (one->err.code >= 0 || !one->err.msg[0])
        hearth_err_set(&one->err, code, one->id, "%s", words);
    kernel_log(one->k, HEARTH_LOG_ERROR, one->id, "%s: %s", plugin_state_name(s), one->err.msg);
    set_state(one, s);
}

/* -- discovery ------------------------------------------------------------------------------------------------------- */

static plugin *add(struct plugins *p, hearth_str id, hearth_str manifest, hearth_str methods)
{
    plugin *one = id.n > 0 && id.n < sizeof one->id ? calloc(1, sizeof *one) : NULL;
    if (!one)
        return NULL;
    one->k = p->k;
    memcpy(one->id, id.p, id.n);
    one->state = PLUGIN_INSTALLED;
    list_add(&p->all, &one->node);
    hearth_buf dir;
    hearth_buf_init(&dir, 8192);
    hearth_buf_printf(&dir, "%s/plugins/%s", p->k->o.share_dir, one->id);
    one->package_dir = hearth_buf_take(&dir, NULL);
    one->manifest = manifest_read(p->form, id, manifest, &one->err);
    if (one->manifest && methods.n)
        one->methods = hearth_parse(NULL, methods, &one->err);
    if (one->err.code < 0)
        fail(one, one->err.code == HEARTH_INCOMPATIBLE ? PLUGIN_INCOMPATIBLE : PLUGIN_REJECTED, one->err.code, "");
    return one;
}

static hearth_code read_package(void *arg, const hearth_dir_entry *entry)
{
    struct plugins *p = arg;
    if (!entry->is_dir || plugins_find(p, entry->name))
        return HEARTH_OK;
    hearth_buf dir, manifest, methods;
    hearth_buf_init(&dir, 8192);
    hearth_buf_init(&manifest, LIMIT_MANIFEST_BYTES + 1);
    hearth_buf_init(&methods, 1 << 20);
    hearth_buf_printf(&dir, "%s/plugins/%.*s", p->k->o.share_dir, HEARTH_FMT(entry->name));
    file_root *root = dir.failed ? NULL : file_root_open(dir.p, false, NULL);
    if (root && file_read(root, HEARTH_STR("plugin.json"), &manifest, NULL) >= 0) {
        file_read(root, HEARTH_STR("methods.json"), &methods, NULL);
        add(p, entry->name, hearth_buf_str(&manifest), hearth_buf_str(&methods));
    }
    file_root_close(root);
    hearth_buf_deinit(&dir);
    hearth_buf_deinit(&manifest);
    hearth_buf_deinit(&methods);
    return HEARTH_OK;
}

static hearth_code learn(plugin *one)
{
    const hearth_value *settings_schema = hearth_get(hearth_get(one->manifest, "contributes"), "settings");
    if (settings_schema)
        HEARTH_TRY(settings_declare(one->k->settings, hearth_cstr(one->id), settings_schema, &one->err));
    if (one->methods && one->entry)
        HEARTH_TRY(registry_describe(one->k->registry, hearth_cstr(one->id), one->methods, &one->err));
    return HEARTH_OK;
}

hearth_code plugins_discover(struct plugins *p, hearth_err *err)
{
    p->form = manifest_form(err);
    if (!p->form)
        return HEARTH_INTERNAL;
    for (const core_plugin *c = p->k->o.core; c && c->id; c++) {
        plugin *one = add(p, hearth_cstr(c->id), hearth_cstr(c->manifest), hearth_cstr(c->methods));
        if (!one)
            return hearth_err_set(err, HEARTH_NO_MEMORY, "plugins", "no memory");
        one->entry = c->entry;
    }
    file_root *share = file_root_open(p->k->o.share_dir, false, NULL);
    if (share)
        file_list(share, HEARTH_STR("plugins"), read_package, p, NULL);
    file_root_close(share);
    LIST_EACH(&p->all, node) {
        plugin *one = LIST_ENTRY(node, plugin, node);
        if (one->state == PLUGIN_INSTALLED && learn(one) < 0)
            fail(one, PLUGIN_REJECTED, HEARTH_INVALID_ARGUMENT, "its manifest could not be taken over");
    }
    return HEARTH_OK;
}

/* The first id it depends on that is not there, or NULL. */
static bool find_missing(struct plugins *p, const plugin *one, hearth_str *missing, bool *must_wait)
{
    const hearth_value *needs = hearth_get(one->manifest, "dependencies");
    *must_wait = false;
    for (size_t i = 0; i < hearth_count(needs); i++) {
        plugin *other = plugins_find(p, hearth_key_at(needs, i));
        if (!other || other->state >= PLUGIN_REJECTED) {
            *missing = hearth_key_at(needs, i);
            return true;
        }
        if (other->entry && other->state != PLUGIN_ACTIVE)
            *must_wait = true;
    }
    return false;
}

/* -- load and implement ----------------------------------------------------------------------------------------------------- */

hearth_code plugin_equip(hearth_ctx *ctx, const hearth_value *manifest, hearth_err *err)
{
    const hearth_value *wants = hearth_get(manifest, "permissions");
    for (size_t i = 0; i < hearth_count(wants); i++) {
        const hearth_value *one = hearth_at(wants, i);
        hearth_str          name = hearth_kind_of(one) == HEARTH_OBJECT ? hearth_get_str(one, "name") : hearth_as_str(one);
        if (name.n && principal_grant(ctx->as, name) < 0)
            return hearth_err_set(err, HEARTH_NO_MEMORY, "plugins", "no memory");
    }
    static const char none[] = "[]";
    const hearth_value *topics = hearth_get(hearth_get(manifest, "contributes"), "events");
    ctx->topics = topics ? hearth_value_ref(topics) : hearth_parse(NULL, HEARTH_STR(none), err);
    return HEARTH_OK;
}

static void end_generation(plugin *one)
{
    if (one->code && one->self)
        one->code->dispose(one->self);
    one->self = NULL;
    ctx_reclaim(one->ctx);
    one->last = one->ctx->counters;
    hearth_value_unref((hearth_value *)(uintptr_t)one->ctx->topics);
    ctx_free(one->ctx);
    one->ctx = NULL;
}

static void after_failed_start(void *arg)
{
    plugin *one = arg;
    end_generation(one);
    fail(one, PLUGIN_FAILED, HEARTH_INTERNAL, "it could not be started");
    start_next(one->k->plugins);
}

static void implement(plugin *one)
{
    set_state(one, PLUGIN_IMPLEMENTING);
    if (one->code->implement(one->ctx, one->self, &one->err) < 0) {
        ctx_close(one->ctx, 0, after_failed_start, one);
        return;
    }
    set_state(one, PLUGIN_ACTIVE);
    start_next(one->k->plugins);
}

static void on_loaded(void *arg, hearth_code code, const hearth_err *err)
{
    plugin *one = arg;
    if (code >= 0) {
        implement(one);
        return;
    }
    if (err)
        one->err = *err;
    ctx_close(one->ctx, 0, after_failed_start, one);
}

static void load(plugin *one)
{
    /* The list is kept in the order of starting: its reverse is the order of disposing. */
    list_remove(&one->node);
    list_add(&one->k->plugins->all, &one->node);
    one->err = (hearth_err){ 0 };
    one->generation++;
    one->ctx = ctx_new(one->k, hearth_cstr(one->id), one->package_dir, PRINCIPAL_PLUGIN, &one->err);
    if (!one->ctx || plugin_equip(one->ctx, one->manifest, &one->err) < 0) {
        fail(one, PLUGIN_FAILED, HEARTH_NO_MEMORY, "no memory");
        start_next(one->k->plugins);
        return;
    }
    set_state(one, PLUGIN_LOADING);
    one->code = one->entry(host_table());
    if (!one->code) {
        hearth_err_set(&one->err, HEARTH_INCOMPATIBLE, one->id, "built for another major of Hearth's interface than %u", HEARTH_ABI_MAJOR);
        ctx_close(one->ctx, 0, after_failed_start, one);
        return;
    }
    one->ctx->on_ready = on_loaded;
    one->ctx->on_ready_arg = one;
    hearth_code code = one->code->load(one->ctx, &one->self, &one->err);
    if (code == HEARTH_LATER)
        return;
    one->ctx->on_ready = NULL;
    on_loaded(one, code, NULL);
}

static void start_done(void *arg)
{
    struct plugins *p = arg;
    void (*done)(void *, hearth_code, const hearth_err *) = p->started;
    p->started = NULL;
    if (done)
        done(p->started_arg, HEARTH_OK, NULL);
}

/* Takes the next plugin that nothing holds back; when none is left, tells so. */
static void start_next(struct plugins *p)
{
    bool again = true;
    while (again) {
        again = false;
        LIST_EACH(&p->all, node) {
            plugin    *one = LIST_ENTRY(node, plugin, node);
            hearth_str missing;
            bool       must_wait;
            if (one->state == PLUGIN_LOADING || one->state == PLUGIN_IMPLEMENTING)
                return;
            if (one->state != PLUGIN_INSTALLED)
                continue;
            if (find_missing(p, one, &missing, &must_wait)) {
                hearth_err_set(&one->err, HEARTH_NOT_FOUND, one->id, "it needs the plugin %.*s, which is not running", HEARTH_FMT(missing));
                fail(one, PLUGIN_INCOMPATIBLE, HEARTH_NOT_FOUND, "");
                again = true;
                break;
            }
            if (must_wait)
                continue;
            set_state(one, PLUGIN_RESOLVED);
            set_state(one, PLUGIN_INACTIVE);
            if (one->entry) {
                load(one); /* goes on here when it is done */
                return;
            }
            again = true;
        }
    }
    LIST_EACH(&p->all, node) {
        plugin *one = LIST_ENTRY(node, plugin, node);
        if (one->state == PLUGIN_INSTALLED)
            fail(one, PLUGIN_INCOMPATIBLE, HEARTH_CONFLICT, "its dependencies go in a circle");
    }
    loop_soon(p->k->l, start_done, p);
}

void plugins_start(struct plugins *p, void (*done)(void *arg, hearth_code code, const hearth_err *err), void *arg)
{
    p->started = done;
    p->started_arg = arg;
    start_next(p);
}

/* -- dispose -------------------------------------------------------------------------------------------------------------------- */

#define DRAIN_MS 2000u

static void disposed(void *arg)
{
    plugin *one = arg;
    end_generation(one);
    set_state(one, PLUGIN_INACTIVE);
    stop_next(one->k->plugins);
}

static void stop_next(struct plugins *p)
{
    for (list *node = p->all.prev; node != &p->all; node = node->prev) {
        plugin *one = LIST_ENTRY(node, plugin, node);
        if (!one->ctx)
            continue;
        if (one->state == PLUGIN_DISPOSING)
            return;
        set_state(one, PLUGIN_DISPOSING);
        ctx_close(one->ctx, DRAIN_MS, disposed, one);
        return;
    }
    loop_fn done = p->stopped;
    p->stopped = NULL;
    if (done)
        done(p->stopped_arg);
}

void plugins_stop(struct plugins *p, loop_fn done, void *arg)
{
    p->stopped = done;
    p->stopped_arg = arg;
    stop_next(p);
}

/* -- values ------------------------------------------------------------------------------------------------------------------------ */

static void put_counters(hearth_value *v, const hearth_ctx *ctx, const ctx_counters *last)
{
    const ctx_counters *n = ctx ? &ctx->counters : last;
    hearth_put_u64(v, "calls", n->calls);
    hearth_put_u64(v, "failures", n->failures);
    hearth_put_u64(v, "slow_callbacks", n->slow_callbacks);
    hearth_value *h = hearth_object(NULL);
    if (ctx) {
        hearth_put_u64(h, "requests", list_count(&ctx->serving));
        hearth_put_u64(h, "calls", list_count(&ctx->calling));
        hearth_put_u64(h, "timers", list_count(&ctx->timers));
        hearth_put_u64(h, "subscriptions", bus_count(ctx->k->bus, ctx));
        hearth_put_u64(h, "children", list_count(&ctx->children));
        hearth_put_u64(h, "work", list_count(&ctx->work));
        hearth_put_u64(v, "bytes", ctx->block_bytes);
    } else {
        hearth_put_u64(v, "bytes", 0);
    }
    hearth_put(v, "handles", h);
    hearth_value *leaks = hearth_object(NULL);
    hearth_put_u64(leaks, "blocks", last->leaked_blocks);
    hearth_put_u64(leaks, "bytes", last->leaked_bytes);
    hearth_put_u64(leaks, "timers", last->leaked_timers);
    hearth_put_u64(leaks, "subscriptions", last->leaked_subscriptions);
    hearth_put_u64(leaks, "requests", last->leaked_requests);
    hearth_put(v, "reclaimed", leaks);
}

hearth_value *plugin_value(const plugin *p, bool with_detail)
{
    hearth_value *v = hearth_object(NULL);
    hearth_put_cstr(v, "id", p->id);
    hearth_put_str(v, "version", hearth_get_str(p->manifest, "version"));
    hearth_str title = hearth_get_str(p->manifest, "title");
    hearth_put_str(v, "title", title.n ? title : hearth_cstr(p->id));
    hearth_put_cstr(v, "state", plugin_state_name(p->state));
    hearth_put_cstr(v, "placement", p->entry ? "daemon" : "child");
    if (p->err.code < 0) {
        hearth_value *e = hearth_object(NULL);
        hearth_put_cstr(e, "name", hearth_code_name(p->err.code));
        hearth_put_cstr(e, "message", p->err.msg);
        hearth_put(v, "error", e);
    } else {
        hearth_put_null(v, "error");
    }
    if (!with_detail)
        return v;
    hearth_put_u64(v, "generation", p->generation);
    hearth_put_str(v, "description", hearth_get_str(p->manifest, "description"));
    hearth_put_u64(v, "instances", p->children);
    put_counters(v, p->ctx, &p->last);
    const hearth_value *wants = hearth_get(p->manifest, "permissions");
    hearth_put(v, "permissions", wants ? hearth_value_ref(wants) : hearth_array(NULL));
    return v;
}
