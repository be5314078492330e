# SPDX-License-Identifier: AGPL-3.0-or-later
"""JSON-RPC 2.0 as a peer may send it, well and badly, on each carrier."""
import json
import socket

from daemon import Line, call_over
from shared import daemon
from suite import contains, equal, test
from websocket import BINARY, TEXT, WebSocket


def ask(number, method='system.info', **more):
    return {'jsonrpc': '2.0', 'id': number, 'method': method, **more}


# What is sent, the name of the error, the HTTP status.
BAD = [
    ('', 'parse', 400),
    ('{', 'parse', 400),
    ('{"jsonrpc":"2.0","id":1,"method":"system.info"', 'parse', 400),
    ("{'jsonrpc':'2.0'}", 'parse', 400),
    (b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}', 'parse', 400),
    (b'"\xed\xa0\x80"', 'parse', 400),
    ('null', 'invalid_request', 400),
    ('7', 'invalid_request', 400),
    ('{}', 'invalid_request', 400),
    ('{"jsonrpc":"1.0","id":1,"method":"system.info"}', 'invalid_request', 400),
    ('{"jsonrpc":"2.0","id":1}', 'invalid_request', 400),
    ('{"jsonrpc":"2.0","id":1,"method":5}', 'invalid_request', 400),
    ('{"jsonrpc":"2.0","id":1,"method":""}', 'invalid_request', 400),
    ('{"jsonrpc":"2.0","id":1,"method":"%s"}' % ('x' * 129), 'invalid_request', 400),
    ('{"jsonrpc":"2.0","id":1.5,"method":"system.info"}', 'invalid_request', 400),
    ('{"jsonrpc":"2.0","id":[],"method":"system.info"}', 'invalid_request', 400),
    ('{"jsonrpc":"2.0","id":"%s","method":"system.info"}' % ('x' * 129), 'invalid_request', 400),
    ('{"jsonrpc":"2.0","id":1,"method":"system.info","params":[]}', 'invalid_request', 400),
    ('{"jsonrpc":"2.0","id":1,"method":"system.info","params":"x"}', 'invalid_request', 400),
    ('{"jsonrpc":"2.0","id":1,"method":"no.such.method"}', 'unknown_method', 404),
    ('{"jsonrpc":"2.0","id":1,"method":"system.info","params":{"more":1}}', 'invalid_argument', 400),
    ('{"jsonrpc":"2.0","id":1,"method":"threads.get","params":{"id":7}}', 'invalid_argument', 400),
    ('{"jsonrpc":"2.0","id":1,"method":"rpc.serve","params":{"methods":["ui.x"]}}', 'unsupported', 501),
]
DEEP = ['[' * 100000, '{"a":' * 5000 + '1' + '}' * 5000, json.dumps(ask(1)).replace('"system.info"', '"system.info","params":' + '{"a":' * 500 + '1' + '}' * 500)]


@test
def bad_messages_by_post():
    d = daemon()
    for text, name, status in BAD:
        if text == '':
            continue  # without a body there is no content type to ask for: see empty_body
        answer = d.post(text)
        equal((answer.error, answer.status), (name, status), repr(text[:80]))
        equal(answer.json['jsonrpc'], '2.0')
        contains(answer.json, 'id')
        equal(bool(answer.json['error']['message']), True)


@test
def empty_body():
    equal(daemon().request('POST', '/rpc').error, 'parse')


@test
def bad_messages_keep_the_connection():
    d = daemon()
    for link in (WebSocket(d.port, d.bearer), Line(d.folder)):
        for text, name, _ in BAD:
            data = text if isinstance(text, bytes) else text.encode()
            if not data or name == 'unsupported' or b'\xff' in data or b'\xed' in data:
                continue
            link.send(data)
            equal(link.receive()['error']['data']['name'], name, repr(text[:80]))
        equal('result' in call_over(link, 'system.info')[1], True)
        link.close()


@test
def deep_nesting():
    d = daemon()
    for text in DEEP:
        answer = d.post(text)
        contains(('parse', 'too_large', 'invalid_argument'), answer.error, text[:40])
        contains(range(400, 500), answer.status)
    link = Line(d.folder)
    for text in DEEP:
        link.send(text.encode())
        contains(link.receive(), 'error')
    link.close()


@test
def many_values():
    answer = daemon().post('[' + '[],' * 5000000 + '[]]')
    contains(range(400, 500), answer.status)
    equal(daemon().is_alive(), True)


