#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The real engine with Kindling, through the daemon: what it says is fixed, streams do not disturb one another, a cancelled
answer frees its place, and a damaged model file is named with its reason while everything else goes on.

    tests/engine/run.py [--write-golden] [NAME...]

golden.json holds greedy answers. With LLAMA_SERVER=path (of the same release) they are compared with llama-server's as well.
Ends in `N passed, N failed, N skipped`.
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lib'))

import suite  # noqa: E402
from restart import ROOT, Restartable, RpcError, text_of  # noqa: E402

MKGGUF = HERE.parent / 'tools/mkgguf.py'
GOLDEN = HERE / 'golden.json'
MODEL = ROOT / 'models/kindling/kindling.gguf'
PROMPTS = [
    [{'role': 'user', 'content': 'Hello! Who are you?'}],
    [{'role': 'user', 'content': 'Hello!'}],
    [{'role': 'user', 'content': 'My name is Ada.'}, {'role': 'assistant', 'content': 'Nice to meet you, Ada!'},
     {'role': 'user', 'content': 'What is my name?'}],
]
LIMIT = 120
WRITES_GOLDEN = '--write-golden' in sys.argv


def greedy(d, messages, **more):
    return d.rpc('inference.chat', {'model': 'kindling', 'messages': messages, 'temperature': 0, 'max_tokens': LIMIT, **more})


def user(text):
    return [{'role': 'user', 'content': text}]


@suite.test
def greedy_answers_are_the_golden_ones():
    with Restartable() as d:
        answers = [greedy(d, messages) for messages in PROMPTS]
        now = [{'messages': messages, 'text': a['text'], 'completion_tokens': a['usage']['completion_tokens']}
               for messages, a in zip(PROMPTS, answers)]
        if WRITES_GOLDEN:
            GOLDEN.write_text(json.dumps(now, indent=1, ensure_ascii=False) + '\n')
        assert now == json.loads(GOLDEN.read_text()), json.dumps(now, indent=1, ensure_ascii=False)
        for a in answers:
            assert a['finish_reason'] == 'stop' and a['usage']['completion_tokens'] < LIMIT, a
        return ' | '.join(one['text'][:40] for one in now)


@suite.test
def an_answer_stops_at_the_end_of_the_turn():
    with Restartable() as d:
        turn = d.rpc('chat.send', {'thread': None, 'text': 'Hello!', 'model': 'kindling', 'options': {'temperature': 0, 'max_tokens': 400}})
        answer = turn['answer']
        assert answer['finish_reason'] == 'stop' and answer['state'] == 'complete', answer
        assert '<|' not in text_of(answer) and text_of(answer) == text_of(answer).strip(), text_of(answer)
        assert answer['usage']['completion_tokens'] < 400 and answer['timings']['predicted_per_second'] > 0, answer
        cut = greedy(d, user('Tell me about yourself.'), max_tokens=3)
        assert cut['finish_reason'] == 'length' and cut['usage']['completion_tokens'] == 3, cut


@suite.test
def stop_strings_end_an_answer_before_them():
    with Restartable() as d:
        whole = greedy(d, PROMPTS[0])['text']
        word = whole.split()[3]
        cut = greedy(d, PROMPTS[0], stop=[word])
        assert cut['text'] == whole[:whole.index(word)] and cut['finish_reason'] == 'stop', (whole, cut)


@suite.test
def four_streams_at_once_say_what_each_says_alone():
    prompts = [PROMPTS[0], PROMPTS[1], PROMPTS[2], user('Tell me a short story.')]
    with Restartable() as d:
        d.rpc('inference.load', {'model': 'kindling', 'settings': {'slots': 4}})
        alone = [greedy(d, messages)['text'] for messages in prompts]
        together, events = [None] * 4, [0] * 4

        def ask(i):
            parts = []
            for event, data in d.stream('inference.chat', {'model': 'kindling', 'messages': prompts[i], 'temperature': 0, 'max_tokens': LIMIT}):
                if event == 'event' and data['params']['kind'] == 'text':
                    parts.append(data['params']['text'])
                    events[i] += 1
                elif event == 'result':
                    assert data['result']['text'] == ''.join(parts), 'events and result differ'
            together[i] = ''.join(parts)

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert together == alone, (together, alone)
        assert all(count > 1 for count in events), f'not streamed: {events}'


@suite.test
def the_same_seed_draws_the_same_answer():
    with Restartable() as d:
        def draw(seed):
            return greedy(d, user('Tell me something.'), temperature=1.5, top_p=1, min_p=0, top_k=0, seed=seed)['text']
        assert draw(11) == draw(11)
        assert len({draw(seed) for seed in range(5)}) > 1, 'the seed has no effect'


