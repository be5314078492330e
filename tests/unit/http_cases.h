/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_cases: what clients send, and what they must get. A good request is appended to each; "closes" cases must not
 * answer it. */
#ifndef HEARTH_HTTP_CASES_H
#define HEARTH_HTTP_CASES_H

#define H        "Host: x\r\n"
#define LAST     "GET /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\n"
#define BYTES(s) s, sizeof(s) - 1

typedef struct http_case {
    const char *name, *bytes;
    size_t      n;
    const char *statuses; /* of all answers, the last good request included unless it is not answered */
    const char *body;     /* part of the last body, or NULL */
} http_case;

static const http_case http_cases[] = {
    /* good */
    { "plain", BYTES("GET /hello HTTP/1.1\r\n" H "\r\n"), "200 200", "hello" },
    { "echo", BYTES("GET /echo?a=%20 HTTP/1.1\r\n" H "Connection: close\r\n\r\n"), "200", "GET /echo?a=%20 127.0.0.1:" },
    { "empty lines before", BYTES("\r\n\r\nGET /hello HTTP/1.1\r\n" H "\r\n"), "200 200", "hello" },
    { "pipelined", BYTES("GET /hello HTTP/1.1\r\n" H "\r\nGET /later HTTP/1.1\r\n" H "\r\nGET /stream HTTP/1.1\r\n" H "\r\n"),
      "200 200 200 200", "hello" },
    { "pipelined later, twice", BYTES("POST /later HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nabGET /later HTTP/1.1\r\n" H "\r\n"),
      "200 200 200", "hello" },
    { "body", BYTES("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nConnection: close\r\n\r\nabcde"), "200", "abcde" },
    { "chunked", BYTES("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                       "3\r\nabc\r\n2;name=value\r\nde\r\n0\r\nTrailer: x\r\n\r\n"), "200", "abcde" },
    { "chunked, upper case", BYTES("POST /echo HTTP/1.1\r\n" H "TRANSFER-ENCODING: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n"), "200 200", NULL },
    { "percent", BYTES("GET /a%2Fb%20%C3%A4 HTTP/1.1\r\n" H "Connection: close\r\n\r\n"), "200", "GET /a/b \303\244?" },
    { "absolute form", BYTES("GET http://x/hello HTTP/1.1\r\n" H "\r\n"), "200 200", "hello" },
    { "HTTP/1.0", BYTES("GET /hello HTTP/1.0\r\n\r\n"), "200", "hello" },
    { "HTTP/1.0 keep-alive", BYTES("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "200 200", "hello" },
    { "HTTP/1.0 stream", BYTES("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "200", NULL },
    { "close", BYTES("GET /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\n"), "200", "hello" },
    { "unknown upgrade", BYTES("GET /hello HTTP/1.1\r\n" H "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n"), "200 200", "hello" },
    { "expect", BYTES("POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok"), "100 200 200", "hello" },
    { "OPTIONS", BYTES("OPTIONS /echo HTTP/1.1\r\n" H "\r\n"), "200 200", "hello" },
    { "delete with body", BYTES("DELETE /echo HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx"), "200 200", "hello" },
    { "no websocket there", BYTES("GET /ws HTTP/1.1\r\n" H "\r\n"), "426 200", "hello" },
    { "websocket of version 8", BYTES("GET /ws HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 8\r\n"
                                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"), "426 200", "hello" },
    { "websocket with a short key", BYTES("GET /ws HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                          "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n"), "426 200", "hello" },
    /* two readings of the same bytes */
    { "TE and CL", BYTES("POST /echo HTTP/1.1\r\n" H "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400", NULL },
    { "CL and TE", BYTES("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"), "400", NULL },
    { "two lengths", BYTES("POST /echo HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "400", NULL },
    { "the same length twice", BYTES("POST /echo HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\na"), "400", NULL },
    { "negative length", BYTES("POST /echo HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"), "400", NULL },
    { "length with a plus", BYTES("POST /echo HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\na"), "400", NULL },
    { "length list", BYTES("POST /echo HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\na"), "400", NULL },
    { "length overflow", BYTES("POST /echo HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\na"), "400", NULL },
    { "two codings", BYTES("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "501", NULL },
    { "coding twice", BYTES("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400", NULL },
    { "unknown coding", BYTES("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), "501", NULL },
    { "coding in HTTP/1.0", BYTES("POST /echo HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400", NULL },
    { "folded header", BYTES("GET /hello HTTP/1.1\r\n" H "X-A: b\r\n c\r\n\r\n"), "400", NULL },
    { "folded with a tab", BYTES("GET /hello HTTP/1.1\r\n" H "X-A: b\r\n\tContent-Length: 44\r\n\r\n"), "400", NULL },
    { "fold in the first header", BYTES("GET /hello HTTP/1.1\r\n Host: x\r\n\r\n"), "400", NULL },
    { "space before the colon", BYTES("GET /hello HTTP/1.1\r\n" H "Content-Length : 0\r\n\r\n"), "400", NULL },
    { "bare newlines", BYTES("GET /hello HTTP/1.1\nHost: x\n\n"), "400", NULL },
    { "bare CR in a value", BYTES("GET /hello HTTP/1.1\r\n" H "X-A: b\rX-B: c\r\n\r\n"), "400", NULL },
    { "NUL in a value", BYTES("GET /hello HTTP/1.1\r\n" H "X-A: b\0c\r\n\r\n"), "400", NULL },
    { "no name", BYTES("GET /hello HTTP/1.1\r\n" H ": b\r\n\r\n"), "400", NULL },
    { "no colon", BYTES("GET /hello HTTP/1.1\r\n" H "nonsense\r\n\r\n"), "400", NULL },
    { "no Host", BYTES("GET /hello HTTP/1.1\r\n\r\n"), "400", NULL },
    { "two Hosts", BYTES("GET /hello HTTP/1.1\r\n" H H "\r\n"), "400", NULL },
    { "chunk size with junk", BYTES("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3x\r\nabc\r\n0\r\n\r\n"), "400", NULL },
    { "chunk size overflow", BYTES("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n"), "400", NULL },
    { "chunk longer than said", BYTES("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"), "400", NULL },
    /* targets */
    { "parent part", BYTES("GET /a/../hello HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "encoded parent part", BYTES("GET /a/%2e%2E/hello HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "encoded slash and parent", BYTES("GET /a%2f..%2fhello HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "dot part", BYTES("GET /./hello HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "NUL in the path", BYTES("GET /a%00b HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "control in the path", BYTES("GET /a%0ab HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "half a percent", BYTES("GET /a%2 HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "percent without hex", BYTES("GET /a%zz HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "bad UTF-8, encoded", BYTES("GET /%ff%fe HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "bad UTF-8, raw", BYTES("GET /\xff\xfe HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "surrogate", BYTES("GET /%ed%a0%80 HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "asterisk", BYTES("OPTIONS * HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "relative", BYTES("GET hello HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "fragment", BYTES("GET /hello#x HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "another authority", BYTES("GET http://evil/hello HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "CONNECT", BYTES("CONNECT x:443 HTTP/1.1\r\n" H "\r\n"), "501", NULL },
    /* not HTTP */
    { "TLS hello", BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "400", NULL },
    { "HTTP/2 preface", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "400", NULL },
    { "HTTP/3.7", BYTES("GET /hello HTTP/3.7\r\n" H "\r\n"), "400", NULL },
    { "HTTP/0.9", BYTES("GET /hello\r\n\r\n"), "505", NULL },
    { "lower-case method", BYTES("get /hello HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "unknown method", BYTES("BREW /hello HTTP/1.1\r\n" H "\r\n"), "400", NULL },
    { "noise", BYTES("\0\1\2\3\4\5"), "400", NULL },
    { "unknown expectation", BYTES("POST /echo HTTP/1.1\r\n" H "Expect: miracles\r\nContent-Length: 2\r\n\r\nok"), "417", NULL },
    /* too much */
    { "length over the limit", BYTES("POST /echo HTTP/1.1\r\n" H "Content-Length: 100001\r\n\r\nabc"), "413", "over the limit" },
    { "length over the limit, expected", BYTES("POST /echo HTTP/1.1\r\n" H "Content-Length: 100001\r\nExpect: 100-continue\r\n\r\n"), "413", NULL },
};

#endif
