/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* client: libhearth from the inside. A connection is a unix socket that carries JSON-RPC, one message per line; the calls
 * block, one at a time, and wait with poll for the socket and for hearth_interrupt's pipe. No libuv, no threads, no signals.
 *
 *     where.c   which folder, which executable          start.c   a daemon that lives as long as we do
 *     link.c    lines over a socket                     call.c    requests, events, answers
 *     hearth.c  opening, closing, the public rest       browser.c the page in the person's browser
 *
 * Failure: everything that goes wrong ends in a hearth_err for the person at the program; nothing aborts or prints. */
#ifndef HEARTH_CLIENT_CLIENT_H
#define HEARTH_CLIENT_CLIENT_H

#include <hearth/hearth.h>
#include <hearth/kit.h>

#define CLIENT_PATH 4096u

/* -- where.c -- */
/* The absolute data folder: `given`, else $HEARTH_DATA, else $XDG_DATA_HOME/hearth, else ~/.local/share/hearth.
 * Thread: any. Errors: invalid_argument (no home), too_large. */
hearth_code client_data_dir(const char *given, char out[CLIENT_PATH], hearth_err *err);
/* The daemon's executable: beside this library or program, else just "hearth", for the PATH. */
void client_executable(char out[CLIENT_PATH]);

/* -- link.c -- */
typedef struct client_link {
    int        fd; /* -1: closed */
    hearth_buf in;
    size_t     scanned; /* bytes of `in` that hold no newline */
    size_t     taken;   /* bytes of the line that was given out last */
} client_link;

/* Errors: unavailable (nobody listens), denied, io. */
hearth_code client_link_open(client_link *l, const char *data_dir, hearth_err *err);
void        client_link_close(client_link *l);
hearth_code client_link_send(client_link *l, hearth_str line, hearth_err *err);
/* The next line, valid until the next call; waits. *woken is set, and the line is empty, when `wake_fd` became readable first.
 * Errors: unavailable (the daemon went away), too_large. */
hearth_code client_link_read(client_link *l, int wake_fd, hearth_str *line, bool *woken, hearth_err *err);

/* -- start.c -- */
typedef struct client_daemon {
    int pid;      /* 0: none that we started */
    int owner_fd; /* its other end tells the daemon that we are gone */
} client_daemon;

/* Starts one and waits until it is ready. Errors: what it failed with (conflict: another one has the folder), deadline,
 * not_found, io. */
hearth_code client_daemon_start(client_daemon *d, const char *executable, const char *data_dir, uint32_t start_ms,
                                hearth_err *err);
/* Lets it end and waits for that; kills it when it takes over 10 s. */
void client_daemon_stop(client_daemon *d);

/* A connection. */
struct hearth {
    client_link   link;
    client_daemon daemon;
    int64_t       peer_pid;
    int           wake[2]; /* hearth_interrupt writes, a call polls */
    uint64_t      next_id;
    bool          is_calling;
    hearth_buf    out;
};

uint64_t client_now_ms(void);

#endif
