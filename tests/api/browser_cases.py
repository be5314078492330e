# SPDX-License-Identifier: AGPL-3.0-or-later
"""What pages of others can make a browser send: DNS rebinding, cross-site requests, foreign WebSockets; and the page's own
headers."""
import json

from daemon import Daemon
from shared import daemon
from suite import contains, equal, test
from websocket import Refused, WebSocket

CALL = json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'system.info'})
JSON = {'content-type': 'application/json'}
PATHS = ['/', '/livez', '/readyz', '/rpc', '/openrpc.json', '/openapi.json', '/v1/models', '/health', '/nothing']


@test
def rebound_names_are_refused_everywhere():
    d = daemon()
    for host in ('evil.example', f'evil.example:{d.port}', 'localhost.evil.example', '127.0.0.1.evil.example', '', '0.0.0.0', 'localhost@evil'):
        for path in PATHS:
            answer = d.request('GET', path, d.bearer, host=host)
            contains((400, 403), answer.status, f'{host} {path}')
        contains((400, 403), d.post(CALL, host=host).status, host)


@test
def our_names_work():
    d = daemon()
    for host in ('localhost', 'LOCALHOST:1', f'127.0.0.1:{d.port}', '[::1]:5', '127.9.9.9'):
        equal(d.request('GET', '/livez', host=host).status, 200, host)


@test
def foreign_origins_are_refused_everywhere():
    d = daemon()
    for origin in ('https://evil.example', 'null', f'http://localhost:{d.port}', f'http://127.0.0.1:{d.port + 1}', 'file://', 'http://127.0.0.1'):
        for path in PATHS:
            answer = d.request('GET', path, {**d.bearer, 'origin': origin})
            equal(answer.status, 403, f'{origin} {path}')
            equal(answer.headers.get('access-control-allow-origin'), None)
        equal(d.post(CALL, {**d.bearer, 'origin': origin}).status, 403, origin)
        try:
            WebSocket(d.port, {**d.bearer, 'origin': origin})
        except Refused as refused:
            equal(refused.status, 403, origin)
        else:
            raise AssertionError(f'a WebSocket from {origin} was accepted')


@test
def our_origin_works():
    d = daemon()
    headers = {**d.bearer, 'origin': f'http://127.0.0.1:{d.port}', 'sec-fetch-site': 'same-origin'}
    equal(d.post(CALL, headers).status, 200)
    WebSocket(d.port, headers).close()


@test
def cross_site_requests_without_origin():
    d = daemon()
    image = {'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image'}
    for site in ('cross-site', 'same-site'):
        for path in ('/v1/models', '/openrpc.json', '/'):
            equal(d.request('GET', path, {**image, 'sec-fetch-site': site}).status, 403, f'{site} {path}')
    link = {'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'accept': 'text/html'}
    equal(d.request('GET', '/', link).status, 200, 'a link to the page')
    equal(d.request('GET', '/v1/models', link).status, 403, 'a link to data')
    equal(d.request('GET', '/openrpc.json', link).status, 403, 'a link to data')
    equal(d.request('GET', '/', {**link, 'sec-fetch-dest': 'iframe'}).status, 403, 'a frame')


@test
def bodies_must_be_json():
    d = daemon()
    for kind in ('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain; charset=application/json', ''):
        answer = d.request('POST', '/rpc', {'content-type': kind} if kind else {}, CALL)
        equal((answer.status, answer.json['error']['code']), (415, 'invalid_request'), kind)
        contains(answer.json['error']['message'], 'application/json')
    for kind in ('application/json', 'Application/JSON; charset=utf-8'):
        equal(d.request('POST', '/rpc', {'content-type': kind}, CALL).status, 200, kind)


@test
def preflights():
    d = daemon()
    ask = {'origin': 'https://evil.example', 'access-control-request-method': 'POST'}
    equal(d.request('OPTIONS', '/rpc', ask).status, 403)
    with Daemon('--allow-origin', 'https://app.example') as other:
        ask['origin'] = 'https://app.example'
        answer = other.request('OPTIONS', '/rpc', {**ask, 'access-control-request-private-network': 'true'})
        equal((answer.status, answer.headers['access-control-allow-origin']), (204, 'https://app.example'))
        contains(answer.headers['access-control-allow-headers'], 'authorization')
        equal(answer.headers['access-control-allow-private-network'], 'true')
        equal(answer.headers.get('access-control-allow-credentials'), None)
        called = other.post(CALL, {**other.bearer, 'origin': 'https://app.example'})
        equal((called.status, called.headers['access-control-allow-origin'], called.headers['vary']), (200, 'https://app.example', 'origin'))
        equal(other.post(CALL, {'origin': 'https://other.example'}).status, 403)


@test
def page_headers():
    answer = daemon().request('GET', '/', {'accept': 'text/html'})
    equal(answer.status, 200)
    policy = answer.headers['content-security-policy']
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
        contains(policy, part)
    equal('unsafe' in policy, False)
    equal(answer.headers['x-content-type-options'], 'nosniff')
    equal(answer.headers['referrer-policy'], 'no-referrer')
    equal(answer.headers['cross-origin-opener-policy'], 'same-origin')


@test
def page_answers_its_own_addresses():
    d = daemon()
    html = {'accept': 'text/html,*/*;q=0.8'}
    body = d.request('GET', '/', html).body
    for path in ('/t/01ABC', '/models', '/settings'):
        answer = d.request('GET', path, html)
        equal((answer.status, answer.body), (200, body), path)
    for path in ('/v1/nothing', '/assets/none.js', '/t/x.png', '/api/x'):
        answer = d.request('GET', path, html)
        equal((answer.status, answer.json['error']['code']), (404, 'not_found'), path)
    equal(d.request('GET', '/t/01ABC').status, 404, 'a program is told the truth')
    tag = d.request('GET', '/', html).headers['etag']
    unchanged = d.request('GET', '/', {**html, 'if-none-match': tag})
    equal((unchanged.status, unchanged.body), (304, b''))
    head = d.request('HEAD', '/', html)
    equal((head.status, head.body), (200, b''))


@test
def every_answer_has_an_id():
    d = daemon()
    seen = {d.request('GET', path).headers['x-request-id'] for path in PATHS}
    equal((len(seen), None in seen), (len(PATHS), False))


@test
def methods_of_paths():
    d = daemon()
    for method, path in (('DELETE', '/livez'), ('GET', '/rpc'), ('POST', '/openrpc.json'), ('PUT', '/v1/models')):
        answer = d.request(method, path)
        contains((404, 405), answer.status, f'{method} {path}')
        contains(answer.json, 'error')
