/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The live descriptions: what is registered now, as OpenRPC 1.3 and OpenAPI 3.1. Written from the specs that the registry
 * holds, when somebody asks, and kept until a plugin or a front end comes or goes. A plugin's definitions become
 * #/components/schemas/<plugin>.<Name>, and every reference is rewritten to that. */
#include <stdlib.h>

#include "face/face_impl.h"
#include "kernel/list.h"
#include "kit/limits.h"

struct openrpc {
    kernel    *k;
    hearth_buf rpc, api; /* empty: to be written */
};

/* While one description is written. */
typedef struct writer {
    struct openrpc *o;
    hearth_buf     *out;
    hearth_str      plugin; /* whose definitions "#/$defs/" means */
    bool            has_one;
} writer;

void openrpc_changed(void *arg)
{
    struct openrpc *o = arg;
    hearth_buf_reset(&o->rpc);
    hearth_buf_reset(&o->api);
}

static void on_change(void *self, hearth_str topic, const hearth_value *value)
{
    (void)topic;
    (void)value;
    openrpc_changed(self);
}

struct openrpc *openrpc_new(kernel *k)
{
    struct openrpc *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->k = k;
    hearth_buf_init(&o->rpc, LIMIT_MIB(16));
    hearth_buf_init(&o->api, LIMIT_MIB(16));
    bus_subscribe(kernel_bus(k), o, HEARTH_STR("plugins.changed"), on_change, o);
    return o;
}

void openrpc_free(struct openrpc *o)
{
    if (!o)
        return;
    bus_drop_owner(kernel_bus(o->k), o);
    hearth_buf_deinit(&o->rpc);
    hearth_buf_deinit(&o->api);
    free(o);
}

static void put_key(hearth_buf *out, const char *key) { hearth_buf_printf(out, "\"%s\":", key); }

static void put_text(hearth_buf *out, const char *key, hearth_str text)
{
    put_key(out, key);
    hearth_json_put_string(out, text);
}

/* "#/$defs/Job" of the plugin at hand, or "threads#/$defs/Thread" of another. */
static void put_reference(writer *w, hearth_str ref)
{
    static const char mark[] = "#/$defs/";
    size_t            at = 0;
    while (at < ref.n && ref.p[at] != '#')
        at++;
    hearth_str rest = { ref.p + at, ref.n - at };
    if (!hearth_str_starts(rest, mark)) {
        hearth_json_put_string(w->out, ref);
        return;
    }
    hearth_buf_puts(w->out, "\"#/components/schemas/");
    hearth_json_put_escaped(w->out, at ? (hearth_str){ ref.p, at } : w->plugin);
    hearth_buf_putc(w->out, '.');
    hearth_json_put_escaped(w->out, (hearth_str){ rest.p + sizeof mark - 1, rest.n - sizeof mark + 1 });
    hearth_buf_putc(w->out, '"');
}

static void put_schema(writer *w, const hearth_value *v)
{
    hearth_kind kind = hearth_kind_of(v);
    if (kind != HEARTH_OBJECT && kind != HEARTH_ARRAY) {
        hearth_json_put_value(w->out, v);
        return;
    }
    hearth_buf_putc(w->out, kind == HEARTH_OBJECT ? '{' : '[');
    for (size_t i = 0; i < hearth_count(v); i++) {
        if (i)
            hearth_buf_putc(w->out, ',');
        hearth_str key = { NULL, 0 };
        if (kind == HEARTH_OBJECT) {
            key = hearth_key_at(v, i);
            hearth_json_put_string(w->out, key);
            hearth_buf_putc(w->out, ':');
        }
        if (hearth_str_is(key, "$ref") && hearth_kind_of(hearth_at(v, i)) == HEARTH_STRING)
            put_reference(w, hearth_as_str(hearth_at(v, i)));
        else
            put_schema(w, hearth_at(v, i));
    }
    hearth_buf_putc(w->out, kind == HEARTH_OBJECT ? '}' : ']');
}

/* -- definitions, shared by both ------------------------------------------------------------------------------- */

typedef struct defs_writer {
    writer              w;
    const hearth_value *seen[LIMIT_PLUGINS];
    size_t              n;
} defs_writer;

