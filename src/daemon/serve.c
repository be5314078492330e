/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define _GNU_SOURCE /* O_PATH */
#include "daemon/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/browser.h"
#include "core_plugins.h"
#include "daemon/log.h"
#include "daemon/paths.h"
#include "face/face.h"
#include "hearth_config.h"
#include "io/frame.h"
#include "io/machine.h"
#include "kernel/folder.h"

typedef struct serve {
    const cli_serve_options *o;
    paths                    paths;
    loop                    *loop;
    kernel                  *kernel;
    face                    *face;
    frame_stream            *owner;    /* --until-eof: it carries nothing but its end */
    int                      owner_fd; /* kept open to the last moment: its end tells the owner that we have ended */
    char                     socket[4096 + 32];
    int                      local_fd; /* of a folder whose path is too long for a socket's address */
    bool                     is_stopping;
    int                      status;
} serve;

static void say(const char *what, const char *more)
{
    printf("hearth: %s%s\n", what, more);
    fflush(stdout);
}

/* A program that started us (--until-eof) also reads the error's name, so that it need not guess from the words. */
static void complain(const serve *s, const hearth_err *err)
{
    const char *msg = err->msg[0] ? err->msg : hearth_code_text(err->code);
    if (s->o->until_eof >= 0)
        fprintf(stderr, "hearth: %s: %s\n", hearth_code_name(err->code), msg);
    else
        fprintf(stderr, "hearth: %s\n", msg);
}

/* -- stop ------------------------------------------------------------------------------------------------------- */

static void kernel_stopped(void *arg) { loop_stop(((serve *)arg)->loop); }

static void face_stopped(void *arg)
{
    serve *s = arg;
    s->face = NULL;
    kernel_stop(s->kernel, kernel_stopped, s);
}

static void stop(serve *s, int status)
{
    if (s->is_stopping)
        return;
    s->is_stopping = true;
    s->status = status;
    frame_close(s->owner);
    s->owner = NULL;
    face_stop(s->face, face_stopped, s);
}

static void on_signal(void *arg, int signo)
{
    serve *s = arg;
    if (s->is_stopping)
        _exit(128 + signo);
    kernel_log(s->kernel, HEARTH_LOG_INFO, "serve", "stopping; once more ends it at once");
    stop(s, 0);
}

static void on_owner_frame(void *arg, const frame *f)
{
    (void)arg;
    (void)f;
}

static void on_owner_gone(void *arg, hearth_code code, const char *why)
{
    (void)code;
    (void)why;
    stop(arg, 0);
}

/* -- ready --------------------------------------------------------------------------------------------------------- */

static void open_page(serve *s)
{
    hearth_err err = { 0 };
    hearth_buf url;
    hearth_buf_init(&url, 512);
    if (face_make_link(s->face, &url, &err) >= 0) {
        say("open ", url.p);
        client_start_browser(url.p);
    } else {
        complain(s, &err);
    }
    hearth_buf_deinit(&url);
}

/* The listener's own words do not know how it was asked for. */
static void complain_of_listener(const serve *s, const hearth_err *err)
{
    hearth_err ours = { 0 };
    if (err->code == HEARTH_CONFLICT && s->o->host)
        hearth_err_set(&ours, HEARTH_CONFLICT, "serve",
                       "port %u of %s is in use by another program; stop that, or choose another port with --listen "
                       "%s:PORT (0 picks a free one)",
                       s->o->port, s->o->host, s->o->host);
    complain(s, ours.code < 0 ? &ours : err);
}

static void announce(serve *s)
{
    char       path[4096 + 32];
    hearth_err err = { 0 };
    say("ready on ", s->o->host ? face_url(s->face) : s->socket);
    if (s->o->open)
        open_page(s);
    if (s->o->until_eof < 0)
        return;
    /* Whoever started us reads no further. */
    snprintf(path, sizeof path, "%s/local/logs/hearth.log", s->o->data_dir);
    if (log_to_file(path, &err) < 0)
        kernel_log(s->kernel, HEARTH_LOG_WARN, "serve", "%s", err.msg);
}

