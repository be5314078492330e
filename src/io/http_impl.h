/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_impl: what http_server.c, http_conn.c, http_head.c, http_reply.c and http_ws.c share. */
#ifndef HEARTH_IO_HTTP_IMPL_H
#define HEARTH_IO_HTTP_IMPL_H

#include <uv.h>
#include <llhttp.h>

#include <hearth/kit.h>

#include "io/http.h"
#include "io/loop_impl.h"
#include "io/stream.h"
#include "kit/limits.h"

typedef struct http_conn http_conn;

/* -- deadlines: every kind has one length, so each list is in order by itself -------------------------------------- */

typedef enum http_wait {
    HTTP_WAIT_NONE = 0,
    HTTP_WAIT_HEAD,   /* for the rest of a head */
    HTTP_WAIT_IDLE,   /* for the next request */
    HTTP_WAIT_BODY,   /* for the next byte of a body */
    HTTP_WAIT_WRITE,  /* for the reader to take something */
    HTTP_WAIT_LINGER, /* for the other side to close */
    HTTP_WAIT_PING,   /* for any byte of a WebSocket */
    HTTP_WAITS
} http_wait;

void http_wait_set(http_conn *c, http_wait kind);
/* Called when time is up; in http_conn.c. */
void http_wait_over(http_conn *c, http_wait kind);

/* -- server ----------------------------------------------------------------------------------------------------------- */

typedef struct http_listener {
    union {
        uv_stream_t stream;
        uv_tcp_t    tcp;
        uv_pipe_t   pipe;
    } h;
    http_server          *s;
    struct http_listener *next;
    char                  path[108]; /* of a unix socket, to remove; else empty */
} http_listener;

struct http_server {
    loop          *l;
    http_handlers  handlers;
    http_options   options;
    void          *arg;
    http_listener *listeners;
    http_conn     *conns;
    size_t         conn_count;   /* connections that are open */
    size_t         record_count; /* conn records: some outlive their connection until their request is ended */
    size_t         handles;      /* that libuv has not closed yet */
    uv_timer_t     timer;
    uint64_t       timer_ms; /* when it fires; 0: not running */
    struct {
        http_conn *first, *last;
    } due[HTTP_WAITS];
    hearth_buf        out;       /* where heads of answers are put together; empty between calls */
    http_req         *spare_req; /* one of each kind is kept: steady traffic allocates nothing */
    hearth_header    *spare_headers;
    struct ws_reader *spare_reader;
    hearth_err        refusal; /* why the head that is being checked is refused */
    int64_t           date_s;
    char              date[32];
    bool              is_stopping, is_gone;
    loop_timer       *grace;
    loop_fn           idle;
    void             *idle_arg;
};

const char *http_date(http_server *s);
const char *http_status_text(int status);
/* A handle of this server was closed; the last one ends it. */
void http_server_drop_handle(http_server *s);
/* A conn record was given back; the last one frees the server's memory. */
void http_server_drop_record(http_server *s);
/* Takes over a connected socket as if it had been accepted. For the fuzz target and tests. NULL: no memory. */
http_conn *http_adopt(http_server *s, int fd);

/* -- connection ---------------------------------------------------------------------------------------------------------- */

typedef enum http_state {
    HTTP_STATE_INVALID = 0,
    HTTP_READY,   /* waits for a request, or for the rest of its head */
    HTTP_BODY,    /* reads a body */
    HTTP_ANSWER,  /* a handler has the request */
    HTTP_WS,      /* a WebSocket now */
    HTTP_LINGER,  /* the last answer is out; what still comes is thrown away */
    HTTP_CLOSING, /* uv_close was called */
    HTTP_CLOSED   /* the handle is closed; the record waits for its request */
} http_state;

struct http_conn {
    union {
        uv_stream_t stream;
        uv_tcp_t    tcp;
        uv_pipe_t   pipe;
    } h;
    llhttp_t       parser;
    http_server   *s;
    http_conn     *next, *prev;
    http_conn     *due_next, *due_prev;
    uint64_t       due_ms;
    http_req      *req; /* being read or answered */
    http_ws       *ws;
    hearth_buf     in;         /* bytes that wait: a torn head, or what came behind a request under way */
    uv_shutdown_t *shutdown;   /* only while it runs */
    size_t         was_queued; /* at the last look of HTTP_WAIT_WRITE */
    size_t         thrown;     /* bytes while lingering */
    uint32_t       uid;
    uint8_t        state, due_kind;
    bool           is_unix, is_feeding, is_reading, is_eof, has_soon;
    bool           is_choked;    /* pipelined requests wait until the answers were taken */
    bool           is_ws_ending; /* our close frame is out */
    char           peer[56];
};

http_conn *http_conn_new(http_server *s, bool is_unix);
void       http_conn_start(http_conn *c); /* accepted: learns the peer and begins to read */
void       http_conn_close(http_conn *c); /* at once; on_gone follows from the loop */
void       http_conn_linger(http_conn *c);
/* The request was answered: the next one, or the end. */
void http_conn_next(http_conn *c, bool keep);
/* Feeds what waits, later, from the loop itself. */
void http_conn_soon(http_conn *c);
/* Writes; a failure closes. Returns false then. */
bool http_conn_write(http_conn *c, const hearth_str *parts, size_t n, bool is_last_static);
/* Answers with the JSON error of a code and closes; what is still coming is drained. */
void http_conn_refuse(http_conn *c, int status, hearth_code code, const char *message);

/* -- request --------------------------------------------------------------------------------------------------------------- */

struct http_req {
    http_request   r;       /* views into the read buffer until http_req_own */
    http_conn     *c;       /* lives at least as long as this */
    hearth_header *headers; /* of the server's spare array, or at the begin of `owned` */
    char          *path;    /* decoded, when it differs from what was sent */
    char          *owned;   /* one block: headers, target, names and values */
    hearth_buf     body;    /* when it did not come in one piece */
    size_t         fed;     /* bytes of the message that were parsed */
    void          *user;
    loop_fn        on_gone, on_drain;
    void          *gone_arg, *drain_arg;
    int            refuse_status;
    hearth_code    refuse_code;
    bool           has_head, keep, is_old; /* HTTP/1.0 */
    bool           is_gone, has_started, is_chunked, has_no_body;
};

/* NULL: no memory. */
http_req *http_req_new(http_conn *c);
void      http_req_free(http_req *req);
/* Before the read buffer is used again: copies everything that the views show. False: no memory. */
bool http_req_own(http_req *req);

/* http_head.c: what the parser does not check. 0, or the status to refuse with and the words in the server's `refusal`. */
int http_head_check(http_req *req);
/* Length of the head that begins at p, 0 when it is not whole, -1 when it has a folded line. */
ptrdiff_t http_head_find(const char *p, size_t n);

/* -- WebSocket ----------------------------------------------------------------------------------------------------------------- */

/* The value of Sec-WebSocket-Accept for a key. */
void ws_accept(char out[29], hearth_str key);
void http_ws_feed(http_conn *c, const char *p, size_t n);
void http_ws_silent(http_conn *c);  /* HTTP_WAIT_PING is over */
void http_ws_is_gone(http_conn *c); /* tells the handler and frees */
void ws_reader_free(struct ws_reader *r);

#endif
