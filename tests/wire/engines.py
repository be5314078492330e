#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Models and their processes: found, loaded, crashed, given up, watched. With engine-echo, over the real daemon."""
import http.client
import json
import os
import pathlib
import signal
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lib.daemon import Daemon  # noqa: E402
from lib.suite import contains, equal, run, test, until  # noqa: E402

daemon = Daemon(models={'echo': {}, 'slow': {'delay_ms': 20, 'slots': 1}, 'fragile': {}, 'late': {'load_ms': 300},
                        'doomed': {'load_fail': 'incompatible'}, 'idler': {}})


def ask(model, text='one two three', **more):
    body = json.dumps({'model': model, 'messages': [{'role': 'user', 'content': text}], **more})
    return daemon.request('POST', '/v1/chat/completions', {'content-type': 'application/json'}, body)


def loaded(model):
    return next((one for one in daemon.result('inference.loaded')['models'] if one['model'] == model), None)


def listed(model):
    return next((one for one in daemon.result('models.list')['models'] if one['id'] == model), None)


class Stream:
    """An answer on its way, read as far as somebody wants."""
    def __init__(self, model, text):
        self.link = http.client.HTTPConnection('127.0.0.1', daemon.port, timeout=60)
        body = json.dumps({'model': model, 'stream': True, 'messages': [{'role': 'user', 'content': text}]})
        self.link.request('POST', '/v1/chat/completions', body, {'content-type': 'application/json'})
        self.answer = self.link.getresponse()

    def events(self):
        for line in self.answer:
            if line.startswith(b'data: {'):
                yield json.loads(line[6:])

    def close(self):
        self.answer.close()
        self.link.close()


def gguf(keys=(), tensors=(), magic=b'GGUF', counts=None):
    def text(value):
        return struct.pack('<Q', len(value)) + value
    data = magic + struct.pack('<IQQ', 3, *(counts or (len(tensors), len(keys))))
    for key, value in keys:
        data += text(key) + struct.pack('<I', 8) + text(value)
    for name, elements, offset in tensors:
        data += text(name) + struct.pack('<IQIQ', 1, elements, 0, offset)
    return data + b'\0' * (-len(data) % 32)


LLAMA = [(b'general.architecture', b'llama'), (b'general.name', b'Little One')]


@test
def an_aborted_stream_frees_its_slot():
    stream = Stream('slow', '@echo {"tokens":100000}\nround')
    events = stream.events()
    next(events), next(events)
    equal(loaded('slow')['slots_busy'], 1)
    stream.close()
    until(lambda: loaded('slow')['slots_busy'] == 0, 'the slot of the aborted stream is free')
    equal(ask('slow').status, 200)


@test
def a_killed_engine_fails_its_answers_and_comes_back():
    stream = Stream('fragile', '@echo {"tokens":100000,"delay_ms":5}\nround')
    events = stream.events()
    next(events), next(events)
    before = loaded('fragile')['pid']
    other = Stream('echo', 'still here')
    os.kill(before, signal.SIGKILL)
    last = list(events)[-1]
    equal(last['error']['code'], 'crashed')
    contains(last['error']['message'], 'fragile')
    contains(''.join(e['choices'][0]['delta'].get('content') or '' for e in other.events()), 'still here')
    equal(ask('fragile').status, 200)
    assert loaded('fragile')['pid'] != before


@test
def three_crashes_are_enough_until_somebody_loads_it():
    for _ in range(2):
        equal(ask('fragile', '@echo {"crash_after":0}\nx').json['error']['code'], 'crashed')
    until(lambda: listed('fragile')['state'] == 'failed', 'it is shown as failed')
    error = ask('fragile').json['error']
    equal(error['code'], 'crashed')
    contains(error['message'], 'by hand')
    equal(daemon.result('inference.load', {'model': 'fragile'})['model'], 'fragile')
    equal(ask('fragile').status, 200)
    equal(listed('fragile')['state'], 'loaded')


@test
def loading_is_shown_and_waited_for():
    equal(listed('late')['state'], 'unloaded')
    body = json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'inference.load', 'params': {'model': 'late'}})
    events = daemon.post(body, {'content-type': 'application/json', 'accept': 'text/event-stream', **daemon.bearer}).body.decode()
    contains(events, '"kind":"progress"')
    contains(events, '"total":10')
    equal(listed('late')['state'], 'loaded')


@test
def a_load_that_fails_says_why():
    answer = ask('doomed')
    equal(answer.status, 422)
    contains(answer.json['error']['message'], 'doomed')
    equal(listed('doomed')['error']['name'], 'incompatible')


@test
def unloading_ends_the_process():
    equal(ask('echo').status, 200)
    pid = loaded('echo')['pid']
    daemon.result('inference.unload', {'model': 'echo'})
    equal(loaded('echo'), None)
    assert not pathlib.Path(f'/proc/{pid}').exists()
    daemon.result('inference.unload', {'model': 'echo'})
    equal(ask('echo').status, 200)


@test
def unloading_ends_answers_under_way():
    stream = Stream('late', '@echo {"tokens":100000,"delay_ms":5}\nround')
    events = stream.events()
    next(events), next(events)
    daemon.result('inference.unload', {'model': 'late'})
    error = list(events)[-1]['error']
    equal(error['code'], 'unavailable')
    contains(error['message'], 'unloaded')


