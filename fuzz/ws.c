/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* WebSocket frames: any bytes behind a good upgrade, in any pieces. What is handed up must be UTF-8 and within the cap. */
#include "http_rig.h"

enum { MAX_MESSAGE = 5000 };

static void on_message(void *arg, http_ws *ws, hearth_str text)
{
    (void)arg;
    if (text.n > MAX_MESSAGE || !hearth_utf8_valid(text))
        abort();
    if (hearth_str_is(text, "x"))
        http_ws_close(ws, 1000, "bye");
    else
        http_ws_send(ws, text);
}

static void on_close(void *arg, http_ws *ws)
{
    (void)ws;
    ++*(unsigned *)arg;
}

static void on_request(void *arg, http_req *req, const http_request *r)
{
    static const http_ws_handlers ws = { on_message, on_close };
    (void)r;
    http_accept_ws(req, &ws, MAX_MESSAGE, arg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char          upgrade[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    static const http_handlers handlers = { on_request, NULL };
    static unsigned            closed;
    static loop               *l;
    static http_server        *s;
    if (!l) {
        l = loop_new(NULL);
        s = http_server_new(l, &handlers, NULL, &closed);
    }
    unsigned before = closed;
    rig_run(l, s, upgrade, data, size);
    if (size > 0 && closed != before + 1)
        abort(); /* told its end, once */
    return 0;
}
