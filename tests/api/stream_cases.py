# SPDX-License-Identifier: AGPL-3.0-or-later
"""Events, cancelling, leaving, slow readers, served methods; with engine-echo behind them."""
import http.client
import json

from daemon import Line, call_over
from shared import daemon, model
from suite import contains, equal, test, until
from websocket import WebSocket


def chat(name, text='one two three'):
    return {'model': model(name), 'messages': [{'role': 'user', 'content': text}]}


def slots_busy(name):
    for one in daemon().result('inference.loaded')['models']:
        if one['model'] == model(name):
            return one['slots_busy']
    return 0


def stream(d, params, method='inference.chat'):
    """An open SSE stream over POST /rpc."""
    connection = http.client.HTTPConnection('127.0.0.1', d.port, timeout=60)
    connection.request('POST', '/rpc', json.dumps({'jsonrpc': '2.0', 'id': 'q', 'method': method, 'params': params}),
                       {'content-type': 'application/json', 'accept': 'text/event-stream', **d.bearer})
    return connection, connection.getresponse()


def read_event(response):
    kind = data = None
    while (line := response.readline()):
        line = line.rstrip(b'\n')
        if line.startswith(b'event: '):
            kind = line[7:].decode()
        elif line.startswith(b'data: '):
            data = json.loads(line[6:])
        elif not line and kind:
            return kind, data
    return None, None


@test
def events_come_before_the_answer():
    d = daemon()
    for link in (WebSocket(d.port, d.bearer), Line(d.folder)):
        events, answer = call_over(link, 'inference.chat', chat('words'))
        text = ''.join(event['text'] for event in events if event['kind'] == 'text')
        equal(text.split(), ['one', 'two', 'three'])
        equal(answer['result']['text'].split(), ['one', 'two', 'three'])
        numbers = [event['seq'] for event in events]
        equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        link.close()


@test
def sse_over_post():
    connection, response = stream(daemon(), chat('words'))
    equal((response.status, response.headers['content-type']), (200, 'text/event-stream'))
    seen = []
    while True:
        kind, data = read_event(response)
        if kind is None:
            break
        seen.append((kind, data))
    equal([kind for kind, _ in seen][-1], 'result')
    equal({kind for kind, _ in seen[:-1]}, {'event'})
    equal(seen[-1][1]['id'], 'q')
    texts = [data['params']['text'] for _, data in seen[:-1] if data['params']['kind'] == 'text']
    equal(''.join(texts).split(), ['one', 'two', 'three'])
    connection.close()
    connection, response = stream(daemon(), {'model': 'no such model', 'messages': [{'role': 'user', 'content': 'x'}]})
    kind, data = read_event(response)
    equal(kind, 'error')
    contains(data, 'error')
    connection.close()


@test
def a_plain_post_waits_for_the_answer():
    equal(daemon().call('inference.chat', chat('words')).json['result']['text'].split(), ['one', 'two', 'three'])


@test
def cancel_frees_the_slot():
    d = daemon()
    for link in (WebSocket(d.port, d.bearer), Line(d.folder)):
        link.send({'jsonrpc': '2.0', 'id': 9, 'method': 'inference.chat', 'params': chat('slow')})
        while link.receive()['params']['kind'] != 'text':
            pass
        equal(slots_busy('slow'), 1)
        link.send({'jsonrpc': '2.0', 'method': 'rpc.cancel', 'params': {'id': 9}})
        while (message := link.receive()).get('id') != 9:
            pass
        if 'error' in message:
            equal(message['error']['data']['name'], 'cancelled')
        else:
            equal(message['result']['finish_reason'], 'cancelled')
        until(lambda: slots_busy('slow') == 0, 'the slot is free')
        link.close()


@test
def leaving_frees_the_slot():
    d = daemon()
    connection, response = stream(d, chat('slow'))
    while read_event(response)[1]['params']['kind'] != 'text':
        pass
    equal(slots_busy('slow'), 1)
    response.close()
    connection.close()
    until(lambda: slots_busy('slow') == 0, 'the slot of the closed stream is free')
    link = WebSocket(d.port, d.bearer)
    link.send({'jsonrpc': '2.0', 'id': 1, 'method': 'inference.chat', 'params': chat('slow')})
    while link.receive()['params']['kind'] != 'text':
        pass
    link.close()
    until(lambda: slots_busy('slow') == 0, 'the slot of the closed WebSocket is free')