static void put_defs(void *arg, const method *m)
{
    defs_writer        *d = arg;
    registry           *reg = kernel_registry(d->w.o->k);
    const hearth_value *defs = registry_defs(reg, m);
    for (size_t i = 0; i < d->n; i++)
        if (d->seen[i] == defs)
            return;
    if (!defs || d->n == HEARTH_COUNT(d->seen))
        return;
    d->seen[d->n++] = defs;
    d->w.plugin = registry_plugin_of(reg, m);
    for (size_t i = 0; i < hearth_count(defs); i++) {
        hearth_buf_puts(d->w.out, d->w.has_one ? ",\n\"" : "\n\"");
        d->w.has_one = true;
        hearth_json_put_escaped(d->w.out, d->w.plugin);
        hearth_buf_putc(d->w.out, '.');
        hearth_json_put_escaped(d->w.out, hearth_key_at(defs, i));
        hearth_buf_puts(d->w.out, "\":");
        put_schema(&d->w, hearth_at(defs, i));
    }
}

static void put_components(struct openrpc *o, hearth_buf *out, const char *more)
{
    defs_writer d = { .w = { .o = o, .out = out } };
    hearth_buf_puts(out, "\"components\":{\"schemas\":{");
    registry_each(kernel_registry(o->k), put_defs, &d);
    hearth_buf_printf(out, "\n}%s}", more);
}

static void put_info(struct openrpc *o, hearth_buf *out, const char *url)
{
    hearth_buf_puts(out, "\"info\":{\"title\":\"Hearth\",\"license\":{\"name\":\"AGPL-3.0-or-later\"},");
    put_text(out, "version", hearth_cstr(kernel_version(o->k)));
    hearth_buf_puts(out, "},\n\"servers\":[{\"name\":\"this one\",");
    put_text(out, "url", hearth_cstr(url));
    hearth_buf_puts(out, "}],\n");
}

/* -- OpenRPC ------------------------------------------------------------------------------------------------------ */

static bool is_required(const hearth_value *params, hearth_str name)
{
    const hearth_value *names = hearth_get(params, "required");
    for (size_t i = 0; i < hearth_count(names); i++)
        if (hearth_str_equal(hearth_as_str(hearth_at(names, i)), name))
            return true;
    return false;
}

/* {"$ref":"#/$defs/X"} as the schema of all arguments: the properties are those of the definition. */
static const hearth_value *resolve(registry *reg, const method *m, const hearth_value *params)
{
    hearth_str ref = hearth_get_str(params, "$ref");
    if (!hearth_str_starts(ref, "#/$defs/"))
        return params;
    const hearth_value *def = hearth_get_by(registry_defs(reg, m), (hearth_str){ ref.p + 8, ref.n - 8 });
    return def ? def : params;
}

static void put_params(writer *w, const hearth_value *params)
{
    const hearth_value *properties = hearth_get(params, "properties");
    hearth_buf_puts(w->out, "\"paramStructure\":\"by-name\",\"params\":[");
    for (size_t i = 0; i < hearth_count(properties); i++) {
        hearth_str name = hearth_key_at(properties, i);
        hearth_buf_puts(w->out, i ? ",{" : "{");
        put_text(w->out, "name", name);
        hearth_buf_puts(w->out, is_required(params, name) ? ",\"required\":true,\"schema\":"
                                                          : ",\"required\":false,\"schema\":");
        put_schema(w, hearth_at(properties, i));
        hearth_buf_putc(w->out, '}');
    }
    hearth_buf_puts(w->out, "],");
}

