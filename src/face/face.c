/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "face/face.h"

#include <stdio.h>
#include <stdlib.h>

#include "assets.h"
#include "face/face_impl.h"
#include "face_methods.h"
#include "kernel/folder.h"

enum { GRACE_MS = 2000 };

/* -- the method of its own --------------------------------------------------------------------------------------- */

static void create_key(hearth_req *req, void *self)
{
    face      *f = self;
    hearth_err err = { 0 };
    hearth_buf url;
    hearth_buf_init(&url, 512);
    if (face_make_link(f, &url, &err) < 0) {
        hearth_fail_with(req, err.code, &err);
    } else {
        hearth_value *result = hearth_object(NULL);
        hearth_put_str(result, "url", hearth_buf_str(&url));
        hearth_reply(req, result);
    }
    hearth_buf_deinit(&url);
}

static hearth_code serve_methods(face *f, hearth_err *err)
{
    static const hearth_method methods[] = { { "sessions.key.create", create_key } };
    f->ctx = kernel_ctx(f->k, "face", face_methods, err);
    return f->ctx ? hearth_serve(f->ctx, methods, HEARTH_COUNT(methods), f, err) : err->code;
}

/* -- start ------------------------------------------------------------------------------------------------------------ */

static hearth_code check_listener(const face_options *o, hearth_err *err)
{
    if (!o->host || o->allow_remote || guard_is_loopback(hearth_cstr(o->host)))
        return HEARTH_OK;
    return hearth_err_set(
        err, HEARTH_DENIED, "face",
        "--listen %s would let other machines in; add --allow-remote to do so with the install token (`hearth token`) "
        "asked of everybody, and put TLS in front of it",
        o->host);
}

static hearth_code prepare(face *f, hearth_err *err)
{
    bool is_remote = f->o.host && !guard_is_loopback(hearth_cstr(f->o.host));
    f->guard = (guard){ f->o.hosts, f->o.origins, is_remote };
    f->sessions = sessions_open(&(sessions_options){ .loop = kernel_loop(f->k),
                                                     .gate = kernel_gate(f->k),
                                                     .local = folder_local(kernel_folder(f->k)),
                                                     .needs_credential = is_remote,
                                                     .wall_ms = loop_wall_ms },
                                err);
    if (!f->sessions)
        return err->code;
    HEARTH_TRY(serve_methods(f, err));
    f->rpc = rpc_new(f->k, f->ctx);
    f->openrpc = openrpc_new(f->k);
    if (!f->rpc || !f->openrpc)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "face", "no memory to listen");
    rpc_on_change(f->rpc, openrpc_changed, f->openrpc);
    return HEARTH_OK;
}

face *face_new(kernel *k, const face_options *o, hearth_err *err)
{
    hearth_err inner = { 0 };
    if (!err)
        err = &inner;
    if (check_listener(o, err) < 0)
        return NULL;
    face *f = calloc(1, sizeof *f);
    if (!f) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "face", "no memory to listen");
        return NULL;
    }
    f->k = k;
    f->o = *o;
    if (!f->o.assets)
        f->o.assets = assets;
    list_init(&f->sockets);
    loop_random(&f->boot, sizeof f->boot);
    if (prepare(f, err) >= 0)
        return f;
    face_stop(f, NULL, NULL);
    return NULL;
}

static void name_url(face *f, uint16_t port)
{
    bool is_six = false;
    for (const char *p = f->o.host; *p; p++)
        is_six |= *p == ':';
    snprintf(f->url, sizeof f->url, is_six && f->o.host[0] != '[' ? "http://[%s]:%u" : "http://%s:%u", f->o.host, port);
    kernel_set_base_url(f->k, f->url);
}

hearth_code face_listen(face *f, hearth_err *err)
{
    static const http_handlers handlers = { router_take, NULL };
    if (f->o.socket_path)
        HEARTH_TRY(rpc_line_listen(f, err));
    if (!f->o.host)
        return HEARTH_OK;
    uint16_t port = f->o.port;
    f->http = http_server_new(kernel_loop(f->k), &handlers, NULL, f);
    if (!f->http)
        return hearth_err_set(err, HEARTH_NO_MEMORY, "face", "no memory to listen");
    HEARTH_TRY(http_listen(f->http, f->o.host, &port, err));
    name_url(f, port);
    return HEARTH_OK;
}

const char *face_url(const face *f) { return f->url; }

hearth_code face_make_link(face *f, hearth_buf *out, hearth_err *err)
{
    char key[SESSION_TEXT];
    if (!f->url[0])
        return hearth_err_set(
            err, HEARTH_UNAVAILABLE, "face",
            "this Hearth has no address for a browser: it was started without one; run `hearth serve`");
    sessions_make_key(f->sessions, key);
    hearth_buf_printf(out, "%s/?key=%s", f->url, key);
    return out->failed ? HEARTH_NO_MEMORY : HEARTH_OK;
}

/* -- stop ------------------------------------------------------------------------------------------------------------------ */

static void part_ended(void *arg)
{
    face *f = arg;
    if (--f->waiting > 0)
        return;
    loop_fn stopped = f->stopped;
    void   *stopped_arg = f->stopped_arg;
    free(f);
    if (stopped)
        stopped(stopped_arg);
}

/* Nobody is connected any more; what the connections used can go. */
static void after_listeners(face *f)
{
    openrpc_free(f->openrpc);
    f->waiting = 1;
    if (f->rpc) {
        f->waiting++;
        rpc_free(f->rpc, part_ended, f);
    }
    if (f->sessions) {
        f->waiting++;
        sessions_close(f->sessions, part_ended, f);
    }
    part_ended(f);
}

static void listener_ended(void *arg)
{
    face *f = arg;
    if (--f->waiting == 0)
        after_listeners(f);
}

void face_stop(face *f, loop_fn done, void *arg)
{
    if (!f) {
        if (done)
            done(arg);
        return;
    }
    f->is_stopping = true;
    f->stopped = done;
    f->stopped_arg = arg;
    f->waiting = 1;
    rpc_ws_close_all(f);
    if (f->lines) {
        f->waiting++;
        line_server_free(f->lines, listener_ended, f);
    }
    if (f->http) {
        f->waiting++;
        http_server_free(f->http, GRACE_MS, listener_ended, f);
    }
    listener_ended(f);
}
