/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_ws: WebSockets (RFC 6455): whole text messages in both directions.
 *
 * wslay parses frames; this file keeps their order: fragments, control frames between them, close codes, UTF-8. wslay's
 * own event layer would do that too, but it costs 8.5 KiB per connection. Its frame reader costs 4 KiB and is stateless
 * between frames, so one is shared: a connection holds one only while a frame of its has come half. An idle WebSocket
 * is its two records, under 1 KiB.
 *
 * A message that lies in one piece is handed up where it is. Extensions are not offered: a compressor per connection
 * costs more memory than all the rest, and the two ends share a machine.
 *
 * The close handshake: whoever is first sends a close frame, the other echoes it, then the sending side is shut down.
 * A peer that does not answer is gone after the linger time. */
#include "io/http_impl.h"

#include <stdlib.h>
#include <string.h>

#include <wslay/wslay.h>

#define CONTROL_MOST 125u
#define SILENCES     2u /* unanswered pings */
#define PONG_BYTES   LIMIT_KIB(64) /* behind so many no pong is queued: only the latest ping is owed one */

/* A frame parser and the bytes that it may take now. */
typedef struct ws_reader {
    wslay_frame_context_ptr ctx;
    const uint8_t          *p;
    size_t                  n;
    uint64_t                given, taken; /* bytes handed to the parser, bytes of frames it has told about */
} ws_reader;

struct http_ws {
    http_conn       *c;
    http_ws_handlers handlers;
    void            *arg, *user;
    size_t           max_message;
    ws_reader       *reader;     /* while a frame is half read */
    uint64_t         frame_left; /* payload bytes of the frame that is being read */
    hearth_buf       message;    /* fragments, or a frame that came in pieces */
    uint8_t          control[CONTROL_MOST];
    uint8_t          control_n, opcode, silences;
    bool             in_frame, is_last, in_message, has_sent_close, has_got_close;
};

/* -- sending ------------------------------------------------------------------------------------------------------------- */

static size_t put_frame_head(uint8_t head[10], unsigned opcode, size_t n)
{
    head[0] = (uint8_t)(0x80u | opcode);
    if (n < 126) {
        head[1] = (uint8_t)n;
        return 2;
    }
    size_t bytes = n <= 0xffff ? 2 : 8;
    head[1] = bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < bytes; i++)
        head[2 + i] = (uint8_t)((uint64_t)n >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}

static bool send_frame(http_ws *ws, unsigned opcode, const void *bytes, size_t n)
{
    uint8_t    head[10];
    size_t     head_n = put_frame_head(head, opcode, n);
    hearth_str parts[2] = { { (const char *)head, head_n }, { bytes, n } };
    return http_conn_write(ws->c, parts, n > 0 ? 2 : 1, false);
}

static bool is_open(const http_ws *ws) { return ws->c->state == HTTP_WS && !ws->has_sent_close; }

hearth_code http_ws_send(http_ws *ws, hearth_str text)
{
    size_t queued = http_ws_queued(ws);
    if (!is_open(ws))
        return HEARTH_CANCELLED;
    if (queued > 0 && queued + text.n > LIMIT_WS_QUEUE_BYTES)
        return HEARTH_BUSY;
    return send_frame(ws, WSLAY_TEXT_FRAME, text.p, text.n) ? HEARTH_OK : HEARTH_CANCELLED;
}

void http_ws_close(http_ws *ws, uint16_t status, const char *why)
{
    uint8_t payload[CONTROL_MOST];
    if (!is_open(ws))
        return;
    size_t n = why ? hearth_utf8_whole((hearth_str){ why, strnlen(why, CONTROL_MOST - 2) }) : 0;
    payload[0] = (uint8_t)(status >> 8);
    payload[1] = (uint8_t)status;
    if (n > 0)
        memcpy(payload + 2, why, n);
    ws->has_sent_close = ws->c->is_ws_ending = true;
    send_frame(ws, WSLAY_CONNECTION_CLOSE, payload, n + 2);
    if (ws->has_got_close)
        http_conn_linger(ws->c);
    else if (ws->c->state == HTTP_WS)
        http_wait_set(ws->c, HTTP_WAIT_LINGER);
}

/* A peer that broke the rules is told by which code, and not listened to any more. */
static void fail_with(http_ws *ws, uint16_t status, const char *why)
{
    http_ws_close(ws, status, why);
    http_conn_linger(ws->c);
}

size_t http_ws_queued(const http_ws *ws) { return ws->c->state < HTTP_CLOSING ? stream_queued(&ws->c->h.stream) : 0; }

void http_ws_set_user(http_ws *ws, void *user) { ws->user = user; }

void *http_ws_user(const http_ws *ws) { return ws->user; }

/* -- messages --------------------------------------------------------------------------------------------------------------- */

