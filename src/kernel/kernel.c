/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* kernel: the registry of methods, the bus of topics, the gate, jobs, settings, the data folder and the plugins, tied together.
 *
 * It knows no feature. A call comes in (request.c), the registry says who serves it, the gate says whether, the schema says
 * whether its arguments are right; what answers is a plugin behind the public headers, in the daemon (host.c) or in a child
 * (spawn.c, channel.c). Everything runs on the one loop; files and whatever takes time go through workers. The same kernel
 * runs in hearth-plugin-host: without a folder, with the daemon at the other end of a channel. */
#include "kernel/kernel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/channel.h"
#include "kernel/folder.h"
#include "kernel/plugins.h"
#include "kernel/settings.h"
#include "kit/value.h"

void kernel_logv(kernel *k, hearth_level level, const char *who, hearth_str text)
{
    while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
        text.n--;
    if (k->o.on_log)
        k->o.on_log(k->o.log_arg, level, hearth_cstr(who), text);
}

void kernel_log(kernel *k, hearth_level level, const char *who, const char *fmt, ...)
{
    char    text[2048];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n > 0)
        kernel_logv(k, level, who, (hearth_str){ text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1 });
}

/* -- audit ------------------------------------------------------------------------------------------------------ */

static void audit_written(void *arg, hearth_code code, hearth_str file, uint64_t offset, const hearth_err *err)
{
    (void)file;
    (void)offset;
    if (code < 0)
        kernel_log(arg, HEARTH_LOG_WARN, "audit", "a line of the audit log was lost: %s", err->msg);
}

#define AUDIT_FILE    HEARTH_STR("local/audit/audit.jsonl")
#define DENIALS_MAX   120u /* in a minute; anybody on this machine can cause them */
#define DENIALS_EVERY 60000u

static void tell_left_out(kernel *k)
{
    char line[96];
    if (!k->audit_left_out || !k->log)
        return;
    int n = snprintf(line, sizeof line, "{\"at_ms\":%" PRIu64 ",\"left_out\":%u}\n", loop_wall_ms(), k->audit_left_out);
    k->audit_left_out = 0;
    append_log_add(k->log, AUDIT_FILE, (hearth_str){ line, (size_t)n }, audit_written, k);
}

static bool is_flooded(kernel *k)
{
    uint64_t now = loop_now_ms(k->l);
    if (now - k->audit_began_ms >= DENIALS_EVERY) {
        tell_left_out(k);
        k->audit_began_ms = now;
        k->audit_denials = 0;
    }
    if (k->audit_denials < DENIALS_MAX) {
        k->audit_denials++;
        return false;
    }
    k->audit_left_out++;
    return true;
}

/* One line; appended without anybody waiting for it. */
static void audit(void *arg, const principal *who, hearth_str what, hearth_str permission, hearth_code code)
{
    kernel    *k = arg;
    hearth_buf line;
    if (code < 0 && is_flooded(k))
        return; /* counted: the file must not grow as fast as somebody can ask */
    hearth_buf_init(&line, 4096);
    hearth_str kind = principal_kind_name(who);
    hearth_buf_printf(&line, "{\"at_ms\":%" PRIu64 ",\"who\":\"%.*s\",\"id\":", loop_wall_ms(), HEARTH_FMT(kind));
    hearth_json_put_string(&line, principal_id(who));
    hearth_buf_puts(&line, ",\"what\":");
    hearth_json_put_string(&line, what);
    hearth_buf_puts(&line, ",\"permission\":");
    hearth_json_put_string(&line, permission);
    hearth_buf_printf(&line, ",\"verdict\":\"%s\"}\n", code < 0 ? hearth_code_name(code) : "ok");
    if (k->log && !line.failed)
        append_log_add(k->log, AUDIT_FILE, hearth_buf_str(&line), audit_written, k);
    hearth_buf_deinit(&line);
}

/* -- life ---------------------------------------------------------------------------------------------------------- */

static hearth_code open_own_part(kernel *k, hearth_err *err)
{
    hearth_value *spec = hearth_parse(NULL, hearth_cstr(k->o.kernel_methods), err);
    if (!spec)
        return HEARTH_INTERNAL;
    k->self = ctx_new(k, HEARTH_STR("kernel"), NULL, PRINCIPAL_HOST, err);
    hearth_code code = k->self ? registry_describe(k->registry, HEARTH_STR("kernel"), spec, err) : HEARTH_NO_MEMORY;
    hearth_value_unref(spec);
    if (code >= 0)
        code = methods_serve(k, k->self, err);
    if (code >= 0)
        code = jobs_serve(k->jobs, k->self, err);
    return code;
}

static hearth_code open_folder(kernel *k, hearth_err *err)
{
    k->folder = folder_open(k->o.data_dir, err);
    if (!k->folder)
        return HEARTH_IO;
    k->log = append_log_new(k->l, folder_root(k->folder));
    k->settings = k->log ? settings_open(k->folder, k->log, k->bus, err) : NULL;
    if (!k->settings)
        return HEARTH_IO;
    gate_on_audit(k->gate, audit, k);
    jobs_recover(k->jobs);
    return HEARTH_OK;
}

