/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* JSON-RPC over the unix socket: one message per line. The peer's uid is what proves who it is: ours is the owner, every
 * other is refused (the socket's mode keeps them out as well; root gets past a mode). */
#include <stdlib.h>
#include <unistd.h>

#include "face/face_impl.h"
#include "kit/limits.h"

typedef struct line_link {
    line_conn   *c;
    rpc_session *s;
} line_link;

static void send_line(void *arg, rpc_kind kind, hearth_code code, hearth_str text)
{
    (void)kind;
    (void)code;
    line_link *v = arg;
    if (line_send(v->c, text) < 0)
        line_close(v->c);
}

static size_t queued(void *arg) { return line_queued(((line_link *)arg)->c); }

static void drop(void *arg, const char *why)
{
    (void)why;
    line_close(((line_link *)arg)->c);
}

static const rpc_sink sink = { send_line, queued, drop, true, true };

static void *on_open(void *arg, line_conn *c, uint32_t uid, int64_t pid)
{
    face *f = arg;
    if (uid != (uint32_t)getuid()) {
        kernel_log(f->k, HEARTH_LOG_WARN, "face", "process %lld of user %lu was refused on the unix socket",
                   (long long)pid, (unsigned long)uid);
        return NULL;
    }
    line_link *v = f->is_stopping ? NULL : calloc(1, sizeof *v);
    if (!v)
        return NULL;
    v->c = c;
    v->s = rpc_open(f->rpc, sessions_owner(f->sessions), &sink, v);
    if (v->s)
        return v;
    free(v);
    return NULL;
}

static void on_line(void *user, line_conn *c, hearth_str line)
{
    (void)c;
    if (line.n)
        rpc_receive(((line_link *)user)->s, line);
}

static void on_close(void *user, line_conn *c)
{
    (void)c;
    line_link *v = user;
    rpc_gone(v->s);
    free(v);
}

hearth_code rpc_line_listen(face *f, hearth_err *err)
{
    static const line_handlers handlers = { on_open, on_line, on_close };
    f->lines = line_listen(kernel_loop(f->k), f->o.socket_path, LIMIT_LINE_BYTES, &handlers, f, err);
    return f->lines ? HEARTH_OK : err && err->code < 0 ? err->code : HEARTH_IO;
}
