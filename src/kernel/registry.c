/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kernel/registry.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/list.h"
#include "kernel/table.h"

typedef struct provider {
    list          node;
    hearth_value *spec; /* a whole methods.json */
    size_t        n;
    char          plugin[];
} provider;

typedef struct entry {
    method    m; /* first: a method is its entry */
    provider *from;
} entry;

typedef struct route_entry {
    route r; /* first */
    list  node;
    char  text[]; /* verb and path */
} route_entry;

struct registry {
    gate *g;
    table by_name;  /* entry; aliases lead to the same */
    list  providers;
    list  routes;
};

registry *registry_new(gate *g)
{
    registry *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->g = g;
    list_init(&r->providers);
    list_init(&r->routes);
    return r;
}

static void free_entry(entry *e)
{
    schema_free(e->m.params);
    free(e);
}

typedef struct collect {
    const provider *from; /* NULL: all */
    hearth_str     *keys;
    entry         **entries;
    size_t          n;
} collect;

static void collect_one(void *arg, hearth_str key, void *p)
{
    collect *c = arg;
    entry   *e = p;
    if (c->from && e->from != c->from)
        return;
    c->keys[c->n] = key;
    c->entries[c->n++] = e;
}

static bool collect_all(registry *r, const provider *from, collect *c)
{
    *c = (collect){ from, calloc(r->by_name.n + 1, sizeof(hearth_str)), calloc(r->by_name.n + 1, sizeof(entry *)), 0 };
    if (!c->keys || !c->entries) {
        free(c->keys);
        free(c->entries);
        return false;
    }
    table_each(&r->by_name, collect_one, c);
    return true;
}

static void drop_provider(registry *r, provider *p)
{
    collect c;
    if (collect_all(r, p, &c)) {
        for (size_t i = 0; i < c.n; i++) {
            table_remove(&r->by_name, c.keys[i]);
            if (!hearth_str_equal(c.keys[i], c.entries[i]->m.name))
                c.entries[i] = NULL; /* an alias: the entry has its own turn */
        }
        for (size_t i = 0; i < c.n; i++)
            if (c.entries[i])
                free_entry(c.entries[i]);
        free(c.keys);
        free(c.entries);
    }
    list_remove(&p->node);
    hearth_value_unref(p->spec);
    free(p);
}

void registry_free(registry *r)
{
    if (!r)
        return;
    LIST_EACH_SAFE(&r->routes, node, next)
        free(LIST_ENTRY(node, route_entry, node));
    LIST_EACH_SAFE(&r->providers, node, after)
        drop_provider(r, LIST_ENTRY(node, provider, node));
    table_deinit(&r->by_name);
    free(r);
}

/* The params schema with the file's shared definitions beside it, which its references lead to. */
static hearth_code compile_params(const hearth_value *params, const hearth_value *defs, schema **out, hearth_err *err)
{
    *out = NULL;
    if (hearth_kind_of(params) != HEARTH_OBJECT)
        return HEARTH_OK;
    hearth_value *whole = hearth_object(NULL);
    for (size_t i = 0; i < hearth_count(params); i++)
        hearth_values()->put_ref(whole, hearth_key_at(params, i), hearth_at(params, i));
    if (defs)
        hearth_put_ref(whole, "$defs", defs);
    *out = hearth_is_bad(whole) ? NULL : schema_compile(whole, err);
    hearth_value_unref(whole);
    return *out ? HEARTH_OK : err && err->code < 0 ? err->code : HEARTH_NO_MEMORY;
}

static hearth_code describe_one(registry *r, provider *from, hearth_str name, const hearth_value *spec, const hearth_value *defs,
                                hearth_err *err)
{
    if (table_find(&r->by_name, name))
        return hearth_err_set(err, HEARTH_CONFLICT, "registry", "%s describes %.*s, which another plugin has already", from->plugin,
                              HEARTH_FMT(name));
    entry *e = calloc(1, sizeof *e);
    if (!e)
        return HEARTH_NO_MEMORY;
    e->from = from;
    e->m.name = name;
    e->m.spec = spec;
    e->m.permission = gate_permission(r->g, hearth_get_str(spec, "permission"));
    e->m.is_stream = hearth_get_bool(spec, "stream", false);
    e->m.keeps = hearth_str_is(hearth_get_str(spec, "disconnect"), "keep");
    e->m.is_audited = hearth_get_bool(spec, "audit", false);
    hearth_err  inner = { 0 };
    hearth_code code = e->m.permission < 0 ? HEARTH_INVALID_ARGUMENT : compile_params(hearth_get(spec, "params"), defs, &e->m.params, &inner);
    if (code >= 0)
        code = table_put(&r->by_name, name, e);
    if (code < 0) {
        free_entry(e);
        return hearth_err_set(err, code, "registry", "methods.json of %s, %.*s: %s", from->plugin, HEARTH_FMT(name),
                              inner.msg[0] ? inner.msg : "a permission is missing");
    }
    const hearth_value *aliases = hearth_get(spec, "aliases");
    for (size_t i = 0; i < hearth_count(aliases); i++) {
        hearth_str alias = hearth_as_str(hearth_at(aliases, i));
        if (alias.n && !table_find(&r->by_name, alias))
            HEARTH_TRY(table_put(&r->by_name, alias, e));
    }
    return HEARTH_OK;
}

