/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* request: one call on its way: who asked, on whose behalf, who serves, where events and the answer go.
 *
 * The same object serves a call of the CLI, of the page, of a plugin, of an HTTP route and of a child; what differs is the
 * sink. A request lives until it was answered. Its children (calls made on its behalf) are cancelled with it. */
#ifndef HEARTH_KERNEL_REQUEST_H
#define HEARTH_KERNEL_REQUEST_H

#include <hearth/host.h>

#include "kernel/gate.h"

typedef struct kernel kernel;

#define REQUEST_MAX_VIA 8u

/* What an HTTP route's request can do; the face implements it. */
typedef struct request_http {
    const hearth_http *(*get)(void *arg);
    hearth_str (*header)(void *arg, hearth_str name);
    void (*start)(void *arg, int status, const hearth_header *headers, size_t n);
    hearth_code (*write)(void *arg, hearth_str bytes);
    void (*end)(void *arg); /* arg is dead afterwards */
    void (*whole)(void *arg, int status, const hearth_header *headers, size_t n, hearth_str body); /* arg is dead afterwards */
    size_t (*queued)(void *arg);
    /* hearth_reply / hearth_fail on a route's request: arg is dead afterwards */
    void (*reply)(void *arg, hearth_code code, const hearth_value *value, const hearth_err *err);
} request_http;

/* A call from outside of any plugin (the face, tests). Everything is borrowed for the call, except params (taken). */
typedef struct kernel_call_args {
    principal          *who;
    principal *const   *via;
    size_t              via_count;
    hearth_str          method;
    hearth_value       *params;      /* taken; NULL: {} */
    hearth_event_fn     on_event;    /* may be NULL */
    hearth_done_fn      done;        /* exactly once; may run before kernel_call returns only if may_be_sync */
    void               *arg;
    uint32_t            deadline_ms;
    bool                may_be_sync;
} kernel_call_args;

/* Returns the call's id (0 if it already ended synchronously). A refusal also comes through `done`. Thread: loop. */
hearth_id kernel_call(kernel *k, const kernel_call_args *c);
/* Asks the call to end; `done` still comes. */
void kernel_cancel(kernel *k, hearth_id call);
/* The caller is gone: no callback will come any more. The call is cancelled, unless it is a job or its method keeps. */
void kernel_abandon(kernel *k, hearth_id call);

/* Dispatches an HTTP request to a plugin's route: gate first, then the route's function. http->reply is used for refusals.
 * Returns an id for kernel_cancel (the client went away); the request ends with http->end or http->reply. */
struct route;
hearth_id kernel_route(kernel *k, const struct route *rt, principal *who, const request_http *http, void *arg);

#endif