@test
def an_idle_model_is_unloaded():
    daemon.result('settings.set', {'key': 'inference.idle_unload_ms', 'value': 50})
    try:
        equal(ask('idler').status, 200)
        until(lambda: loaded('idler') is None, 'the idle model is unloaded')
    finally:
        daemon.result('settings.set', {'key': 'inference.idle_unload_ms', 'value': 900000})


@test
def other_settings_mean_another_process():
    first = daemon.result('inference.load', {'model': 'idler', 'settings': {'context': 8}})
    equal(first['context'], 8)
    equal(ask('idler', '1 2 3 4 5 6 7 8 9').json['error'].get('n_ctx'), 8)
    equal(daemon.result('inference.load', {'model': 'idler', 'settings': {'context': 64}})['context'], 64)


@test
def the_url_for_clients():
    equal(daemon.result('INFERENCE_URL')['url'], f'{daemon.url}/v1/chat/completions')


@test
def files_are_used_in_place():
    elsewhere = daemon.folder / 'elsewhere'
    elsewhere.mkdir()
    path = elsewhere / 'Mine Q4.gguf'
    path.write_bytes(gguf(LLAMA, [(b't', 4, 0)]) + b'\0' * 16)
    model = daemon.result('models.add', {'path': str(path)})
    equal((model['id'], model['title'], model['source'], model['parameters']), ('Mine Q4', 'Little One', 'path', 4))
    equal(daemon.result('models.add', {'path': str(path)})['id'], model['id'], 'adding it again')
    assert not list((daemon.folder / 'models').glob('*.gguf'))
    equal(json.loads((daemon.folder / 'local/paths.json').read_text())['models'], [{'id': 'Mine Q4', 'path': str(path)}])
    daemon.result('models.remove', {'id': model['id']})
    equal(listed(model['id']), None)
    assert path.exists()


@test
def damaged_files_are_refused_with_their_reason():
    whole = gguf(LLAMA, [(b't', 1 << 20, 0)])
    cases = {'short': (whole, 'end'), 'noise': (os.urandom(4096), 'no GGUF'), 'empty': (b'', 'ends'),
             'absurd': (gguf(counts=(0, 1 << 60)), 'keys'), 'cut': (whole[:40], 'ends')}
    for name, (data, word) in cases.items():
        path = daemon.folder / f'{name}.gguf'
        path.write_bytes(data)
        answer = daemon.call('models.add', {'path': str(path)})
        contains(answer.json['error']['message'], word)
        contains(answer.json['error']['message'], str(path))
    for path in ('relative.gguf', '/nowhere/at/all.gguf', str(daemon.folder), '/etc/passwd', '/dev/zero.gguf'):
        assert answer.json['error']['message'], daemon.call('models.add', {'path': path}).json['error']


@test
def folders_give_names_and_parts_are_one_model():
    models = daemon.folder / 'models'
    (models / 'ann' / 'tiny').mkdir(parents=True)
    (models / 'ann' / 'tiny' / 'x.gguf').write_bytes(gguf(LLAMA))
    (models / 'ann' / 'tiny' / 'model.json').write_text('{"title":"Ann\'s","description":"hers"}')
    (models / 'pair').mkdir()
    (models / 'pair' / 'a.gguf').write_bytes(gguf(LLAMA))
    (models / 'pair' / 'b-00002-of-00002.gguf').write_bytes(gguf(LLAMA))
    (models / 'broken.gguf').write_bytes(b'GGUF')
    (models / 'eyes.gguf').write_bytes(gguf([(b'general.architecture', b'clip')]))
    (models / 'link.gguf').symlink_to('/etc/passwd')
    found = daemon.result('models.scan')
    assert found['added'] >= 4, found
    equal((listed('ann/tiny')['title'], listed('ann/tiny')['description']), ("Ann's", 'hers'))
    equal(listed('pair/a')['state'], 'unloaded')
    contains(listed('pair/b')['error']['message'], 'part 1 is not')
    equal(listed('broken')['state'], 'failed')
    contains(listed('broken')['error']['message'], 'broken.gguf')
    equal(listed('eyes'), None)
    equal(ask('broken').status, 422)
    contains(daemon.call('models.remove', {'id': 'ann/tiny'}).json['error']['message'], 'data folder')
    answer = daemon.request('GET', '/v1/models/ann%2Ftiny')
    equal((answer.status, answer.json['id']), (200, 'ann/tiny'))
    equal(daemon.request('GET', '/v1/models/ann/tiny').json['id'], 'ann/tiny')
    assert 'broken' not in [one['id'] for one in daemon.request('GET', '/v1/models').json['data']]


@test
def without_a_credential_there_are_no_paths():
    models = daemon.call('models.list', headers={}).json['result']['models']
    assert models and all(one['path'] is None and 'files' not in one for one in models)
    assert str(daemon.folder) not in json.dumps(models)


@test
def the_monitor_knows_each_process():
    equal(ask('echo').status, 200)
    found = daemon.result('GET_RESOURCES_INFORMATION')
    child = next(one for one in found['children'] if one['pid'] == loaded('echo')['pid'])
    equal((child['plugin'], child['model']), ('engine-echo', 'echo'))
    assert 0 < child['memory_bytes'] < found['memory']['total_bytes']
    assert 0 < found['memory']['used_bytes'] <= found['memory']['total_bytes']
    assert found['hearth']['memory_bytes'] > 0
    load = daemon.result('monitor.load.get')
    assert load['cores'] >= 1 and load['load1'] >= 0
    assert daemon.result('monitor.history.get')['samples']


def main():
    with daemon:
        return run()


sys.exit(main())
