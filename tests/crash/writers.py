# SPDX-License-Identifier: AGPL-3.0-or-later
"""Clients that write until the daemon is gone, and remember exactly what they were told is safe.

A ledger holds, per thread, what must be there (acknowledged) and what may be there (asked for, not answered: the kill came
between). Each thread belongs to one writer, which waits for each answer, so that at most one wish per thread is open.
"""
import json
import random
import threading

from restart import Gone, RpcError, text_of

ALPHABETS = ['abcdefgh ijkl mnop', 'äöüß éè ñ ', '日本語の文 ', '🔥🪵 ember ', '"\\/\n\t{}[]:,', '\x01\x1f\x7f\u2028\u2029 ']


def some_text(dice):
    """Never the same twice, so that a text tells whose it is."""
    size = dice.choice([1, 8, 40, 200, 2000, 20000])
    letters = dice.choice(ALPHABETS)
    return ''.join(dice.choice(letters) for _ in range(dice.randint(1, size))) + f'{dice.getrandbits(64):x}' + dice.choice(['', '\n', ' end'])


class ThreadLedger:
    def __init__(self):
        self.title, self.is_deleted = set(), {False}
        self.messages = {}     # id -> (role, text): acknowledged
        self.wishes = set()    # texts that may have been stored without anybody having been told
        self.answers = {}      # id of an acknowledged answer -> (whole text, was its end told)
        self.turns = 0         # turns that were asked for and not acknowledged: each may have left two messages


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.threads = {}
        self.acknowledged = 0
        self.on_acknowledged = lambda count: None

    def note(self):
        with self.lock:
            self.acknowledged += 1
            count = self.acknowledged
        self.on_acknowledged(count)


class Writer(threading.Thread):
    """Adds messages, makes, renames, deletes and restores threads, over a unix socket of its own."""

    def __init__(self, line, ledger, seed):
        super().__init__(daemon=True)
        self.line, self.ledger, self.dice = line, ledger, random.Random(seed)
        self.mine, self.error = [], None

    def run(self):
        try:
            while True:
                self.step()
        except Gone:
            pass
        except Exception as error:  # shown by the suite
            self.error = error
        finally:
            self.line.close()

    def step(self):
        draw = self.dice.random()
        if not self.mine or draw < 0.1:
            self.create()
        elif draw < 0.18:
            self.change('title', 'threads.update', title=some_text(self.dice)[:60].strip() or 'untitled')
        elif draw < 0.22:
            self.change_deleted()
        else:
            self.add()

    def create(self):
        title = f'thread {self.dice.random()}'
        got = self.line.call('threads.create', {'title': title})
        one = ThreadLedger()
        one.title = {title}
        with self.ledger.lock:
            self.ledger.threads[got['id']] = one
        self.mine.append(got['id'])
        self.ledger.note()

    def pick(self):
        thread = self.dice.choice(self.mine[-6:])
        return thread, self.ledger.threads[thread]

    def change(self, field, method, **params):
        thread, one = self.pick()
        known, value = getattr(one, field), params[field]
        known.add(value)
        self.line.call(method, {'id': thread, **params})
        setattr(one, field, {value})
        self.ledger.note()

    def change_deleted(self):
        thread, one = self.pick()
        wanted = not max(one.is_deleted)
        one.is_deleted.add(wanted)
        self.line.call('threads.delete' if wanted else 'threads.restore', {'id': thread})
        one.is_deleted = {wanted}
        self.ledger.note()
        if wanted:
            self.mine.remove(thread)

    def add(self):
        thread, one = self.pick()
        text, role = some_text(self.dice), self.dice.choice(['user', 'assistant'])
        one.wishes.add(text)
        got = self.line.call('threads.message.add', {'thread': thread, 'role': role, 'text': text})
        one.messages[got['id']] = (role, text)
        one.wishes.discard(text)
        self.ledger.note()


class Turner(threading.Thread):
    """Asks the echo model in one thread after another, some answers too long to be finished before the kill."""

    def __init__(self, line, ledger, seed):
        super().__init__(daemon=True)
        self.line, self.ledger, self.dice, self.error = line, ledger, random.Random(seed), None

    def run(self):
        try:
            thread = None
            while True:
                thread = self.turn(None if thread is None or self.dice.random() < 0.3 else thread)
        except Gone:
            pass
        except Exception as error:  # shown by the suite
            self.error = error
        finally:
            self.line.close()

    def turn(self, thread):
        words = ' '.join(str(self.dice.randint(0, 9999)) for _ in range(self.dice.choice([3, 10, 60])))
        text = '@echo ' + json.dumps({'delay_ms': self.dice.choice([0, 1, 10])}) + '\n' + words
        started = {}
        if thread:
            self.ledger.threads[thread].turns += 1

        def on_event(event):
            if event['kind'] == 'started' and not started:
                started.update(event['data'])
                self.begun(started, text, words)

        got = self.line.call('chat.send', {'thread': thread, 'text': text, 'model': 'echo'}, on_event)
        one = self.ledger.threads[started['thread']['id']]
        if text_of(got['answer']) != words or got['answer']['state'] != 'complete':
            raise AssertionError(f'answered {got["answer"]}, wanted {words!r}')
        one.answers[started['answer']['id']] = (words, True)
        self.ledger.note()
        return started['thread']['id']

    def begun(self, started, text, words):
        with self.ledger.lock:
            one = self.ledger.threads.setdefault(started['thread']['id'], ThreadLedger())
        one.turns = max(0, one.turns - 1)
        one.title = set()       # chat names it
        one.messages[started['question']['id']] = ('user', text)
        one.answers[started['answer']['id']] = (words, False)
        self.ledger.note()


def check_thread(line, thread, one):
    """Everything acknowledged is there, byte by byte, and nothing that nobody wrote. Returns the messages looked at."""
    got = line.call('threads.get', {'id': thread})
    there = {message['id']: message for message in got['messages']}
    if one.title and got['thread']['title'] not in one.title:
        raise AssertionError(f'{thread}: the title is {got["thread"]["title"]!r}, wanted one of {one.title}')
    if got['thread']['is_deleted'] not in one.is_deleted:
        raise AssertionError(f'{thread}: is_deleted {got["thread"]["is_deleted"]}, wanted one of {one.is_deleted}')
    for key, (role, text) in one.messages.items():
        message = there.pop(key, None)
        if message is None:
            raise AssertionError(f'{thread}: the acknowledged message {key} is gone')
        if (message['role'], text_of(message)) != (role, text):
            raise AssertionError(f'{thread}: message {key} reads {message["role"]} {text_of(message)!r}, wanted {role} {text!r}')
    for key, (text, was_told) in one.answers.items():
        check_answer(thread, there.pop(key, None), key, text, was_told, {'interrupted'})
    turns = one.turns
    for message in there.values():
        if text_of(message) in one.wishes:
            continue
        # A turn that began without anybody having heard of it: its question, then its answer.
        turns -= 0.5
        if turns < 0:
            raise AssertionError(f'{thread}: nobody wrote {message}')
    return len(got['messages'])


def check_answer(thread, message, key, text, was_told, endings):
    if message is None:
        raise AssertionError(f'{thread}: the acknowledged answer {key} is gone')
    state, stored = message['state'], text_of(message)
    if state == 'complete' and stored == text:
        return
    if was_told:
        raise AssertionError(f'{thread}: the finished answer {key} reads {state} {stored!r}, wanted complete {text!r}')
    if state not in endings or not text.startswith(stored):
        raise AssertionError(f'{thread}: the cut answer {key} reads {state} {stored!r}, wanted {endings} and a beginning of {text!r}')
