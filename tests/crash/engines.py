# SPDX-License-Identifier: AGPL-3.0-or-later
"""The process of a model dies or stops answering: its calls fail and say so, everybody else goes on, the next call works."""
import json
import os
import pathlib
import signal
import threading

import suite
from restart import Restartable, RpcError, text_of

WORDS = ' '.join(f'word{i}' for i in range(400))


def slow(text, **knobs):
    return '@echo ' + json.dumps({'delay_ms': 10, **knobs}) + '\n' + text


def pid_of(d, model):
    return next((one['pid'] for one in d.rpc('inference.loaded')['models'] if one['model'] == model), None)


class Turn(threading.Thread):
    """chat.send in the background: what was started, the text so far, and how it ended."""

    def __init__(self, d, **params):
        super().__init__(daemon=True)
        self.line, self.params = d.line(), params
        self.started = self.result = self.error = None
        self.text = ''
        self.start()

    def run(self):
        try:
            self.result = self.line.call('chat.send', {'thread': None, **self.params}, self.on_event)
        except Exception as error:
            self.error = error
        finally:
            self.line.close()

    def on_event(self, event):
        if event['kind'] == 'started':
            self.started = event['data']
        elif event['kind'] == 'text':
            self.text += event['text']

    def ended(self):
        self.join(30)
        assert not self.is_alive(), 'the turn neither ended nor failed'
        return self


def stored_answer(d, turn):
    got = d.rpc('threads.get', {'id': turn.started['thread']['id']})
    return next(m for m in got['messages'] if m['id'] == turn.started['answer']['id'])


def check_crashed(d, turn):
    turn.ended()
    message = stored_answer(d, turn)
    assert message['state'] == 'failed', message
    assert message['error']['name'] == 'crashed' and len(message['error']['message']) > 20, message['error']
    assert text_of(message) and WORDS.startswith(text_of(message)), message
    assert text_of(message).startswith(turn.text[:1]) and len(text_of(message)) >= len(turn.text), (turn.text, message)
    if turn.error:
        assert isinstance(turn.error, RpcError) and turn.error.name == 'crashed', turn.error
    else:
        assert turn.result['answer']['state'] == 'failed', turn.result


@suite.test
def a_killed_engine_fails_its_turn_only():
    with Restartable(models={'one': {}, 'two': {}}) as d:
        dying, living = (Turn(d, model=name, text=slow(WORDS)) for name in ('one', 'two'))
        suite.until(lambda: len(dying.text) > 40 and len(living.text) > 40, 'both turns stream')
        before = d.pid
        os.kill(pid_of(d, 'one'), signal.SIGKILL)
        check_crashed(d, dying)
        assert living.is_alive(), 'the other turn ended with it'
        assert living.ended().error is None, living.error
        assert text_of(living.result['answer']) == WORDS
        again = Turn(d, model='one', text='and once more').ended()
        assert again.error is None and text_of(again.result['answer']) == 'and once more', again.error
        assert d.pid == before and d.process.poll() is None


@suite.test
def an_engine_that_aborts_by_itself_is_named():
    with Restartable(models={'one': {}}) as d:
        turn = Turn(d, model='one', text=slow(WORDS, crash_after=9))
        check_crashed(d, turn)
        assert text_of(stored_answer(d, turn)).split() == WORDS.split()[:9]


@suite.test
def an_engine_that_hangs_is_ended():
    with Restartable(models={'one': {}}) as d:
        turn = Turn(d, model='one', text=slow(WORDS, hang_after=5))
        suite.until(lambda: turn.text, 'it streams')
        pid = pid_of(d, 'one')
        turn.join(60)
        check_crashed(d, turn)
        suite.until(lambda: not os.path.exists(f'/proc/{pid}/exe'), 'the hanging process is gone')


@suite.test
def an_engine_killed_while_it_loads_fails_the_load():
    with Restartable(models={'lazy': {'load_ms': 20000}}) as d:
        line, failed = d.line(), []

        def load():
            try:
                line.call('inference.load', {'model': 'lazy'})
            except RpcError as error:
                failed.append(error)

        loading = threading.Thread(target=load, daemon=True)
        loading.start()
        pid = suite.until(lambda: pid_of(d, 'lazy'), 'the child is there')
        os.kill(pid, signal.SIGKILL)
        loading.join(20)
        assert failed and failed[0].name == 'crashed', failed
        line.close()
        d.rpc('system.info')


@suite.test
def an_engine_that_keeps_dying_is_left_alone_until_it_is_asked_for():
    with Restartable(models={'one': {}}) as d:
        errors = []
        for _ in range(6):
            try:
                d.rpc('inference.chat', {'model': 'one', 'messages': [{'role': 'user', 'content': slow(WORDS, crash_after=1)}]})
            except RpcError as error:
                errors.append(error)
        assert [error.name for error in errors] == ['crashed'] * 6, errors
        assert pid_of(d, 'one') is None, 'it is still being started'
        assert 'by hand' in errors[-1].message, errors[-1].message
        d.rpc('inference.load', {'model': 'one'})
        got = d.rpc('inference.chat', {'model': 'one', 'messages': [{'role': 'user', 'content': 'well again'}]})
        assert got['text'] == 'well again'


@suite.test
def a_cut_turn_keeps_what_was_written_before_the_kill():
    with Restartable(models={'one': {}}) as d:
        turn = Turn(d, model='one', text=slow(WORDS, delay_ms=15))
        parts = d.data / 'local/jobs'
        suite.until(lambda: any(part.stat().st_size > 0 for part in parts.glob('*.part')), 'the text on its way is noted')
        d.kill()
        turn.ended()
        d.start()
        line = d.line()

        def answer():
            got = line.call('threads.get', {'id': turn.started['thread']['id']})
            return next(m for m in got['messages'] if m['id'] == turn.started['answer']['id'])

        suite.until(lambda: answer()['state'] != 'running', 'the stub is named')
        message = answer()
        assert message['state'] == 'interrupted', message
        assert text_of(message) and WORDS.startswith(text_of(message)), message
        line.close()
        assert not list(parts.glob('*.part')), 'a part was left behind'
        again = d.rpc('chat.regenerate', {'thread': turn.started['thread']['id'], 'message': message['id']})
        assert again['answer']['state'] == 'complete', again


@suite.test
def no_engine_outlives_a_killed_daemon():
    with Restartable(models={'one': {}, 'two': {}}) as d:
        for name in ('one', 'two'):
            d.rpc('inference.load', {'model': name})
        pids = [pid_of(d, 'one'), pid_of(d, 'two')]
        assert all(pathlib.Path(f'/proc/{pid}/exe').exists() for pid in pids)
        d.kill()
        suite.until(lambda: not any(os.path.exists(f'/proc/{pid}/exe') for pid in pids), 'the engines are gone')