static hearth_code code_named(hearth_str name)
{
#define XX(NAME, lower, code, http, rpc, text)                                                                         \
    if (hearth_str_is(name, #lower))                                                                                   \
        return HEARTH_##NAME;
    HEARTH_ERRORS(XX)
#undef XX
    return HEARTH_INTERNAL;
}

static void put_errors(writer *w, const hearth_value *names)
{
    hearth_buf_puts(w->out, "\"errors\":[");
    for (size_t i = 0; i < hearth_count(names); i++) {
        hearth_code code = code_named(hearth_as_str(hearth_at(names, i)));
        hearth_buf_printf(w->out, "%s{\"code\":%d,\"message\":\"%s\",\"data\":{\"name\":\"%s\"}}", i ? "," : "",
                          hearth_code_rpc(code), hearth_code_text(code), hearth_code_name(code));
    }
    hearth_buf_puts(w->out, "],");
}

/* A method that nobody serves at the moment is left out, except those that belong to a connection. */
static void put_method(void *arg, const method *m)
{
    writer   *w = arg;
    registry *reg = kernel_registry(w->o->k);
    if (!m->fn && !hearth_str_starts(m->name, "rpc."))
        return;
    w->plugin = registry_plugin_of(reg, m);
    hearth_buf_puts(w->out, w->has_one ? ",\n{" : "\n{");
    w->has_one = true;
    put_text(w->out, "name", m->name);
    hearth_buf_putc(w->out, ',');
    put_text(w->out, "summary", hearth_get_str(m->spec, "summary"));
    hearth_buf_putc(w->out, ',');
    if (hearth_get(m->spec, "description")) {
        put_text(w->out, "description", hearth_get_str(m->spec, "description"));
        hearth_buf_putc(w->out, ',');
    }
    put_params(w, resolve(reg, m, hearth_get(m->spec, "params")));
    put_errors(w, hearth_get(m->spec, "errors"));
    hearth_buf_puts(w->out, "\"result\":{\"name\":\"result\",\"schema\":");
    if (hearth_get(m->spec, "result"))
        put_schema(w, hearth_get(m->spec, "result"));
    else
        hearth_buf_puts(w->out, "{}");
    hearth_buf_puts(w->out, "},");
    put_text(w->out, "x-plugin", w->plugin);
    hearth_buf_putc(w->out, ',');
    put_text(w->out, "x-permission", hearth_get_str(m->spec, "permission"));
    hearth_buf_printf(w->out, ",\"x-stream\":%s,\"x-disconnect\":\"%s\"", m->is_stream ? "true" : "false",
                      m->keeps ? "keep" : "cancel");
    if (hearth_get(m->spec, "aliases")) {
        hearth_buf_puts(w->out, ",\"x-aliases\":");
        hearth_json_put_value(w->out, hearth_get(m->spec, "aliases"));
    }
    if (m->is_stream && hearth_get(m->spec, "events")) {
        hearth_buf_puts(w->out, ",\"x-events\":");
        hearth_json_put_value(w->out, hearth_get(m->spec, "events"));
    }
    hearth_buf_putc(w->out, '}');
}

hearth_code openrpc_text(struct openrpc *o, const char *url, hearth_str *out)
{
    writer w = { .o = o, .out = &o->rpc };
    if (o->rpc.n == 0) {
        hearth_buf_puts(&o->rpc, "{\"openrpc\":\"1.3.2\",");
        put_info(o, &o->rpc, url);
        hearth_buf_puts(&o->rpc, "\"methods\":[");
        registry_each(kernel_registry(o->k), put_method, &w);
        hearth_buf_puts(&o->rpc, "\n],\n");
        put_components(o, &o->rpc, "");
        hearth_buf_puts(&o->rpc, "}\n");
    }
    if (o->rpc.failed) {
        hearth_buf_reset(&o->rpc);
        return HEARTH_NO_MEMORY;
    }
    *out = hearth_buf_str(&o->rpc);
    return HEARTH_OK;
}

/* -- OpenAPI --------------------------------------------------------------------------------------------------------- */

typedef struct route_list {
    const route *all[1024];
    size_t       n;
} route_list;

static void collect_route(void *arg, const route *rt)
{
    route_list *l = arg;
    if (l->n < HEARTH_COUNT(l->all))
        l->all[l->n++] = rt;
}

static int by_path(const void *a, const void *b)
{
    const route *x = *(const route *const *)a, *y = *(const route *const *)b;
    int          order = hearth_str_compare(x->path, y->path);
    order = order ? order : (int)x->is_prefix - (int)y->is_prefix;
    return order ? order : hearth_str_compare(x->verb, y->verb);
}

static void put_lower(hearth_buf *out, hearth_str s)
{
    for (size_t i = 0; i < s.n; i++)
        hearth_buf_putc(out, s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i]);
}

static void put_operation(writer *w, const route *rt)
{
    hearth_str permission = gate_permission_name(kernel_gate(w->o->k), rt->permission);
    hearth_buf_putc(w->out, '"');
    put_lower(w->out, rt->verb);
    hearth_buf_puts(w->out, "\":{");
    put_text(w->out, "x-permission", permission);
    if (rt->is_prefix)
        hearth_buf_puts(
            w->out,
            ",\"parameters\":[{\"name\":\"rest\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}]");
    if (hearth_str_is(rt->verb, "POST") || hearth_str_is(rt->verb, "PUT") || hearth_str_is(rt->verb, "PATCH"))
        hearth_buf_puts(w->out,
                        ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}}");
    hearth_buf_puts(w->out, ",\"responses\":{\"200\":{\"description\":\"Done.\"},"
                            "\"default\":{\"$ref\":\"#/components/responses/Error\"}}}");
}

