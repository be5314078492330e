/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the kernel serves itself: system.*, plugins.*, events.subscribe, settings.*; jobs.* are in job.c. Written against the
 * public headers, like any plugin. */
#include <stdlib.h>

#include "io/child.h"
#include "io/machine.h"
#include "kernel/folder.h"
#include "kernel/plugins.h"
#include "kernel/settings.h"

/* -- system ---------------------------------------------------------------------------------------------------- */

static void add_name(void *arg, const method *m)
{
    if (m->fn)
        hearth_add_str(arg, m->name);
}

static void system_info(hearth_req *req, void *self)
{
    kernel       *k = self;
    char          platform[128];
    machine_platform(platform, sizeof platform);
    bool          is_local = principal_kind_of(req->who) == PRINCIPAL_LOCAL;
    hearth_value *v = hearth_object(NULL), *names = hearth_array(NULL);
    registry_each(k->registry, add_name, names);
    hearth_put_cstr(v, "version", k->o.version);
    hearth_put_cstr(v, "data_dir", is_local ? "" : folder_path(k->folder));
    hearth_put_cstr(v, "url", k->base_url);
    hearth_put_u64(v, "uptime_ms", loop_now_ms(k->l) - k->started_ms);
    hearth_put_cstr(v, "platform", platform);
    hearth_put_i64(v, "pid", machine_pid());
    hearth_put_cstr(v, "device", is_local ? "" : folder_device(k->folder));
    hearth_put(v, "methods", names);
    hearth_reply(req, v);
}

static void check(hearth_value *checks, const char *id, const char *title, const char *status, const char *fmt, ...) HEARTH_PRINTF(5, 6);
static void check(hearth_value *checks, const char *id, const char *title, const char *status, const char *fmt, ...)
{
    hearth_buf text;
    va_list    args;
    hearth_buf_init(&text, 4096);
    va_start(args, fmt);
    hearth_buf_vprintf(&text, fmt, args);
    va_end(args);
    hearth_value *v = hearth_object(NULL);
    hearth_put_cstr(v, "id", id);
    hearth_put_cstr(v, "title", title);
    hearth_put_cstr(v, "status", status);
    hearth_put_str(v, "detail", hearth_buf_str(&text));
    hearth_add(checks, v);
    hearth_buf_deinit(&text);
}

typedef struct doctor {
    kernel      *k;
    hearth_req  *req;
    hearth_code  written;
    hearth_err   err;
} doctor;

static void try_to_write(void *arg)
{
    doctor    *d = arg;
    file_root *local = folder_local(d->k->folder);
    d->written = file_write(local, HEARTH_STR("logs/.doctor"), HEARTH_STR("ok\n"), 0600, &d->err);
    if (d->written >= 0)
        file_remove(local, HEARTH_STR("logs/.doctor"), NULL);
}

static void check_plugin(void *arg, const plugin *one)
{
    bool is_bad = one->state >= PLUGIN_REJECTED;
    if (is_bad)
        check(arg, "plugin", one->id, "fail", "%s: %s", plugin_state_name(one->state), one->err.msg);
}

static void count_plugin(void *arg, const plugin *one)
{
    *(size_t *)arg += one->state < PLUGIN_REJECTED;
}

static void check_walls(hearth_value *checks)
{
    child_walls w = child_walls_probe();
    if (w.landlock_abi > 0)
        check(checks, "landlock", "Children see only their own files", w.landlock_abi >= 4 ? "ok" : "warn",
              "Landlock version %d%s", w.landlock_abi, w.landlock_abi >= 4 ? "" : "; newer kernels also close the network and signals");
    else
        check(checks, "landlock", "Children see only their own files", "warn",
              "this kernel has no Landlock: children can read what this user can read; Linux 5.13 or newer has it");
    check(checks, "seccomp", "Children reach no network and start no programs", w.seccomp ? "ok" : "warn", "%s",
          w.seccomp ? "seccomp filters are in place" : "this kernel has no seccomp filters: children could open sockets");
    check(checks, "pidfd", "A child's end is noticed at once", "ok", "%s", w.pidfd ? "through a pidfd" : "through SIGCHLD");
}

static void doctor_done(void *arg, void *self)
{
    doctor       *d = arg;
    kernel       *k = self;
    hearth_value *v = hearth_object(NULL), *checks = hearth_array(NULL);
    check(checks, "folder", "The data folder can be written", d->written < 0 ? "fail" : "ok", "%s",
          d->written < 0 ? d->err.msg : folder_path(k->folder));
    check_walls(checks);
    check(checks, "listener", "The HTTP listener", k->base_url[0] ? "ok" : "warn", "%s", k->base_url[0] ? k->base_url : "none here, only the unix socket; `hearth serve` has one");
    size_t good = 0;
    plugins_each(k->plugins, count_plugin, &good);
    check(checks, "plugins", "Plugins", "ok", "%zu in order", good);
    plugins_each(k->plugins, check_plugin, checks);
    hearth_put(v, "checks", checks);
    hearth_reply(d->req, v);
    free(d);
}

static void system_doctor(hearth_req *req, void *self)
{
    doctor *d = calloc(1, sizeof *d);
    if (!d) {
        hearth_fail(req, HEARTH_NO_MEMORY, "no memory");
        return;
    }
    d->k = self;
    d->req = req;
    hearth_work(hearth_ctx_of(req), try_to_write, doctor_done, d, self);
}

/* -- plugins ------------------------------------------------------------------------------------------------------ */

