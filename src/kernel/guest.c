/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A kernel without a folder, one channel to the daemon, one context with one plugin in it. What the plugin calls and nobody here
 * serves goes up the channel; what the daemon calls comes down it with the daemon's rights: the gate was asked up there. */
#include "kernel/guest.h"

#include <stdlib.h>

#include "io/image.h"
#include "kernel/channel.h"
#include "kernel/plugins.h"

struct guest {
    loop               *l;
    kernel             *k;
    hearth_ctx         *daemon; /* the rights of calls that come down */
    hearth_ctx         *ctx;
    image              *image;
    const hearth_plugin *code;
    void               *self;
    char               *version, *device;
    bool                is_stopping;
};

static void stopped(void *arg)
{
    guest *g = arg;
    if (g->code && g->self)
        g->code->dispose(g->self);
    g->self = NULL;
    if (g->ctx)
        ctx_reclaim(g->ctx);
    loop_stop(g->l);
}

void guest_stop(guest *g)
{
    if (g->is_stopping)
        return;
    g->is_stopping = true;
    if (g->ctx)
        ctx_close(g->ctx, 500, stopped, g);
    else
        stopped(g);
}

static void answer_hello(guest *g, hearth_code code, const hearth_err *err)
{
    hearth_value *v = hearth_object(NULL);
    hearth_put_i64(v, "code", code < 0 ? code : 0);
    if (code < 0) {
        hearth_put_cstr(v, "where", err->where);
        hearth_put_cstr(v, "msg", err->msg);
    }
    channel_send_json(g->k->upstream, CHANNEL_READY, v);
    hearth_value_unref(v);
    if (code < 0)
        guest_stop(g);
}

static void on_loaded(void *arg, hearth_code code, const hearth_err *why)
{
    guest     *g = arg;
    hearth_err err = why ? *why : (hearth_err){ 0 };
    if (code >= 0)
        code = g->code->implement(g->ctx, g->self, &err);
    answer_hello(g, code, &err);
}

/* A copy that outlives hello. */
static hearth_str keep(char **to, hearth_str s)
{
    free(*to);
    *to = malloc(s.n + 1);
    if (!*to)
        return (hearth_str){ NULL, 0 };
    if (s.n)
        memcpy(*to, s.p, s.n);
    (*to)[s.n] = 0;
    return (hearth_str){ *to, s.n };
}

static hearth_code open_image(guest *g, hearth_str package_dir, hearth_str id, hearth_err *err)
{
    hearth_buf path;
    hearth_buf_init(&path, 8192);
    hearth_buf_printf(&path, "%.*s/%.*s.so", HEARTH_FMT(package_dir), HEARTH_FMT(id));
    g->image = path.failed ? NULL : image_open(path.p, err);
    hearth_buf_deinit(&path);
    if (!g->image)
        return HEARTH_INCOMPATIBLE;
    hearth_plugin_entry_fn entry = (hearth_plugin_entry_fn)image_symbol(g->image, "hearth_plugin_entry");
    if (!entry)
        return hearth_err_set(err, HEARTH_INCOMPATIBLE, "plugin-host", "%.*s.so exports no hearth_plugin_entry", HEARTH_FMT(id));
    g->code = entry(host_table());
    if (!g->code || g->code->abi_major != HEARTH_ABI_MAJOR)
        return hearth_err_set(err, HEARTH_INCOMPATIBLE, "plugin-host", "%.*s was built for version %u of Hearth's interface, this is %u",
                              HEARTH_FMT(id), g->code ? g->code->abi_major : 0u, HEARTH_ABI_MAJOR);
    return HEARTH_OK;
}

static hearth_code take_hello(guest *g, const hearth_value *hello, hearth_err *err)
{
    kernel    *k = g->k;
    hearth_str id = hearth_get_str(hello, "plugin"), dir = hearth_get_str(hello, "package_dir"), cache = hearth_get_str(hello, "cache_dir");
    if (hearth_get_i64(hello, "protocol", 0) != CHANNEL_PROTOCOL)
        return hearth_err_set(err, HEARTH_INCOMPATIBLE, "plugin-host", "the daemon and hearth-plugin-host are of different versions; install both anew");
    k->child_info.version = keep(&g->version, hearth_get_str(hello, "version"));
    k->child_info.device = keep(&g->device, hearth_get_str(hello, "device"));
    k->child_settings = hearth_value_ref(hearth_get(hello, "settings"));
    char *text = NULL;
    keep(&text, cache);
    if (cache.n && text)
        k->child_cache = file_root_open(text, false, NULL);
    keep(&text, dir);
    g->ctx = text ? ctx_new(k, id, text, PRINCIPAL_PLUGIN, err) : NULL;
    free(text);
    if (!g->ctx)
        return HEARTH_NO_MEMORY;
    HEARTH_TRY(plugin_equip(g->ctx, hearth_get(hello, "manifest"), err));
    const hearth_value *methods = hearth_get(hello, "methods");
    if (methods)
        HEARTH_TRY(registry_describe(k->registry, id, methods, err));
    HEARTH_TRY(open_image(g, dir, id, err));
    g->ctx->on_ready = on_loaded;
    g->ctx->on_ready_arg = g;
    hearth_code code = g->code->load(g->ctx, &g->self, err);
    if (code == HEARTH_LATER)
        return HEARTH_OK;
    g->ctx->on_ready = NULL;
    if (code >= 0)
        on_loaded(g, code, NULL);
    return code;
}

static void on_hello(void *arg, const hearth_value *hello)
{
    guest     *g = arg;
    hearth_err err = { 0 };
    if (g->ctx)
        return;
    hearth_code code = take_hello(g, hello, &err);
    if (code < 0)
        answer_hello(g, code, &err);
}

static void on_dispose(void *arg)
{
    guest_stop(arg);
}

static void on_end(void *arg, hearth_code code, const char *why)
{
    (void)code;
    (void)why;
    guest_stop(arg); /* the daemon is gone: so are we */
}

guest *guest_new(loop *l, int fd, hearth_err *err)
{
    static const channel_handlers handlers = { .on_hello = on_hello, .on_dispose = on_dispose, .on_end = on_end };
    guest                        *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->l = l;
    const kernel_options o = { .loop = l, .version = "" };
    g->k = kernel_new(&o, err);
    g->daemon = g->k ? ctx_new(g->k, HEARTH_STR("daemon"), NULL, PRINCIPAL_HOST, err) : NULL;
    if (g->daemon)
        g->k->upstream = channel_new(g->k, g->daemon, fd, &handlers, g, err);
    if (!g->daemon || !g->k->upstream) {
        guest_free(g);
        return NULL;
    }
    return g;
}

void guest_free(guest *g)
{
    if (!g)
        return;
    if (g->k && g->k->upstream) {
        struct channel *up = g->k->upstream;
        g->k->upstream = NULL;
        channel_free(up);
    }
    if (g->ctx) {
        hearth_value_unref((hearth_value *)(uintptr_t)g->ctx->topics);
        ctx_free(g->ctx);
    }
    ctx_free(g->daemon);
    kernel_free(g->k);
    image_close(g->image);
    free(g->version);
    free(g->device);
    free(g);
}
