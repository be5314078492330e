/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hearth.h: Hearth inside somebody else's program.
 *
 *     #include <hearth/hearth.h>
 *     #include <stdio.h>
 *
 *     static void on_event(void *out, const hearth_event *e)
 *     {
 *         if (e->kind == HEARTH_TEXT) fwrite(e->text.p, 1, e->text.n, out);
 *     }
 *     int main(void)
 *     {
 *         hearth_err err = { 0 };
 *         hearth *h = hearth_open(&(hearth_options){ .size = sizeof(hearth_options), .data_dir = "./my-data" }, &err);
 *         if (!h) { fprintf(stderr, "%s: %s\n", err.where, err.msg); return 1; }
 *         hearth_value *turn = hearth_call(h, "chat.send", "{\"thread\":null,\"text\":\"hello\"}", on_event, stdout, &err);
 *         hearth_value_unref(turn);
 *         hearth_close(h);
 *         return err.code < 0;
 *     }
 *
 * hearth_open attaches to the daemon that serves the data folder, over its unix socket, or starts one that ends
 * with this process. The library never exits, aborts, prints, or touches signals, locale, environment or the
 * working directory. One connection belongs to one thread at a time; hearth_interrupt may come from anywhere. */
#ifndef HEARTH_HEARTH_H
#define HEARTH_HEARTH_H

#include <hearth/types.h>
#include <hearth/value.h>

#ifdef HEARTH_HOST_H
#error "hearth.h is for programs that use Hearth, host.h for plugins: include one of them"
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hearth hearth;

typedef struct hearth_options {
    uint32_t    size;       /* sizeof(hearth_options) */
    const char *data_dir;   /* NULL: $HEARTH_DATA, else ~/.local/share/hearth */
    const char *executable; /* the daemon to start; NULL: `hearth` beside this library, else from PATH */
    bool        no_start;   /* only attach; fail with unavailable when no daemon serves the folder */
    uint32_t    start_ms;   /* how long a started daemon may take; 0: 10,000 */
} hearth_options;

/* Attaches or starts. Owner: the caller, hearth_close. Thread: any, one at a time per connection.
 * Errors: unavailable, denied, incompatible, io, deadline. Since: 1.0 */
HEARTH_EXPORT hearth *hearth_open(const hearth_options *options, hearth_err *err);

/* Ends the connection, and the daemon if this connection started it. NULL is fine. Since: 1.0 */
HEARTH_EXPORT void hearth_close(hearth *h);

/* Calls a method and waits. `params` is JSON text, NULL for none; `on_event` (may be NULL) gets what comes before
 * the answer. Owner: the result is the caller's, hearth_value_unref. NULL with `err` filled when it failed: the
 * method's own error, or `unavailable` when the daemon went away, or `cancelled`. Since: 1.0 */
HEARTH_EXPORT hearth_value *hearth_call(hearth *h, const char *method, const char *params,
                                        void (*on_event)(void *arg, const hearth_event *event), void *arg, hearth_err *err);

/* The same with arguments as a value; takes `params`. `details` (may be NULL) receives what the error carried for
 * programs, owned by the caller. Since: 1.0 */
HEARTH_EXPORT hearth_value *hearth_call_value(hearth *h, const char *method, hearth_value *params,
                                                 void (*on_event)(void *arg, const hearth_event *event), void *arg,
                                                 hearth_value **details, hearth_err *err);

/* Makes the request under way end with `cancelled`. Thread: any; async-signal-safe. Since: 1.0 */
HEARTH_EXPORT void hearth_interrupt(hearth *h);

/* The process id of the daemon, and whether this connection started it. Since: 1.0 */
HEARTH_EXPORT int64_t hearth_daemon_pid(const hearth *h);
HEARTH_EXPORT bool    hearth_daemon_is_ours(const hearth *h);

#ifdef __cplusplus
}
#endif
#endif
