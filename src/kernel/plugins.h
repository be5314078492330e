/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* plugins: what is installed, in which state it is, and the way from INSTALLED to ACTIVE and back. */
#ifndef HEARTH_KERNEL_PLUGINS_H
#define HEARTH_KERNEL_PLUGINS_H

#include "kernel/ctx.h"
#include "kernel/list.h"

typedef enum plugin_state {
    PLUGIN_INVALID = 0,
    PLUGIN_INSTALLED,
    PLUGIN_RESOLVED,
    PLUGIN_INACTIVE,
    PLUGIN_LOADING,
    PLUGIN_IMPLEMENTING,
    PLUGIN_ACTIVE,
    PLUGIN_DISPOSING,
    PLUGIN_REJECTED,
    PLUGIN_INCOMPATIBLE,
    PLUGIN_BLOCKED,
    PLUGIN_CRASHED,
    PLUGIN_FAILED
} plugin_state;

typedef struct plugin {
    list                node;
    kernel             *k;
    char                id[104];
    plugin_state        state;
    hearth_value       *manifest, *methods;
    char               *package_dir; /* absolute */
    hearth_plugin_entry_fn entry;    /* NULL: it runs in children only */
    const hearth_plugin *code;
    hearth_ctx         *ctx; /* of the running generation, in the daemon */
    void               *self;
    uint32_t            generation;
    size_t              children; /* running instances in processes of their own */
    ctx_counters        last;     /* of the generation before */
    hearth_err          err;
} plugin;

struct plugins;

struct plugins *plugins_new(kernel *k);
void            plugins_free(struct plugins *p);
/* Reads the manifests of the core plugins and of share_dir/plugins; runs no code. */
hearth_code plugins_discover(struct plugins *p, hearth_err *err);
/* Loads and implements the core plugins, each after those it depends on; then done. */
void plugins_start(struct plugins *p, void (*done)(void *arg, hearth_code code, const hearth_err *err), void *arg);
/* Disposes them in reverse order. */
void plugins_stop(struct plugins *p, loop_fn done, void *arg);

plugin      *plugins_find(struct plugins *p, hearth_str id);
void         plugins_each(struct plugins *p, void (*each)(void *arg, const plugin *one), void *arg);
const char  *plugin_state_name(plugin_state s);
hearth_value *plugin_value(const plugin *p, bool with_detail);
/* Grants a context what its manifest asks for and lists its topics. */
hearth_code  plugin_equip(hearth_ctx *ctx, const hearth_value *manifest, hearth_err *err);

#endif