static void deliver(http_ws *ws, hearth_str text)
{
    if (!hearth_utf8_valid(text)) {
        fail_with(ws, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "the text is not UTF-8");
        return;
    }
    if (ws->has_sent_close)
        return;
    uint64_t began = loop_watch_begin();
    ws->handlers.on_message(ws->arg, ws, text);
    loop_watch_end(ws->c->s->l, began, "a message");
}

static bool close_code_is_good(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static void take_close(http_ws *ws)
{
    unsigned code = ws->control_n >= 2 ? (unsigned)ws->control[0] << 8 | ws->control[1] : 1000;
    ws->has_got_close = true;
    if (ws->control_n == 1 || !close_code_is_good(code) ||
        (ws->control_n > 2 && !hearth_utf8_valid((hearth_str){ (const char *)ws->control + 2, ws->control_n - 2u })))
        code = WSLAY_CODE_PROTOCOL_ERROR;
    if (ws->has_sent_close)
        http_conn_linger(ws->c);
    else
        http_ws_close(ws, (uint16_t)code, NULL);
}

static void take_control(http_ws *ws)
{
    if (ws->opcode == WSLAY_CONNECTION_CLOSE)
        take_close(ws);
    else if (ws->opcode == WSLAY_PING && is_open(ws) && http_ws_queued(ws) < PONG_BYTES)
        send_frame(ws, WSLAY_PONG, ws->control, ws->control_n);
    /* A pong has done its work by arriving. */
}

/* -- frames ------------------------------------------------------------------------------------------------------------------- */

/* The head of a frame, against the rules that wslay leaves to us. False: the connection has been failed. */
static bool begin_frame(http_ws *ws, const struct wslay_frame_iocb *f)
{
    bool is_control = wslay_is_ctrl_frame(f->opcode) != 0;
    ws->in_frame = true;
    ws->frame_left = f->payload_length;
    ws->is_last = f->fin != 0;
    ws->opcode = f->opcode;
    ws->control_n = 0;
    if (!f->mask || f->rsv != WSLAY_RSV_NONE || (is_control && (!f->fin || f->payload_length > CONTROL_MOST)) ||
        (is_control && f->opcode > WSLAY_PONG) || (!is_control && f->opcode > WSLAY_BINARY_FRAME))
        fail_with(ws, WSLAY_CODE_PROTOCOL_ERROR, "a frame breaks the protocol");
    else if (!is_control && (f->opcode == WSLAY_CONTINUATION_FRAME) != ws->in_message)
        fail_with(ws, WSLAY_CODE_PROTOCOL_ERROR, "a message begins inside another or nowhere");
    else if (f->opcode == WSLAY_BINARY_FRAME)
        fail_with(ws, WSLAY_CODE_UNSUPPORTED_DATA, "only text is understood here");
    else if (!is_control && f->payload_length > ws->max_message - ws->message.n)
        fail_with(ws, WSLAY_CODE_MESSAGE_TOO_BIG, "the message is over the limit");
    return ws->c->state == HTTP_WS;
}

static void end_frame(http_ws *ws)
{
    ws->in_frame = false;
    if (wslay_is_ctrl_frame(ws->opcode)) {
        take_control(ws);
        return;
    }
    ws->in_message = !ws->is_last;
    if (!ws->is_last)
        return;
    hearth_buf message = ws->message; /* moved out: the handler may close us */
    hearth_buf_init(&ws->message, ws->max_message);
    deliver(ws, hearth_buf_str(&message));
    hearth_buf_deinit(&message);
}

/* A piece of payload, possibly all, possibly nothing. */
static void take_piece(http_ws *ws, const struct wslay_frame_iocb *f)
{
    ws->frame_left -= f->data_length;
    if (wslay_is_ctrl_frame(ws->opcode)) {
        if (f->data_length > 0)
            memcpy(ws->control + ws->control_n, f->data, f->data_length);
        ws->control_n = (uint8_t)(ws->control_n + f->data_length);
    } else if (ws->frame_left == 0 && ws->is_last && ws->message.n == 0) {
        ws->in_frame = ws->in_message = false; /* one frame in one piece: no copy */
        deliver(ws, (hearth_str){ (const char *)f->data, f->data_length });
        return;
    } else if (hearth_buf_append(&ws->message, f->data, f->data_length) < 0) {
        fail_with(ws, WSLAY_CODE_INTERNAL_SERVER_ERROR, "out of memory");
        return;
    }
    if (ws->frame_left == 0)
        end_frame(ws);
}

static ssize_t give_bytes(uint8_t *to, size_t size, int flags, void *arg)
{
    ws_reader *r = arg;
    (void)flags;
    size_t n = size < r->n ? size : r->n;
    if (n == 0)
        return -1; /* later */
    memcpy(to, r->p, n);
    r->p += n;
    r->n -= n;
    r->given += n;
    return (ssize_t)n;
}

static ws_reader *reader_new(void)
{
    static const struct wslay_frame_callbacks callbacks = { NULL, give_bytes, NULL };
    ws_reader                                *r = calloc(1, sizeof *r);
    if (!r || wslay_frame_context_init(&r->ctx, &callbacks, r) != 0) {
        free(r);
        return NULL;
    }
    return r;
}

void ws_reader_free(ws_reader *r)
{
    if (!r)
        return;
    wslay_frame_context_free(r->ctx);
    free(r);
}

static size_t frame_head_size(const struct wslay_frame_iocb *f)
{
    return 2u + (f->payload_length < 126 ? 0u : f->payload_length <= 0xffff ? 2u : 8u) + (f->mask ? 4u : 0u);
}

/* Parses everything in r. False: the stream cannot be parsed on. */
static bool read_frames(http_ws *ws, ws_reader *r)
{
    while (ws->c->state == HTTP_WS) {
        struct wslay_frame_iocb f;
        memset(&f, 0, sizeof f);
        ssize_t n = wslay_frame_recv(r->ctx, &f);
        if (n == WSLAY_ERR_WANT_READ)
            return true;
        if (n < 0) {
            fail_with(ws, WSLAY_CODE_PROTOCOL_ERROR, "a frame breaks the protocol");
            return false;
        }
        if (!ws->in_frame) {
            r->taken += frame_head_size(&f);
            if (!begin_frame(ws, &f))
                return false;
        }
        r->taken += f.data_length;
        take_piece(ws, &f);
    }
    return false;
}

void http_ws_feed(http_conn *c, const char *p, size_t n)
{
    http_ws     *ws = c->ws;
    http_server *s = c->s;
    ws_reader   *r = ws->reader ? ws->reader : s->spare_reader ? s->spare_reader : reader_new();
    if (!r) {
        fail_with(ws, WSLAY_CODE_INTERNAL_SERVER_ERROR, "out of memory");
        return;
    }
    if (r == s->spare_reader)
        s->spare_reader = NULL;
    ws->reader = NULL;
    ws->silences = 0;
    r->p = (const uint8_t *)p;
    r->n = n;
    bool is_alive = read_frames(ws, r);
    r->p = NULL;
    r->n = 0;
    if (is_alive && (ws->in_frame || r->given != r->taken)) {
        ws->reader = r; /* in the middle of a frame, or of its head */
    } else if (is_alive && !s->spare_reader) {
        r->given = r->taken = 0;
        s->spare_reader = r;
    } else {
        ws_reader_free(r);
    }
}

/* -- life ------------------------------------------------------------------------------------------------------------------------ */

void http_ws_silent(http_conn *c)
{
    http_ws *ws = c->ws;
    if (ws->has_sent_close || ws->silences >= SILENCES) {
        http_conn_close(c);
        return;
    }
    ws->silences++;
    if (send_frame(ws, WSLAY_PING, NULL, 0))
        http_wait_set(c, HTTP_WAIT_PING);
}

void http_ws_is_gone(http_conn *c)
{
    http_ws *ws = c->ws;
    c->ws = NULL;
    if (ws->handlers.on_close)
        ws->handlers.on_close(ws->arg, ws);
    ws_reader_free(ws->reader);
    hearth_buf_deinit(&ws->message);
    free(ws);
}

http_ws *http_accept_ws(http_req *req, const http_ws_handlers *handlers, size_t max_message, void *arg)
{
    static const hearth_header version[] = { { { "sec-websocket-version", 21 }, { "13", 2 } },
                                             { { "upgrade", 7 }, { "websocket", 9 } } };
    http_conn                 *c = req->c;
    http_ws                   *ws = req->r.wants_ws && c->state == HTTP_ANSWER ? calloc(1, sizeof *ws) : NULL;
    if (!ws) {
        http_reply(req, req->r.wants_ws ? 503 : 426, version, HEARTH_COUNT(version), HEARTH_STR(""));
        return NULL;
    }
    ws->c = c;
    ws->handlers = *handlers;
    ws->arg = arg;
    ws->max_message = max_message > 0 ? max_message : LIMIT_WS_MESSAGE_BYTES;
    hearth_buf_init(&ws->message, ws->max_message);
    char accept[29];
    ws_accept(accept, http_header_get(&req->r, "sec-websocket-key"));
    hearth_str parts[3] = {
        HEARTH_STR(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: "),
        { accept, 28 },
        HEARTH_STR("\r\n\r\n")
    };
    http_req_free(req);
    c->ws = ws;
    c->state = HTTP_WS;
    http_conn_write(c, parts, 3, false);
    http_wait_set(c, c->state == HTTP_WS ? HTTP_WAIT_PING : HTTP_WAIT_NONE);
    if (!c->is_feeding)
        http_conn_soon(c); /* what came behind the upgrade */
    return ws;
}