hearth_code registry_describe(registry *r, hearth_str plugin, const hearth_value *spec, hearth_err *err)
{
    provider *p = calloc(1, sizeof *p + plugin.n + 1);
    if (!p)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "registry", "no memory to describe %.*s", HEARTH_FMT(plugin));
    memcpy(p->plugin, plugin.p, plugin.n);
    p->n = plugin.n;
    p->spec = hearth_value_ref(spec);
    list_add(&r->providers, &p->node);
    const hearth_value *methods = hearth_get(spec, "methods");
    hearth_code         code = HEARTH_OK;
    for (size_t i = 0; i < hearth_count(methods) && code >= 0; i++)
        code = describe_one(r, p, hearth_key_at(methods, i), hearth_at(methods, i), hearth_get(spec, "$defs"), err);
    if (code < 0)
        drop_provider(r, p);
    return code;
}

void registry_forget(registry *r, hearth_str plugin)
{
    LIST_EACH_SAFE(&r->providers, node, next) {
        provider *p = LIST_ENTRY(node, provider, node);
        if (hearth_str_equal((hearth_str){ p->plugin, p->n }, plugin))
            drop_provider(r, p);
    }
}

hearth_code registry_serve(registry *r, hearth_ctx *ctx, hearth_str plugin, const hearth_method *hm, void *self, hearth_err *err)
{
    entry *e = table_find(&r->by_name, hearth_cstr(hm->name));
    if (!e || !hearth_str_equal((hearth_str){ e->from->plugin, e->from->n }, plugin))
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "registry", "%.*s serves %s, which its methods.json does not describe",
                              HEARTH_FMT(plugin), hm->name);
    if (e->m.fn && e->m.ctx == ctx)
        return hearth_err_set(err, HEARTH_CONFLICT, "registry", "%.*s serves %s twice", HEARTH_FMT(plugin), hm->name);
    e->m.ctx = ctx; /* a new generation takes over from the old one */
    e->m.fn = hm->call;
    e->m.self = self;
    return HEARTH_OK;
}

hearth_code registry_route(registry *r, hearth_ctx *ctx, const hearth_route *rt, void *self, hearth_err *err)
{
    size_t verb = strlen(rt->method), path = strlen(rt->path);
    if (path == 0 || rt->path[0] != '/')
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "registry", "the route \"%s\" must begin with a slash", rt->path);
    route_entry *e = calloc(1, sizeof *e + verb + path + 2);
    if (!e)
        return HEARTH_NO_MEMORY;
    memcpy(e->text, rt->method, verb + 1);
    memcpy(e->text + verb + 1, rt->path, path + 1);
    e->r.verb = (hearth_str){ e->text, verb };
    e->r.is_prefix = rt->path[path - 1] == '*';
    e->r.path = (hearth_str){ e->text + verb + 1, path - e->r.is_prefix };
    e->r.permission = gate_permission(r->g, hearth_cstr(rt->permission));
    e->r.ctx = ctx;
    e->r.fn = rt->call;
    e->r.self = self;
    LIST_EACH(&r->routes, node) {
        const route *old = &LIST_ENTRY(node, route_entry, node)->r;
        if (old->ctx != ctx && old->is_prefix == e->r.is_prefix && hearth_str_equal(old->verb, e->r.verb) &&
            hearth_str_equal(old->path, e->r.path)) {
            free(e);
            return hearth_err_set(err, HEARTH_CONFLICT, "registry", "%s %s is served by another plugin already", rt->method, rt->path);
        }
    }
    if (e->r.permission < 0) {
        free(e);
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "registry", "%s %s names no permission", rt->method, rt->path);
    }
    list_add(&r->routes, &e->node);
    return HEARTH_OK;
}

typedef struct withdrawal {
    const hearth_ctx *ctx;
    size_t            n;
} withdrawal;

static void withdraw_one(void *arg, hearth_str key, void *p)
{
    withdrawal *w = arg;
    entry      *e = p;
    (void)key;
    if (e->m.ctx != w->ctx || !e->m.fn)
        return; /* or an alias, whose turn was before */
    e->m.fn = NULL;
    e->m.ctx = NULL;
    w->n++;
}