kernel *kernel_new(const kernel_options *o, hearth_err *err)
{
    kernel *k = calloc(1, sizeof *k);
    if (!k) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "kernel", "no memory");
        return NULL;
    }
    uint8_t key[16];
    loop_random(key, sizeof key);
    value_set_key(key);
    value_install();
    hearth_bind(host_table());
    k->o = *o;
    k->l = o->loop;
    k->started_ms = loop_now_ms(k->l);
    slots_init(&k->requests);
    slots_init(&k->timers);
    slots_init(&k->children);
    list_init(&k->parts);
    list_init(&k->closed_parts);
    k->base_url = calloc(1, 1);
    k->gate = gate_new();
    k->registry = k->gate ? registry_new(k->gate) : NULL;
    k->bus = bus_new(k->l);
    k->jobs = jobs_new(k);
    k->plugins = plugins_new(k);
    hearth_code code = k->base_url && k->registry && k->bus && k->jobs && k->plugins ? HEARTH_OK : HEARTH_NO_MEMORY;
    if (code >= 0 && o->data_dir)
        code = open_folder(k, err);
    if (code >= 0 && o->kernel_methods)
        code = open_own_part(k, err);
    if (code >= 0 && o->data_dir)
        code = plugins_discover(k->plugins, err);
    if (code < 0) {
        hearth_err_set(err, code, "kernel", "%s", hearth_code_text(code));
        kernel_free(k);
        return NULL;
    }
    return k;
}

void kernel_start(kernel *k, void (*ready)(void *arg, hearth_code code, const hearth_err *err), void *arg)
{
    plugins_start(k->plugins, ready, arg);
}

typedef struct stopping {
    kernel *k;
    loop_fn done;
    void   *arg;
} stopping;

static void log_written(void *arg)
{
    stopping *s = arg;
    s->k->log = NULL;
    s->done(s->arg);
    free(s);
}

static void part_closed(void *arg)
{
    stopping *s = arg;
    if (!list_is_empty(&s->k->parts)) {
        hearth_ctx *ctx = LIST_ENTRY(s->k->parts.next, hearth_ctx, in_kernel);
        list_remove(&ctx->in_kernel);
        list_add(&s->k->closed_parts, &ctx->in_kernel);
        ctx_close(ctx, 0, part_closed, s);
        return;
    }
    tell_left_out(s->k);
    append_log_free(s->k->log, log_written, s);
}

static void plugins_stopped(void *arg)
{
    stopping *s = arg;
    list_add(&s->k->parts, &s->k->self->in_kernel);
    s->k->self = NULL;
    part_closed(s);
}

void kernel_stop(kernel *k, loop_fn done, void *arg)
{
    stopping *s = calloc(1, sizeof *s);
    if (!s)
        abort(); /* a few bytes at the very end: nothing can be written without them */
    *s = (stopping){ k, done, arg };
    k->is_stopping = true;
    plugins_stop(k->plugins, plugins_stopped, s);
}

static void free_request(void *arg, hearth_id id, void *p)
{
    (void)arg;
    (void)id;
    request_abandon(p);
}

static void free_parts(list *parts)
{
    LIST_EACH_SAFE(parts, node, next) {
        hearth_ctx *ctx = LIST_ENTRY(node, hearth_ctx, in_kernel);
        ctx_reclaim(ctx);
        ctx_free(ctx);
    }
}

void kernel_free(kernel *k)
{
    if (!k)
        return;
    slots_each(&k->requests, free_request, k);
    jobs_free(k->jobs);
    plugins_free(k->plugins);
    settings_close(k->settings);
    if (k->log)
        append_log_free(k->log, NULL, NULL);
    free_parts(&k->closed_parts);
    free_parts(&k->parts);
    ctx_free(k->self);
    bus_free(k->bus);
    registry_free(k->registry);
    gate_free(k->gate);
    folder_close(k->folder);
    file_root_close(k->child_cache);
    hearth_value_unref(k->child_settings);
    slots_deinit(&k->requests);
    slots_deinit(&k->timers);
    slots_deinit(&k->children);
    free(k->base_url);
    free(k);
}

hearth_ctx *kernel_ctx(kernel *k, const char *id, const char *methods_json, hearth_err *err)
{
    hearth_value *spec = methods_json ? hearth_parse(NULL, hearth_cstr(methods_json), err) : NULL;
    if (methods_json && !spec)
        return NULL;
    hearth_ctx *ctx = ctx_new(k, hearth_cstr(id), NULL, PRINCIPAL_HOST, err);
    hearth_code code = ctx && spec ? registry_describe(k->registry, hearth_cstr(id), spec, err) : HEARTH_OK;
    hearth_value_unref(spec);
    if (!ctx || code < 0) {
        ctx_free(ctx);
        return NULL;
    }
    list_add(&k->parts, &ctx->in_kernel);
    return ctx;
}

/* -- parts ------------------------------------------------------------------------------------------------------------ */

loop *kernel_loop(kernel *k)
{
    return k->l;
}
gate *kernel_gate(kernel *k)
{
    return k->gate;
}
registry *kernel_registry(kernel *k)
{
    return k->registry;
}
bus *kernel_bus(kernel *k)
{
    return k->bus;
}
folder *kernel_folder(kernel *k)
{
    return k->folder;
}
settings *kernel_settings(kernel *k)
{
    return k->settings;
}
const char *kernel_version(const kernel *k)
{
    return k->o.version;
}
const char *kernel_base_url(const kernel *k)
{
    return k->base_url;
}

void kernel_set_base_url(kernel *k, const char *url)
{
    char *copy = strdup(url);
    if (!copy)
        return;
    free(k->base_url);
    k->base_url = copy;
}