/* Routes of one path stand together: `l` is sorted. */
static void put_paths(writer *w, const route_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const route *rt = l->all[i], *before = i ? l->all[i - 1] : NULL;
        bool is_new = !before || before->is_prefix != rt->is_prefix || !hearth_str_equal(before->path, rt->path);
        if (is_new) {
            hearth_buf_puts(w->out, before ? "},\n\"" : ",\n\"");
            hearth_json_put_escaped(w->out, rt->path);
            hearth_buf_puts(w->out, rt->is_prefix ? "{rest}\":{" : "\":{");
        } else {
            hearth_buf_putc(w->out, ',');
        }
        put_operation(w, rt);
    }
    if (l->n)
        hearth_buf_putc(w->out, '}');
}

static const char own_paths[] =
    "\"/livez\":{\"get\":{\"summary\":\"The process "
    "runs.\",\"security\":[],\"responses\":{\"200\":{\"description\":\"It does.\"}}}},\n"
    "\"/readyz\":{\"get\":{\"summary\":\"Requests are "
    "taken.\",\"security\":[],\"responses\":{\"200\":{\"description\":\"They are.\"},"
    "\"503\":{\"description\":\"Hearth is stopping.\"}}}},\n"
    "\"/rpc\":{\"post\":{\"summary\":\"JSON-RPC 2.0: one request or a batch; /openrpc.json lists the methods.\","
    "\"requestBody\":{\"required\":true,\"content\":{\"application/"
    "json\":{\"schema\":{\"type\":[\"object\",\"array\"]}}}},"
    "\"responses\":{\"200\":{\"description\":\"The answer, or a stream of events when text/event-stream is "
    "accepted.\"},"
    "\"default\":{\"description\":\"A JSON-RPC error with the HTTP status of its kind.\"}}}},\n"
    "\"/openrpc.json\":{\"get\":{\"summary\":\"The "
    "methods.\",\"responses\":{\"200\":{\"description\":\"OpenRPC.\"}}}},\n"
    "\"/openapi.json\":{\"get\":{\"summary\":\"This "
    "document.\",\"responses\":{\"200\":{\"description\":\"OpenAPI.\"}}}}";

static const char own_components[] =
    ",\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
    "\"key\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"x-api-key\"},"
    "\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"" SESSION_COOKIE "\"}},"
    "\"responses\":{\"Error\":{\"description\":\"What failed, on what, what to "
    "do.\",\"content\":{\"application/json\":{\"schema\":"
    "{\"type\":\"object\",\"properties\":{\"error\":{\"type\":\"object\",\"properties\":{\"message\":{\"type\":"
    "\"string\"},"
    "\"type\":{\"type\":\"string\"},\"code\":{\"type\":[\"string\",\"null\"]},\"param\":{\"type\":[\"string\",\"null\"]"
    "}},"
    "\"required\":[\"message\"]}},\"required\":[\"error\"]}}}}}";

hearth_code openapi_text(struct openrpc *o, const char *url, hearth_str *out)
{
    writer      w = { .o = o, .out = &o->api };
    route_list *l = o->api.n ? NULL : calloc(1, sizeof *l);
    if (l) {
        registry_each_route(kernel_registry(o->k), collect_route, l);
        qsort(l->all, l->n, sizeof l->all[0], by_path);
        hearth_buf_puts(&o->api, "{\"openapi\":\"3.1.0\",");
        put_info(o, &o->api, url);
        hearth_buf_puts(&o->api, "\"security\":[{},{\"token\":[]},{\"key\":[]},{\"cookie\":[]}],\n\"paths\":{\n");
        hearth_buf_puts(&o->api, own_paths);
        put_paths(&w, l);
        hearth_buf_puts(&o->api, "\n},\n");
        put_components(o, &o->api, own_components);
        hearth_buf_puts(&o->api, "}\n");
        free(l);
    }
    if (o->api.failed || o->api.n == 0) {
        hearth_buf_reset(&o->api);
        return HEARTH_NO_MEMORY;
    }
    *out = hearth_buf_str(&o->api);
    return HEARTH_OK;
}