@suite.test
def a_cancelled_answer_frees_its_place_at_once():
    with Restartable() as d:
        d.rpc('inference.load', {'model': 'kindling', 'settings': {'slots': 1}})
        for _ in range(5):
            line = d.line()
            asked = line.send('inference.chat', {'model': 'kindling', 'messages': user('Tell me a long story.'), 'temperature': 0,
                                                 'max_tokens': 900, 'ignore_eos': True})
            while line.next().get('params', {}).get('kind') != 'text':
                pass
            line.notify('rpc.cancel', {'id': asked})
            while (message := line.next()).get('id') != asked:
                pass
            assert message['result']['finish_reason'] == 'cancelled', message
            busy = suite.until(lambda: [one for one in d.rpc('inference.loaded')['models'] if one['slots_busy'] == 0], 'the slot is free')
            assert busy
            line.close()
        assert greedy(d, PROMPTS[1])['text'] == json.loads(GOLDEN.read_text())[1]['text'], 'a cancelled answer left something behind'


@suite.test
def a_prompt_over_the_context_names_both_numbers():
    with Restartable() as d:
        try:
            greedy(d, user('many words here ' * 3000))
            raise AssertionError('it was accepted')
        except RpcError as error:
            assert error.name == 'context_overflow', error
            numbers = [int(n) for n in ''.join(c if c.isdigit() else ' ' for c in error.message.replace(',', '')).split()]
            assert max(numbers) > 3000 and min(numbers) <= 1024, error.message
            return error.message


def damages():
    lines = subprocess.run([sys.executable, MKGGUF, '--damage', 'list'], check=True, capture_output=True, text=True).stdout
    return dict(line.split() for line in lines.splitlines())


@suite.test
def damaged_model_files_are_named_with_their_reason():
    kinds = damages()
    with Restartable() as d:
        folder = d.data / 'models'
        folder.mkdir(exist_ok=True)
        subprocess.run([sys.executable, MKGGUF, folder, '--damage', 'all'], check=True)
        whole = MODEL.read_bytes()
        (folder / 'kindling-cut.gguf').write_bytes(whole[:len(whole) // 2])
        kinds['kindling-cut'] = 'refused'
        problems, pid = [], d.pid
        listed = {one['id']: one for one in d.rpc('models.list')['models']}
        for name, verdict in kinds.items():
            if name not in listed:
                problems.append(f'{name}: not listed')
                continue
            try:
                d.rpc('inference.load', {'model': name}, limit_s=60)
                if verdict == 'refused':
                    problems.append(f'{name}: loaded')
                d.rpc('inference.unload', {'model': name})
            except RpcError as error:
                if verdict == 'harmless':
                    continue  # refusing those is fine as well
                # A crash of the engine is no reason: nobody learns from it what is wrong with the file.
                if error.name in ('crashed', 'internal', 'deadline'):
                    problems.append(f'{name}: {error.name}: {error.message}')
                elif f'{name}.gguf' not in error.message:
                    problems.append(f'{name}: the file is not named: {error.message}')
        assert d.pid == pid and d.process.poll() is None
        assert greedy(d, PROMPTS[1])['text'], 'the daemon still answers'
        assert not problems, '\n'.join(problems)
        return f'{len(kinds)} kinds of damage'


@suite.test
def a_file_that_vanishes_or_shrinks_is_named():
    with Restartable() as d, tempfile.TemporaryDirectory() as outside:
        path = pathlib.Path(outside) / 'away.gguf'
        path.write_bytes(MODEL.read_bytes())
        model = d.rpc('models.add', {'path': str(path)})['id']
        assert d.rpc('inference.chat', {'model': model, 'messages': user('Hello!'), 'max_tokens': 2})['text']
        d.rpc('inference.unload', {'model': model})
        path.unlink()
        try:
            d.rpc('inference.load', {'model': model})
            raise AssertionError('it was loaded')
        except RpcError as error:
            assert 'away.gguf' in error.message and error.name in ('not_found', 'damaged', 'unavailable'), (error.name, error.message)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


@suite.test
def llama_server_says_the_same():
    server = os.environ.get('LLAMA_SERVER')
    if not server:
        raise suite.Skip('LLAMA_SERVER names none')
    port = free_port()
    child = subprocess.Popen([server, '-m', str(MODEL), '--host', '127.0.0.1', '--port', str(port), '-t', '1', '-np', '1', '--offline'],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def post(path, body):
            request = urllib.request.Request(f'http://127.0.0.1:{port}{path}', json.dumps(body).encode(), {'Content-Type': 'application/json'})
            return json.load(urllib.request.urlopen(request, timeout=60))

        def is_up():
            try:
                return urllib.request.urlopen(f'http://127.0.0.1:{port}/health', timeout=5).status == 200
            except (urllib.error.URLError, OSError):
                assert child.poll() is None, 'llama-server ended'
                return False

        suite.until(is_up, 'llama-server is ready', 60)
        for golden in json.loads(GOLDEN.read_text()):
            got = post('/v1/chat/completions', {'messages': golden['messages'], 'temperature': 0, 'max_tokens': LIMIT})
            assert got['choices'][0]['message']['content'].strip() == golden['text'].strip(), (got, golden)
    finally:
        child.kill()
        child.wait()


sys.argv[1:] = [name for name in sys.argv[1:] if name != '--write-golden']
sys.exit(suite.run())