/* Without memory, because it may not fail: what stayed would lead to a context that is gone. */
size_t registry_withdraw(registry *r, hearth_ctx *ctx)
{
    withdrawal w = { ctx, 0 };
    table_each(&r->by_name, withdraw_one, &w);
    LIST_EACH_SAFE(&r->routes, node, next) {
        route_entry *e = LIST_ENTRY(node, route_entry, node);
        if (e->r.ctx == ctx) {
            list_remove(&e->node);
            free(e);
            w.n++;
        }
    }
    return w.n;
}

method *registry_find(registry *r, hearth_str name)
{
    return table_find(&r->by_name, name);
}

static bool path_matches(const route *rt, hearth_str path)
{
    if (!rt->is_prefix)
        return hearth_str_equal(rt->path, path);
    return path.n > rt->path.n && memcmp(path.p, rt->path.p, rt->path.n) == 0;
}

route *registry_match(registry *r, hearth_str verb, hearth_str path, hearth_str *rest, bool *other_verb)
{
    route *best = NULL;
    *other_verb = false;
    LIST_EACH(&r->routes, node) {
        route *rt = &LIST_ENTRY(node, route_entry, node)->r;
        if (!path_matches(rt, path))
            continue;
        if (!hearth_str_equal(rt->verb, verb) && !(hearth_str_is(verb, "HEAD") && hearth_str_is(rt->verb, "GET"))) {
            *other_verb = true;
            continue;
        }
        if (!best || (!rt->is_prefix && best->is_prefix) || (rt->is_prefix == best->is_prefix && rt->path.n > best->path.n))
            best = rt;
    }
    if (best)
        *rest = best->is_prefix ? (hearth_str){ path.p + best->path.n, path.n - best->path.n } : (hearth_str){ NULL, 0 };
    return best;
}

static int by_name(const void *a, const void *b)
{
    return hearth_str_compare((*(entry *const *)a)->m.name, (*(entry *const *)b)->m.name);
}

void registry_each(registry *r, void (*each)(void *arg, const method *m), void *arg)
{
    collect c;
    if (!collect_all(r, NULL, &c))
        return;
    size_t n = 0;
    for (size_t i = 0; i < c.n; i++)
        if (hearth_str_equal(c.keys[i], c.entries[i]->m.name))
            c.entries[n++] = c.entries[i];
    qsort(c.entries, n, sizeof *c.entries, by_name);
    for (size_t i = 0; i < n; i++)
        each(arg, &c.entries[i]->m);
    free(c.keys);
    free(c.entries);
}

void registry_each_route(registry *r, void (*each)(void *arg, const route *rt), void *arg)
{
    LIST_EACH(&r->routes, node)
        each(arg, &LIST_ENTRY(node, route_entry, node)->r);
}

void registry_each_topic(registry *r, void (*each)(void *arg, hearth_str plugin, hearth_str topic, const hearth_value *spec), void *arg)
{
    LIST_EACH(&r->providers, node) {
        const provider     *p = LIST_ENTRY(node, provider, node);
        const hearth_value *topics = hearth_get(p->spec, "topics");
        for (size_t i = 0; i < hearth_count(topics); i++)
            each(arg, (hearth_str){ p->plugin, p->n }, hearth_key_at(topics, i), hearth_at(topics, i));
    }
}

static bool reaches(hearth_str pattern, hearth_str topic)
{
    bool is_prefix = pattern.n && pattern.p[pattern.n - 1] == '*';
    pattern.n -= is_prefix;
    return is_prefix ? topic.n >= pattern.n && memcmp(topic.p, pattern.p, pattern.n) == 0 : hearth_str_equal(topic, pattern);
}

typedef struct topic_check {
    registry         *r;
    principal        *who;
    principal *const *via;
    size_t            n;
    hearth_str        pattern;
    hearth_err       *err;
    hearth_code       code;
} topic_check;

static void check_topic(void *arg, hearth_str plugin, hearth_str topic, const hearth_value *spec)
{
    topic_check *c = arg;
    hearth_str   permission = hearth_get_str(spec, "permission");
    (void)plugin;
    if (c->code >= 0 && permission.n && reaches(c->pattern, topic))
        c->code = gate_check(c->r->g, c->who, c->via, c->n, gate_permission(c->r->g, permission), topic, c->err);
}

hearth_code registry_check_topics(registry *r, principal *who, principal *const *via, size_t n, hearth_str pattern, hearth_err *err)
{
    topic_check c = { r, who, via, n, pattern, err, HEARTH_OK };
    registry_each_topic(r, check_topic, &c);
    return c.code;
}

const hearth_value *registry_defs(const registry *r, const method *m)
{
    (void)r;
    return hearth_get(((const entry *)m)->from->spec, "$defs");
}

hearth_str registry_plugin_of(const registry *r, const method *m)
{
    (void)r;
    const provider *p = ((const entry *)m)->from;
    return (hearth_str){ p->plugin, p->n };
}
