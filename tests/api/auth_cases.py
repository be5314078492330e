# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every form of credential × methods of each kind × the carriers: one principal, whatever the form."""
import os
import shutil
import stat
import subprocess

from daemon import BIN, Daemon, Line, call_over, make_folder
from shared import daemon
from suite import contains, equal, test
from websocket import Refused, WebSocket

PUBLIC, LOCAL, OWNER = 'system.info', 'models.list', 'threads.list'
OWNER_ONLY = [OWNER, 'plugins.list', 'settings.list', 'jobs.list', 'system.doctor', 'sessions.key.create']


def good_forms(d):
    return {'bearer': d.bearer, 'lower-case scheme': {'authorization': f'bearer {d.token}'}, 'x-api-key': {'x-api-key': d.token},
            'cookie': {'cookie': d.cookie()}, 'cookie among others': {'cookie': f'a=b; {d.cookie()}; c=d'}}


def bad_forms(d):
    return {'bearer': {'authorization': 'Bearer hearth_nonsense'}, 'one character off': {'authorization': f'Bearer {d.token[:-1]}_'},
            'no scheme': {'authorization': d.token}, 'basic': {'authorization': 'Basic dXNlcjpwYXNz'}, 'empty': {'authorization': ''},
            'x-api-key': {'x-api-key': 'hearth_something'}, 'cookie': {'cookie': 'hearth_session=nonsense'},
            'token as cookie': {'cookie': f'hearth_session={d.token}'}, 'longer': {'authorization': f'Bearer {d.token}x'}}


@test
def owner_by_every_form():
    d = daemon()
    for form, headers in good_forms(d).items():
        for method in [PUBLIC, LOCAL, *OWNER_ONLY]:
            answer = d.call(method, headers=headers)
            equal((answer.status, 'result' in answer.json), (200, True), f'{form} {method} {answer.body[:200]}')


@test
def local_without_one():
    d = daemon()
    for method in (PUBLIC, LOCAL):
        equal(d.call(method, headers={}).status, 200, method)
    for method in OWNER_ONLY:
        answer = d.call(method, headers={})
        contains(('denied', 'unauthenticated'), answer.error, method)
        contains((401, 403), answer.status, method)


@test
def made_up_keys_are_none():
    """Clients of other servers insist on a key; what is none of ours proves nothing and takes nothing away."""
    d = daemon()
    for headers in ({'authorization': 'Bearer none'}, {'authorization': 'Bearer sk-0123'}, {'x-api-key': 'ollama'}):
        equal(d.call(LOCAL, headers=headers).status, 200, f'{headers}')
        equal(d.call(OWNER, headers=headers).status, 401, f'{headers}')


@test
def wrong_is_never_local():
    d = daemon()
    for form, headers in bad_forms(d).items():
        for method in (PUBLIC, LOCAL, OWNER):
            answer = d.call(method, headers=headers)
            equal((answer.status, answer.error), (401, 'unauthenticated'), f'{form} {method}')
            equal(answer.headers['www-authenticate'], 'Bearer')
        for path in ('/openrpc.json', '/v1/models'):
            equal(d.request('GET', path, headers).status, 401, f'{form} {path}')


@test
def two_credentials_are_ambiguous():
    d = daemon()
    head = f'GET /openrpc.json HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {d.token}\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n'
    contains(d.raw(head.encode()).split(b'\r\n')[0], b' 400 ')


@test
def websocket_by_every_form():
    d = daemon()
    for form, headers in good_forms(d).items():
        ws = WebSocket(d.port, headers)
        equal('result' in call_over(ws, OWNER)[1], True, form)
        ws.close()
    for form, headers in bad_forms(d).items():
        try:
            WebSocket(d.port, headers)
        except Refused as refused:
            equal(refused.status, 401, form)
        else:
            raise AssertionError(f'{form} was accepted')


@test
def websocket_without_one():
    ws = WebSocket(daemon().port)
    equal('result' in call_over(ws, LOCAL)[1], True)
    contains(('denied', 'unauthenticated'), call_over(ws, OWNER)[1]['error']['data']['name'])
    ws.close()


@test
def unix_socket_is_the_owner():
    d = daemon()
    link = Line(d.folder)
    equal('result' in call_over(link, OWNER)[1], True)
    link.close()
    equal(stat.S_IMODE(os.stat(d.folder / 'local/rpc.sock').st_mode), 0o600)
    equal(stat.S_IMODE(os.stat(d.folder / 'local/token').st_mode), 0o600)


@test
def key_signs_in_once():
    d = daemon()
    url = d.result('sessions.key.create')['url']
    contains(url, f'http://127.0.0.1:{d.port}/?key=')
    path = url.split(str(d.port), 1)[1]
    equal(d.request('HEAD', path).headers.get('set-cookie'), None, 'a preview must not use the key up')
    first = d.request('GET', path)
    equal((first.status, first.headers['location']), (303, '/'))
    for part in ('HttpOnly', 'SameSite=Strict', 'Path=/', 'Max-Age='):
        contains(first.headers['set-cookie'], part)
    second = d.request('GET', path)
    equal((second.status, second.headers.get('set-cookie')), (303, None))
    equal(d.request('GET', '/?key=').headers.get('set-cookie'), None)
    equal(d.request('GET', '//evil.example/?key=x').headers.get('location') in (None, '/'), True, 'never to another host')


@test
def ended_cookie_is_taken_back_by_the_page():
    answer = daemon().request('GET', '/', {'cookie': 'hearth_session=old'})
    equal(answer.status, 200)
    contains(answer.headers['set-cookie'], 'Max-Age=0')


@test
def session_survives_a_restart():
    with Daemon() as d:
        headers, token = {'cookie': d.cookie()}, d.token
        d.end()
        again = Daemon(folder=d.folder)
        try:
            equal(again.call(OWNER, headers=headers).status, 200)
            equal(again.token, token)
        finally:
            again.end()


@test
def beyond_loopback_needs_the_flag():
    folder = make_folder()
    done = subprocess.run([BIN, 'serve', '--data', folder, '--listen', '0.0.0.0:0'], capture_output=True, text=True, timeout=60)
    shutil.rmtree(folder)
    equal(done.returncode, 1)
    contains(done.stderr, '--allow-remote')


@test
def beyond_loopback_nobody_is_local():
    with Daemon('--allow-remote', listen='0.0.0.0:0') as d:
        equal(d.call(PUBLIC, headers={}).status, 401)
        equal(d.call(PUBLIC).status, 200)
        equal(d.request('GET', '/livez').status, 200)
        equal(d.call(PUBLIC, headers={**d.bearer, 'host': 'rebound.example'}).status in (400, 403), True)
