# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the methods answer is what /openrpc.json says: the clients and the page are generated from it."""
import pathlib
import sys

from shared import daemon, model
from suite import equal, test

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / 'tools'))

import json_schema  # noqa: E402

_spec = None


def spec():
    global _spec
    if _spec is None:
        _spec = daemon().request('GET', '/openrpc.json').json
    return _spec


def unnamed(schema, value, at=''):
    """Members that a schema with `properties` does not name; they would be missing from every generated client."""
    if '$ref' in schema:
        schema = json_schema.resolve(spec(), schema['$ref'])
    for one in schema.get('anyOf', []):
        if not list(json_schema.violations(one, value, spec())):
            yield from unnamed(one, value, at)
            return
    if isinstance(value, list):
        for item in value[:3]:
            yield from unnamed(schema.get('items', {}), item, at + '[]')
    elif isinstance(value, dict) and 'properties' in schema:
        for key, inner in value.items():
            if key in schema['properties']:
                yield from unnamed(schema['properties'][key], inner, f'{at}.{key}')
            elif not schema.get('additionalProperties'):
                yield f'{at}.{key}'


def agree(method, params=None):
    """Calls; the result, once it is as described."""
    value = daemon().result(method, params)
    schema = next(one for one in spec()['methods'] if one['name'] == method)['result']['schema']
    wrong = [f'{method}{at}: {why}' for at, why in json_schema.violations(schema, value, spec())]
    wrong += [f'{method}{at} is not described' for at in unnamed(schema, value)]
    equal(wrong, [])
    return value


@test
def of_the_kernel():
    for method in ('system.info', 'system.doctor', 'plugins.list', 'jobs.list', 'settings.list'):
        agree(method)
    for plugin in agree('plugins.list')['plugins']:
        agree('plugins.get', {'id': plugin['id']})
    agree('settings.get', {'key': 'chat.model'})
    agree('settings.set', {'key': 'chat.model', 'value': ''})


@test
def of_models_and_inference():
    name = model('words')
    agree('models.list')
    agree('models.get', {'id': name})
    agree('models.scan')
    agree('inference.load', {'model': name})
    agree('inference.loaded')
    agree('inference.chat', {'model': name, 'messages': [{'role': 'user', 'content': 'one two'}]})
    agree('inference.complete', {'model': name, 'prompt': 'one two'})
    agree('inference.tokenize', {'model': name, 'text': 'one two'})
    agree('inference.unload', {'model': name})
    for method in ('monitor.resources.get', 'monitor.load.get', 'monitor.history.get'):
        agree(method)


@test
def of_threads_and_chat():
    turn = agree('chat.send', {'thread': None, 'text': 'one two', 'model': model('words')})
    thread, answer = turn['thread']['id'], turn['answer']['id']
    agree('chat.regenerate', {'thread': thread, 'message': answer})
    for method in ('chat.running', 'threads.list', 'threads.running', 'jobs.list'):
        agree(method)
    agree('chat.stop', {'thread': thread})
    agree('threads.get', {'id': thread})
    agree('threads.update', {'id': thread, 'title': 'a title'})
    agree('threads.search', {'query': 'two'})
    added = agree('threads.message.add', {'thread': thread, 'role': 'user', 'text': 'three'})
    agree('threads.message.update', {'thread': thread, 'id': added['id'], 'text': 'four'})
    agree('threads.message.delete', {'thread': thread, 'id': added['id']})
    agree('threads.delete', {'id': thread})
    agree('threads.restore', {'id': thread})