@test
def topics():
    d = daemon()
    link = WebSocket(d.port, d.bearer)
    link.send({'jsonrpc': '2.0', 'id': 1, 'method': 'events.subscribe', 'params': {'topics': ['threads.*']}})
    call_over(link, 'system.info', number=2)  # in order: the subscription stands
    thread = d.result('threads.create', {'title': 'told of'})
    message = link.receive()
    equal((message['method'], message['params']['kind'], message['params']['data']['topic']), ('rpc.event', 'data', 'threads.changed'))
    equal(message['params']['data']['value']['thread']['id'], thread['id'])
    link.send({'jsonrpc': '2.0', 'method': 'rpc.cancel', 'params': {'id': 1}})
    while (message := link.receive()).get('id') != 1:
        pass
    equal(message['error']['data']['name'], 'cancelled')
    link.close()


@test
def a_turn_outlives_its_connection():
    d = daemon()
    link = WebSocket(d.port, d.bearer)
    link.send({'jsonrpc': '2.0', 'id': 1, 'method': 'chat.send', 'params': {'thread': None, 'text': 'x', 'model': model('slow')}})
    started = link.receive()
    equal(started['params']['kind'], 'started')
    job = started['params']['data']['job']
    link.close()
    equal(d.result('jobs.get', {'id': job})['state'], 'running')
    again = Line(d.folder)
    again.send({'jsonrpc': '2.0', 'id': 2, 'method': 'jobs.attach', 'params': {'id': job, 'after': 0}})
    kinds = [again.receive()['params']['kind'] for _ in range(3)]
    contains(kinds, 'text')
    d.result('jobs.cancel', {'id': job})
    while again.receive().get('id') != 2:
        pass
    again.close()
    until(lambda: slots_busy('slow') == 0, 'the cancelled turn frees its slot')


@test
def one_slow_reader_stops_nobody():
    d = daemon()
    slow = WebSocket(d.port, d.bearer)
    for number in range(40):  # never read: their answers fill the socket and then wait
        slow.send({'jsonrpc': '2.0', 'id': number, 'method': 'system.info', 'params': {}})
        slow.send({'jsonrpc': '2.0', 'id': f'o{number}', 'method': 'plugins.list', 'params': {}})
    quick = WebSocket(d.port, d.bearer)
    for _ in range(20):
        contains(call_over(quick, 'system.info')[1], 'result')
    quick.close()
    equal(sum(1 for _ in range(80) if slow.receive()), 80, 'nothing was lost')
    slow.close()


@test
def a_reader_that_pauses_loses_nothing():
    d = daemon()
    link = WebSocket(d.port, d.bearer)
    word = 'w' * 150000
    for number in range(60):  # 18 MB of events and answers, far over what the socket and the queue take
        link.send({'jsonrpc': '2.0', 'id': number, 'method': 'inference.chat', 'params': chat('words', f'{number} {word}')})
    until(lambda: slots_busy('words') == 0 and 'result' in d.call('system.info').json, 'all have been answered')
    texts, answers = {}, {}
    while len(answers) < 60:
        message = link.receive()
        if message.get('method') == 'rpc.event':
            if message['params']['kind'] == 'text':
                texts[message['params']['id']] = texts.get(message['params']['id'], '') + message['params']['text']
        else:
            answers[message['id']] = message['result']['text']
    for number in range(60):
        equal(answers[number] == texts[number], True, number)
        equal(answers[number].split(), [str(number), word])
    link.close()


@test
def the_page_serves():
    d = daemon()
    page = WebSocket(d.port, d.bearer)
    contains(call_over(page, 'rpc.serve', {'methods': ['ui.confirm']})[1], 'result')
    link = Line(d.folder)
    link.send({'jsonrpc': '2.0', 'id': 4, 'method': 'ui.confirm', 'params': {'text': 'sure?'}})
    asked = page.receive()
    equal((asked['method'], asked['params']), ('ui.confirm', {'text': 'sure?'}))
    page.send({'jsonrpc': '2.0', 'id': asked['id'], 'result': {'yes': True}})
    equal(link.receive()['result'], {'yes': True})
    names = {method['name'] for method in d.request('GET', '/openrpc.json', d.bearer).json['methods']}
    contains(names, 'ui.confirm')
    link.send({'jsonrpc': '2.0', 'id': 5, 'method': 'ui.confirm', 'params': {}})
    page.receive()
    page.close()  # in the middle of a call
    equal(link.receive()['error']['data']['name'], 'unavailable')
    until(lambda: call_over(link, 'ui.confirm', number=6)[1]['error']['data']['name'] == 'unknown_method', 'the method is gone')
    link.close()