static void on_ready(void *arg, hearth_code code, const hearth_err *err)
{
    serve     *s = arg;
    hearth_err why = { 0 };
    if (s->is_stopping)
        return;
    if (code < 0) {
        why.code = code;
        complain(s, err && err->code < 0 ? err : &why);
        stop(s, 1);
    } else if (face_listen(s->face, &why) < 0) {
        complain_of_listener(s, &why);
        stop(s, 1);
    } else {
        announce(s);
    }
}

/* -- start ------------------------------------------------------------------------------------------------------------ */

static hearth_code watch_owner(serve *s, hearth_err *err)
{
    static const frame_handlers handlers = { on_owner_frame, on_owner_gone };
    if (s->o->until_eof < 0)
        return HEARTH_OK;
    s->owner_fd = fcntl(s->o->until_eof, F_DUPFD_CLOEXEC, 3);
    if (s->owner_fd < 0 || fcntl(s->o->until_eof, F_SETFD, FD_CLOEXEC) < 0)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "serve", "--until-eof %d is no open descriptor",
                              s->o->until_eof);
    s->owner = frame_open(s->loop, s->o->until_eof, &handlers, s, err);
    return s->owner ? HEARTH_OK : HEARTH_IO;
}

/* A socket's address holds 108 bytes; a longer path is reached through its open folder. */
static hearth_code name_socket(serve *s, hearth_err *err)
{
    struct sockaddr_un address;
    int                n = snprintf(s->socket, sizeof s->socket, "%s/local/rpc.sock", s->o->data_dir);
    if (n > 0 && (size_t)n < sizeof address.sun_path)
        return HEARTH_OK;
    s->socket[(size_t)n - strlen("/rpc.sock")] = 0;
    s->local_fd = open(s->socket, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s->local_fd < 0)
        return hearth_err_set(err, file_code_of_errno(errno), "serve", "%.300s cannot be opened: %s", s->socket,
                              strerror(errno));
    snprintf(s->socket, sizeof s->socket, "/proc/self/fd/%d/rpc.sock", s->local_fd);
    return HEARTH_OK;
}

static hearth_code start(serve *s, hearth_err *err)
{
    const cli_serve_options *o = s->o;
    HEARTH_TRY(paths_find(&s->paths, err));
    machine_raise_file_limit();
    s->loop = loop_new(err);
    if (!s->loop)
        return HEARTH_IO;
    s->kernel = kernel_new(&(kernel_options){ .loop = s->loop,
                                              .version = HEARTH_VERSION,
                                              .data_dir = o->data_dir,
                                              .share_dir = s->paths.share_dir,
                                              .host_executable = s->paths.plugin_host,
                                              .core = core_plugins,
                                              .kernel_methods = core_kernel_methods,
                                              .on_log = log_line },
                           err);
    if (!s->kernel)
        return HEARTH_IO;
    HEARTH_TRY(name_socket(s, err));
    s->face = face_new(s->kernel,
                       &(face_options){ .host = o->host,
                                        .port = o->port,
                                        .socket_path = s->socket,
                                        .hosts = o->hosts,
                                        .origins = o->origins,
                                        .allow_remote = o->allow_remote,
                                        .log_requests = log_level_of(getenv("HEARTH_LOG")) == HEARTH_LOG_DEBUG },
                       err);
    if (!s->face)
        return HEARTH_IO;
    HEARTH_TRY(watch_owner(s, err));
    HEARTH_TRY(loop_signal(s->loop, SIGINT, on_signal, s));
    HEARTH_TRY(loop_signal(s->loop, SIGTERM, on_signal, s));
    kernel_start(s->kernel, on_ready, s);
    return HEARTH_OK;
}

int serve_run(const cli_serve_options *o)
{
    serve      s = { .o = o, .owner_fd = -1, .local_fd = -1 };
    hearth_err err = { 0 };
    log_set_level(log_level_of(getenv("HEARTH_LOG")));
    hearth_code code = start(&s, &err);
    if (code < 0) {
        err.code = err.code < 0 ? err.code : code;
        complain(&s, &err);
        s.status = 1;
    }
    if (code < 0 && s.kernel)
        stop(&s, 1); /* what was opened is closed in order */
    if (s.kernel)
        loop_run(s.loop);
    kernel_free(s.kernel);
    if (s.loop)
        loop_free(s.loop);
    if (s.local_fd >= 0)
        close(s.local_fd);
    if (s.owner_fd >= 0)
        close(s.owner_fd);
    return s.status;
}
