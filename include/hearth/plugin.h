/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* plugin.h: what a native plugin is.
 *
 *     #include <hearth/plugin.h>
 *
 *     static void roll(hearth_req *req, void *self)
 *     {
 *         (void)self;
 *         hearth_reply(req, hearth_integer(hearth_ctx_of(req), 4));
 *     }
 *     static hearth_code load(hearth_ctx *ctx, void **self, hearth_err *err) { ... return HEARTH_OK; }
 *     static hearth_code implement(hearth_ctx *ctx, void *self, hearth_err *err)
 *     {
 *         static const hearth_method methods[] = { { "me.dice.roll", roll } };
 *         return hearth_serve(ctx, methods, HEARTH_COUNT(methods), self, err);
 *     }
 *     static void dispose(void *self) { ... }
 *     HEARTH_PLUGIN(load, implement, dispose)
 *
 * Load prepares, implement registers, dispose frees. By the time dispose runs the host has stopped routing, ended
 * requests, stopped timers and subscriptions and waited for workers: dispose only gives memory back. Id, version,
 * permissions and contributions come from plugin.json, never from code.
 *
 * The same source is built into the daemon (with -DHEARTH_PLUGIN_ENTRY=hearth_entry_<id>) or as a shared object
 * that exports one symbol, hearth_plugin_entry. */
#ifndef HEARTH_PLUGIN_H
#define HEARTH_PLUGIN_H

#include <hearth/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What `load` returns when it is not done yet: hearth_ready follows, within limits.start_ms of the manifest. */
#define HEARTH_LATER ((hearth_code)1)

/* Append only; `size` is what the plugin knows. */
typedef struct hearth_plugin {
    uint32_t size;
    uint16_t abi_major, abi_minor;
    hearth_code (*load)(hearth_ctx *ctx, void **self, hearth_err *err);
    hearth_code (*implement)(hearth_ctx *ctx, void *self, hearth_err *err);
    void (*dispose)(void *self);
} hearth_plugin;

/* The one exported function. Binds this image to the host's table. NULL: the host speaks another major.
 * Owner: static. Thread: loop. Since: 1.0 */
typedef const hearth_plugin *(*hearth_plugin_entry_fn)(const hearth_host_api *host);

/* Remembers the host's table for the inline functions of host.h and value.h; defined in libhearth-kit.
 * Thread: loop, before anything else. Errors: incompatible. Since: 1.0 */
hearth_code hearth_bind(const hearth_host_api *host);

#ifndef HEARTH_PLUGIN_ENTRY
#define HEARTH_PLUGIN_ENTRY hearth_plugin_entry
#endif

#ifdef __cplusplus
#define HEARTH_EXTERN_C extern "C"
#else
#define HEARTH_EXTERN_C extern
#endif

#define HEARTH_PLUGIN(load_fn, implement_fn, dispose_fn)                                                    \
    HEARTH_EXTERN_C HEARTH_EXPORT const hearth_plugin *HEARTH_PLUGIN_ENTRY(const hearth_host_api *host);    \
    const hearth_plugin *HEARTH_PLUGIN_ENTRY(const hearth_host_api *host)                                   \
    {                                                                                                       \
        static const hearth_plugin plugin = { sizeof(hearth_plugin), HEARTH_ABI_MAJOR, HEARTH_ABI_MINOR,    \
                                              load_fn, implement_fn, dispose_fn };                          \
        return hearth_bind(host) < 0 ? NULL : &plugin;                                                      \
    }

#ifdef __cplusplus
}
#endif
#endif
