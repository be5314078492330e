#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Requests and the answers they must get, as data.

    tests/wire/run.py [WORD]        those cases with WORD in their name

Each file in openai/ is a list of cases {name, request, expect}:

request  method (POST), path (/v1/chat/completions), headers, and body (JSON) or raw (text as it is); a body inherits
         model and messages from DEFAULT unless it names them, {"$drop": [...]} leaves members out
expect   status (200), headers (part of each value), json (a part of the body), error (a part of its error object),
         sse: {text, reasoning, finish, chunks (a part of each, in order), usage, error, ends_with_done}

A part: each member that is named must be there and match; lists match element by element; "<string>", "<int>",
"<number>", "<null>", "<absent>" match by kind. fields.json is a table: for each field the kinds that it takes; every
other kind must be refused with a 400 that names the field.
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from lib.daemon import Daemon  # noqa: E402

DEFAULT = {'model': 'echo', 'messages': [{'role': 'user', 'content': 'one two three'}]}
VALUES = {'number': 0.5, 'integer': 1, 'boolean': True, 'string': 'x', 'object': {}, 'array': []}
KINDS = {'<string>': str, '<int>': int, '<number>': (int, float), '<null>': type(None)}
MODELS = {'echo': {}, 'small': {'context': 16}, 'thinker': {'think': 'well then', 'say': 'fine'}, 'broken': {'load_fail': 'damaged'}}


def mismatch(found, part, at=''):
    """None, or where and how `found` differs from `part`."""
    if isinstance(part, str) and part in KINDS:
        return None if isinstance(found, KINDS[part]) and not isinstance(found, bool) else f'{at} is {found!r}, not {part}'
    if isinstance(part, dict):
        if not isinstance(found, dict):
            return f'{at} is {found!r}, not an object'
        for key, want in part.items():
            if want == '<absent>':
                if key in found:
                    return f'{at}.{key} should not be there'
            elif key not in found:
                return f'{at}.{key} is missing in {found!r}'
            elif (problem := mismatch(found[key], want, f'{at}.{key}')):
                return problem
        return None
    if isinstance(part, list):
        if not isinstance(found, list) or len(found) != len(part):
            return f'{at} is {found!r}, not {len(part)} elements'
        return next(filter(None, (mismatch(f, p, f'{at}[{i}]') for i, (f, p) in enumerate(zip(found, part)))), None)
    return None if found == part and type(found) is type(part) else f'{at} is {found!r}, not {part!r}'


def body_of(request):
    if 'raw' in request:
        return request['raw'].encode('latin-1')
    if request.get('method', 'POST') != 'POST':
        return None
    body = dict(DEFAULT if request.get('path', '').endswith('chat/completions') or 'path' not in request else {'model': 'echo'})
    body.update(request.get('body', {}))
    for name in body.pop('$drop', []):
        body.pop(name, None)
    return json.dumps(body).encode()


def events_of(body):
    """The data of each event. Raises on anything that is no event stream."""
    text = body.decode()
    if not text.endswith('\n\n'):
        raise AssertionError(f'the stream does not end with an event: {text[-80:]!r}')
    events = []
    for block in text[:-2].split('\n\n'):
        if block.startswith(':'):
            continue
        if not block.startswith('data: ') or '\n' in block:
            raise AssertionError(f'not an event: {block!r}')
        events.append(block[6:])
    return events


def check_stream(answer, expect):
    if 'text/event-stream' not in answer.headers.get('content-type', ''):
        raise AssertionError(f'content-type is {answer.headers.get("content-type")}')
    events = events_of(answer.body)
    is_done = events and events[-1] == '[DONE]'
    if is_done != expect.get('ends_with_done', True):
        raise AssertionError(f'ends with {events[-1:]!r}')
    chunks = [json.loads(event) for event in events if event != '[DONE]']
    whole = [chunk for chunk in chunks if 'error' not in chunk]
    for key in ('id', 'created', 'model', 'object', 'system_fingerprint'):
        if len({json.dumps(chunk.get(key)) for chunk in whole}) > 1:
            raise AssertionError(f'{key} changes within the stream')
    deltas = [choice for chunk in whole for choice in chunk['choices'] if choice['index'] == 0]
    parts = {
        'text': ''.join(c.get('text') or (c.get('delta') or {}).get('content') or '' for c in deltas),
        'reasoning': ''.join((c.get('delta') or {}).get('reasoning_content') or '' for c in deltas),
        'finish': next((c['finish_reason'] for c in deltas if c['finish_reason']), None),
        'usage': next((chunk['usage'] for chunk in whole if chunk.get('usage')), None),
        'error': next((chunk['error'] for chunk in chunks if 'error' in chunk), None),
        'chunks': chunks,
        'choices': len({choice['index'] for chunk in whole for choice in chunk['choices']}),
    }
    for key, want in expect.items():
        if key in parts and (problem := mismatch(parts[key], want, key)):
            raise AssertionError(problem)


def check(daemon, case):
    request, expect = case['request'], case['expect']
    headers = {'content-type': 'application/json', **request.get('headers', {})}
    answer = daemon.request(request.get('method', 'POST'), request.get('path', '/v1/chat/completions'), headers, body_of(request))
    if answer.status != expect.get('status', 200):
        raise AssertionError(f'status {answer.status}: {answer.body[:300]!r}')
    for name, want in expect.get('headers', {}).items():
        if want not in answer.headers.get(name, ''):
            raise AssertionError(f'header {name} is {answer.headers.get(name)!r}, not {want!r}')
    if 'x-request-id' not in answer.headers:
        raise AssertionError('no x-request-id')
    if 'sse' in expect:
        check_stream(answer, expect['sse'])
        return
    found = json.loads(answer.body)
    part = {'error': {'message': '<string>', 'param': '<null>', **expect['error']}} if 'error' in expect else expect.get('json', {})
    if (problem := mismatch(found, part)):
        raise AssertionError(problem)


def table_cases(table):
    for name, kinds in table.items():
        for kind, value in VALUES.items():
            if kind in kinds:
                continue
            yield {'name': f'fields: {name} as {kind}', 'request': {'body': {name: value}},
                   'expect': {'status': 400, 'error': {'type': 'invalid_request_error', 'param': name}}}


def all_cases():
    for path in sorted((HERE / 'openai').glob('*.json')):
        data = json.loads(path.read_text())
        if path.stem == 'fields':
            yield from table_cases(data)
        else:
            yield from ({**case, 'name': f'{path.stem}: {case["name"]}'} for case in data)


def main():
    words = sys.argv[1:]
    passed = failed = 0
    with Daemon(models=MODELS) as daemon:
        for case in all_cases():
            if words and not any(word in case['name'] for word in words):
                continue
            try:
                check(daemon, case)
                passed += 1
            except Exception as error:
                failed += 1
                print(f'FAIL {case["name"]}: {error}', flush=True)
    print(f'{passed} passed, {failed} failed, 0 skipped')
    return 1 if failed else 0


sys.exit(main())