static void add_plugin(void *arg, const plugin *one)
{
    hearth_add(arg, plugin_value(one, false));
}

static void plugins_list(hearth_req *req, void *self)
{
    kernel       *k = self;
    hearth_value *v = hearth_object(NULL), *all = hearth_array(NULL);
    plugins_each(k->plugins, add_plugin, all);
    hearth_put(v, "plugins", all);
    hearth_reply(req, v);
}

static void plugins_get(hearth_req *req, void *self)
{
    kernel       *k = self;
    hearth_str    id = hearth_get_str(hearth_params(req), "id");
    const plugin *one = plugins_find(k->plugins, id);
    if (one)
        hearth_reply(req, plugin_value(one, true));
    else
        hearth_fail(req, HEARTH_NOT_FOUND, "there is no plugin %.*s; plugins.list names them", HEARTH_FMT(id));
}

/* -- events ---------------------------------------------------------------------------------------------------------- */

typedef struct watching {
    kernel     *k;
    hearth_req *req;
    size_t      n;
    hearth_id   ids[]; /* one for each pattern: many watch, for long */
} watching;

static void pass_on(void *self, hearth_str topic, const hearth_value *value)
{
    watching     *w = self;
    hearth_value *v = hearth_object(NULL);
    hearth_put_str(v, "topic", topic);
    hearth_put_ref(v, "value", value);
    hearth_push_data(w->req, HEARTH_DATA, v);
    hearth_value_unref(v);
}

static void stop_watching(void *arg)
{
    watching *w = arg;
    for (size_t i = 0; i < w->n; i++)
        bus_unsubscribe(w->k->bus, w->ids[i]);
    hearth_fail(w->req, HEARTH_CANCELLED, "no longer subscribed");
    free(w);
}

static void events_subscribe(hearth_req *req, void *self)
{
    kernel             *k = self;
    const hearth_value *topics = hearth_get(hearth_params(req), "topics");
    hearth_err          err = { 0 };
    hearth_code         code = HEARTH_OK;
    for (size_t i = 0; i < hearth_count(topics) && code >= 0; i++)
        code = registry_check_topics(k->registry, req->who, req->via, req->via_count, hearth_as_str(hearth_at(topics, i)), &err);
    watching *w = code < 0 ? NULL : calloc(1, sizeof *w + hearth_count(topics) * sizeof w->ids[0]);
    if (!w) {
        hearth_fail_with(req, code < 0 ? code : HEARTH_NO_MEMORY, &err);
        return;
    }
    w->k = k;
    w->req = req;
    for (size_t i = 0; i < hearth_count(topics); i++)
        w->ids[w->n++] = bus_subscribe(k->bus, w, hearth_as_str(hearth_at(topics, i)), pass_on, w);
    hearth_on_cancel(req, stop_watching, w);
}

/* -- settings ----------------------------------------------------------------------------------------------------------- */

static void keep_one(void *arg, hearth_value *one)
{
    hearth_add(arg, one);
}

static void settings_list(hearth_req *req, void *self)
{
    kernel       *k = self;
    hearth_value *v = hearth_object(NULL), *all = hearth_array(NULL);
    settings_each(k->settings, hearth_get_str(hearth_params(req), "prefix"), keep_one, all);
    hearth_put(v, "settings", all);
    hearth_reply(req, v);
}

static const hearth_value *exactly(const hearth_value *all, hearth_str key)
{
    for (size_t i = 0; i < hearth_count(all); i++)
        if (hearth_str_equal(hearth_get_str(hearth_at(all, i), "key"), key))
            return hearth_at(all, i);
    return NULL;
}

static void reply_setting(hearth_req *req, kernel *k)
{
    hearth_str    key = hearth_get_str(hearth_params(req), "key");
    hearth_value *all = hearth_array(NULL);
    settings_each(k->settings, key, keep_one, all);
    const hearth_value *one = exactly(all, key);
    if (one) {
        hearth_value *v = hearth_object(NULL);
        hearth_put_str(v, "key", key);
        hearth_put_ref(v, "value", hearth_get(one, "value"));
        hearth_put_ref(v, "default", hearth_get(one, "default"));
        hearth_reply(req, v);
    } else {
        hearth_fail(req, HEARTH_NOT_FOUND, "there is no setting %.*s; settings.list names them", HEARTH_FMT(key));
    }
    hearth_value_unref(all);
}

static void settings_get_(hearth_req *req, void *self)
{
    reply_setting(req, self);
}

static void setting_written(void *arg, hearth_code code, const hearth_err *err)
{
    hearth_req *req = arg;
    if (code < 0)
        hearth_fail_with(req, code, err);
    else
        reply_setting(req, req->k);
}

static void settings_set_(hearth_req *req, void *self)
{
    kernel             *k = self;
    const hearth_value *params = hearth_params(req);
    settings_set(k->settings, hearth_get_str(params, "key"), hearth_get(params, "value"), setting_written, req);
}

hearth_code methods_serve(kernel *k, hearth_ctx *ctx, hearth_err *err)
{
    static const hearth_method methods[] = {
        { "system.info", system_info },           { "system.doctor", system_doctor }, { "plugins.list", plugins_list },
        { "plugins.get", plugins_get },           { "events.subscribe", events_subscribe },
        { "settings.list", settings_list },       { "settings.get", settings_get_ },  { "settings.set", settings_set_ },
    };
    return hearth_serve(ctx, methods, HEARTH_COUNT(methods), k, err);
}
