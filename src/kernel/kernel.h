/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* kernel: the parts tied together. Nothing here knows what a chat, a model or a user is. */
#ifndef HEARTH_KERNEL_KERNEL_H
#define HEARTH_KERNEL_KERNEL_H

#include <hearth/plugin.h>

#include "io/append_log.h"
#include "io/file.h"
#include "io/loop.h"
#include "kernel/bus.h"
#include "kernel/gate.h"
#include "kernel/registry.h"
#include "kernel/request.h"

typedef struct folder   folder;
typedef struct settings settings;

/* A plugin that is linked into this executable (src/daemon/gen/core_plugins.c). */
typedef struct core_plugin {
    const char            *id;
    hearth_plugin_entry_fn entry;
    const char            *manifest; /* plugin.json */
    const char            *methods;  /* methods.json */
} core_plugin;

typedef struct kernel_options {
    loop              *loop;
    const char        *version;
    const char        *data_dir;       /* absolute; NULL in a child */
    const char        *share_dir;      /* absolute: packages are in share_dir/plugins/<id> */
    const char        *host_executable;/* absolute path of hearth-plugin-host */
    const core_plugin *core;           /* ends with an entry whose id is NULL */
    const char        *kernel_methods; /* methods.json text of the kernel itself */
    void (*on_log)(void *arg, hearth_level level, hearth_str who, hearth_str text);
    void *log_arg;
} kernel_options;

/* Opens the folder (lock, device), reads settings, loads and implements the core plugins. `ready` comes on the loop once
 * all are ACTIVE or one failed for good. Owner: the caller. Errors: conflict (another daemon, with its pid), read_only, … */
kernel *kernel_new(const kernel_options *o, hearth_err *err);
void    kernel_start(kernel *k, void (*ready)(void *arg, hearth_code code, const hearth_err *err), void *arg);
/* Disposes all plugins in reverse order, ends children, writes what is to be written; then done(arg) on the loop. */
void kernel_stop(kernel *k, loop_fn done, void *arg);
void kernel_free(kernel *k);

loop     *kernel_loop(kernel *k);
gate     *kernel_gate(kernel *k);
registry *kernel_registry(kernel *k);
bus      *kernel_bus(kernel *k);
folder   *kernel_folder(kernel *k);
settings *kernel_settings(kernel *k);
const char *kernel_version(const kernel *k);
void        kernel_set_base_url(kernel *k, const char *url); /* by the face, once it listens */
const char *kernel_base_url(const kernel *k);
void        kernel_log(kernel *k, hearth_level level, const char *who, const char *fmt, ...) HEARTH_PRINTF(4, 5);

/* A part of the daemon that serves methods without being a plugin (the face): a context of its own, described by a
 * methods.json text. Ends with the kernel. */
hearth_ctx *kernel_ctx(kernel *k, const char *id, const char *methods_json, hearth_err *err);

#endif
