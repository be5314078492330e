/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registry: which methods and routes exist, who serves them, and what their specs say. */
#ifndef HEARTH_KERNEL_REGISTRY_H
#define HEARTH_KERNEL_REGISTRY_H

#include <hearth/host.h>

#include "kernel/gate.h"
#include "kernel/schema.h"

typedef struct registry registry;

/* One method as methods.json describes it. A spec without `fn` is known but not served at the moment. */
typedef struct method {
    hearth_str          name;
    const hearth_value *spec;   /* {summary, params, result, errors, permission, …} */
    schema             *params; /* NULL: anything */
    int                 permission;
    bool                is_stream, keeps, is_audited; /* keeps: goes on when the caller disconnects */
    hearth_ctx         *ctx;    /* who serves it */
    hearth_method_fn    fn;     /* NULL: nobody now */
    void               *self;
} method;

typedef struct route {
    hearth_str       verb, path; /* path without the trailing star */
    bool             is_prefix;
    int              permission;
    hearth_ctx      *ctx;
    hearth_method_fn fn;
    void            *self;
} route;

registry *registry_new(gate *g);
void      registry_free(registry *r);

/* Learns the methods of a methods.json ({methods:{…}, topics:{…}, $defs}); keeps a reference. Errors: invalid_argument with
 * the method's name, conflict. */
hearth_code registry_describe(registry *r, hearth_str plugin, const hearth_value *methods_json, hearth_err *err);
void        registry_forget(registry *r, hearth_str plugin);

hearth_code registry_serve(registry *r, hearth_ctx *ctx, hearth_str plugin, const hearth_method *m, void *self, hearth_err *err);
hearth_code registry_route(registry *r, hearth_ctx *ctx, const hearth_route *rt, void *self, hearth_err *err);
/* Takes away what this context serves; returns how many. */
size_t registry_withdraw(registry *r, hearth_ctx *ctx);

/* By name or alias; NULL: unknown. Borrowed until the next change. */
method *registry_find(registry *r, hearth_str name);
/* The most specific route. `other_verb` is set when only the verb differs. */
route *registry_match(registry *r, hearth_str verb, hearth_str path, hearth_str *rest, bool *other_verb);

void registry_each(registry *r, void (*each)(void *arg, const method *m), void *arg); /* in order of names */
void registry_each_route(registry *r, void (*each)(void *arg, const route *rt), void *arg);
/* Every described topic with its spec {summary, value, permission, since}. */
void registry_each_topic(registry *r, void (*each)(void *arg, hearth_str plugin, hearth_str topic, const hearth_value *spec), void *arg);
/* May `who`, through `via`, listen to every described topic that `pattern` (a topic, or a prefix and a star) reaches? A topic
 * that its plugin protects needs that permission, whichever pattern reaches it. Errors: as gate_check. */
hearth_code registry_check_topics(registry *r, principal *who, principal *const *via, size_t n, hearth_str pattern, hearth_err *err);
/* Shared $defs of the plugin that described `m`, or NULL. */
const hearth_value *registry_defs(const registry *r, const method *m);
hearth_str          registry_plugin_of(const registry *r, const method *m);

#endif