@test
def oversized_bodies():
    d = daemon()
    head = f'POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {40 << 20}\r\n\r\n'
    contains(d.raw(head.encode()).split(b'\r\n')[0], b' 413 ')
    with socket.create_connection(('127.0.0.1', d.port), timeout=60) as link:
        link.sendall(b'POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
        piece = b'10000\r\n' + b' ' * 65536 + b'\r\n'
        try:
            for _ in range(600):
                link.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            contains(link.recv(4096), b' 413 ')
        except ConnectionResetError:
            pass  # the answer was lost behind what we still sent
    equal(d.is_alive(), True)


@test
def ids_come_back_as_they_were():
    d = daemon()
    for number in (0, -5, 2**53, 2**64 - 1, 'a', '', 'ü\n"\\', None):
        equal(d.post(ask(number)).json['id'], number)


@test
def large_arguments_work():
    answer = daemon().call('threads.search', {'query': 'x' * (200 << 10)})
    contains((200, 400), answer.status)  # read on a worker; whether the method takes it is its own matter
    equal(answer.json['id'], 1)


@test
def batches():
    d = daemon()
    answer = d.post([ask(1), ask('b', 'no.such'), {'jsonrpc': '2.0', 'method': 'system.info'}, 5, ask(3)])
    equal(answer.status, 200)
    by_id = {str(one['id']): one for one in answer.json}
    equal(len(answer.json), 4, 'a notification has no answer')
    contains(by_id['1'], 'result')
    contains(by_id['3'], 'result')
    equal(by_id['b']['error']['data']['name'], 'unknown_method')
    equal(by_id['None']['error']['data']['name'], 'invalid_request')
    equal(d.post('[]').error, 'invalid_request')
    equal(d.post([ask(n) for n in range(65)]).error, 'too_large')
    equal(d.post([{'jsonrpc': '2.0', 'method': 'system.info'}]).status, 204)
    equal(d.post({'jsonrpc': '2.0', 'method': 'system.info'}).status, 204)
    equal(len(d.post([ask(n) for n in range(64)]).json), 64)


@test
def batches_are_for_post():
    d = daemon()
    ws = WebSocket(d.port, d.bearer)
    ws.send([ask(1)])
    equal(ws.receive()['error']['data']['name'], 'invalid_request')
    ws.close()


@test
def websocket_misuse():
    d = daemon()
    cases = [
        (lambda ws: ws.frame(BINARY, b'{}'), 1003),
        (lambda ws: ws.frame(TEXT, b'\xff\xfe'), 1007),
        (lambda ws: ws.frame(TEXT, b'{}', masked=False), 1002),
        (lambda ws: ws.frame(3, b''), 1002),
        (lambda ws: ws.socket.sendall(b'\x81\xff' + (1 << 40).to_bytes(8, 'big') + b'mask?'), 1009),
    ]
    for misuse, code in cases:
        ws = WebSocket(d.port, d.bearer)
        misuse(ws)
        equal(ws.receive(), None)
        equal(ws.close_code, code)
        ws.close()
    ws = WebSocket(d.port, d.bearer)
    text = json.dumps(ask(1)).encode()
    ws.frame(TEXT, text[:10], final=False)
    ws.frame(9, b'ping')
    ws.frame(0, text[10:])
    equal(ws.receive_frame(), (10, b'ping'))
    contains(ws.receive(), 'result')
    ws.close()
    equal(d.is_alive(), True)


@test
def overlong_line():
    d = daemon()
    link = Line(d.folder)
    try:
        for _ in range(40):
            link.socket.sendall(b' ' * (1 << 20))
        link.socket.sendall(b'\n')
    except (BrokenPipeError, ConnectionResetError):
        pass
    try:
        found = link.receive()
    except ConnectionResetError:
        found = None
    equal(found is None or found['error']['data']['name'] == 'too_large', True)
    link.close()
    equal(d.is_alive(), True)


@test
def half_sent_requests():
    d = daemon()
    for data in (b'', b'G', b'POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\nContent-Type: application/json\r\n\r\n{"jsonrpc"'):
        with socket.create_connection(('127.0.0.1', d.port)) as link:
            link.sendall(data)
    link = Line(d.folder)
    link.socket.sendall(b'{"jsonrpc":"2.0",')
    link.close()
    equal(d.is_alive(), True)


@test
def descriptions_are_live_and_whole():
    d = daemon()
    rpc = d.request('GET', '/openrpc.json', d.bearer).json
    names = {method['name'] for method in rpc['methods']}
    equal(set(d.result('system.info')['methods']) - names, set(), 'system.info names what openrpc.json lacks')
    schemas = rpc['components']['schemas']

    def check(value):
        if isinstance(value, dict):
            ref = value.get('$ref')
            if isinstance(ref, str):
                contains(schemas, ref.removeprefix('#/components/schemas/'))
            for one in value.values():
                check(one)
        elif isinstance(value, list):
            for one in value:
                check(one)
    check(rpc)
    api = d.request('GET', '/openapi.json', d.bearer).json
    equal(api['openapi'][:3], '3.1')
    contains(api['paths'], '/rpc')
