/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* line: a unix socket that carries one message per line, for programs on this machine. */
#ifndef HEARTH_IO_LINE_H
#define HEARTH_IO_LINE_H

#include "io/loop.h"

typedef struct line_server line_server;
typedef struct line_conn   line_conn;

typedef struct line_handlers {
    void *(*on_open)(void *arg, line_conn *c, uint32_t uid, int64_t pid); /* the connection's user pointer; NULL refuses */
    void (*on_line)(void *user, line_conn *c, hearth_str line);           /* without the newline; over max_line: the connection is told and closed */
    void (*on_close)(void *user, line_conn *c);                           /* once */
} line_handlers;

/* mode 0600; an old socket file is replaced. Owner: the caller. Thread: loop. */
line_server *line_listen(loop *l, const char *path, size_t max_line, const line_handlers *handlers, void *arg, hearth_err *err);
void         line_server_free(line_server *s, loop_fn idle, void *arg); /* closes all, removes the socket file */
hearth_code  line_send(line_conn *c, hearth_str text);                  /* adds the newline; busy over 16 MiB queued */
void         line_close(line_conn *c);                                  /* after what was sent; on_close follows */
size_t       line_queued(const line_conn *c);

#endif
