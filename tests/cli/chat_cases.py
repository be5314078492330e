# SPDX-License-Identifier: AGPL-3.0-or-later
"""run, models, threads, events, call: with engine-echo."""
import json
import os
import signal
import subprocess

from daemon import BIN, Line, call_over
from hearths import Terminal, daemon, hearth, idle_folder
from suite import contains, equal, test, until


def model(name):
    return next(one['id'] for one in daemon().result('models.list')['models'] if name in one['id'])


def busy():
    return sum(one['slots_busy'] for one in daemon().result('inference.loaded')['models'])


@test
def run_answers():
    done = hearth('run', model('words'), 'one', 'two  three')
    equal((done.returncode, done.stdout), (0, 'one two  three\n'), done.stderr)


@test
def run_reads_a_pipe():
    for words in (['-'], []):
        done = hearth('run', model('words'), *words, stdin='from a pipe\n')
        equal((done.returncode, done.stdout), (0, 'from a pipe\n'), done.stderr)
    equal(hearth('run', model('words'), '-', stdin='').returncode, 2)
    done = subprocess.run([BIN, 'run', model('words'), '-', '--data', str(daemon().folder)], input=b'\xff\xfe', capture_output=True, timeout=60)
    equal(done.returncode, 2)
    contains(done.stderr, b'UTF-8')


@test
def run_starts_a_daemon_and_ends_it():
    folder = idle_folder()
    done = hearth('run', 'words', 'nobody', 'serves', data=folder)
    equal((done.returncode, done.stdout), (0, 'nobody serves\n'), done.stderr)
    equal((folder / 'local/rpc.sock').exists(), False, 'it is gone again')
    listing = json.loads(hearth('threads', 'list', '--json', data=folder).stdout)
    equal(listing['threads'], [], 'a single answer is stateless')


@test
def two_that_start_at_once():
    folder = idle_folder()
    both = [subprocess.Popen([BIN, 'call', 'system.info', '--data', str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=90)
        equal(process.returncode, 0, err)
        contains(out, 'data_dir')


@test
def a_killed_command_leaves_no_daemon():
    folder = idle_folder()
    process = subprocess.Popen([BIN, 'events', '--data', str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    link = until(lambda: connected(folder), 'its daemon is there')
    pid = call_over(link, 'system.info')[1]['result']['pid']
    process.kill()
    process.communicate()
    until(lambda: not os.path.exists(f'/proc/{pid}') or is_zombie(pid), 'its daemon is gone')
    link.close()


def connected(folder):
    try:
        return Line(folder)
    except OSError:
        return None


def is_zombie(pid):
    with open(f'/proc/{pid}/stat') as stat:
        return stat.read().rsplit(')', 1)[1].split()[0] == 'Z'


@test
def run_saves_when_asked():
    before = len(daemon().result('threads.list')['threads'])
    done = hearth('run', model('words'), '--save', 'keep', 'this')
    equal((done.returncode, done.stdout), (0, 'keep this\n'), done.stderr)
    threads = daemon().result('threads.list')['threads']
    equal(len(threads), before + 1)
    shown = hearth('threads', 'show', threads[0]['id'])
    contains(shown.stdout, 'keep this')
    contains(shown.stdout, 'assistant')


@test
def options_reach_the_engine():
    done = hearth('run', model('words'), '--max-tokens', '2', 'one two three four')
    equal(done.stdout.split(), ['one', 'two'], done.stderr)
    done = hearth('run', model('words'), '--stop', 'three', 'one two three four')
    equal(done.stdout.split(), ['one', 'two'], done.stderr)
    equal(json.loads(hearth('run', model('words'), '--json', '--max-tokens', '1', 'a b').stdout)['finish_reason'], 'length')


@test
def ctrl_c_stops_the_answer():
    process = subprocess.Popen([BIN, 'run', model('slow'), 'x', '--data', str(daemon().folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    contains((0, 1), process.returncode, err)
    until(lambda: busy() == 0, 'the slot is free')
    equal(daemon().is_alive(), True)


@test
def a_reader_that_leaves_stops_the_answer():
    process = subprocess.Popen(f'{BIN} run {model("slow")} x --data {daemon().folder} | head -c 3', shell=True, stdout=subprocess.PIPE)
    equal(process.communicate(timeout=60)[0], b'rou')
    until(lambda: busy() == 0, 'the slot is free')


@test
def conversation_at_a_terminal():
    terminal = Terminal('run', model('words'))
    try:
        terminal.read_until('> ')
        terminal.send('first words\n')
        terminal.read_until('first words\r\nfirst words\r\n')
        terminal.read_until('> ')
        terminal.send('second words\n')
        terminal.read_until('second words\r\nsecond words\r\n')
        terminal.send('\x04')
        equal(terminal.wait(), 0)
    finally:
        terminal.kill()
    thread = daemon().result('threads.list')['threads'][0]
    equal(thread['message_count'], 4)


@test
def ctrl_c_in_a_conversation_goes_on():
    terminal = Terminal('run', model('slow'))
    try:
        terminal.read_until('> ')
        terminal.send('go\n')
        terminal.read_until('round and')
        terminal.send('\x03')
        terminal.read_until('(stopped)')
        terminal.send('/exit\n')
        equal(terminal.wait(), 0)
    finally:
        terminal.kill()


@test
def a_stopped_question_stays_in_its_conversation():
    before = len(daemon().result('threads.list')['threads'])
    terminal = Terminal('run', model('slow'))
    try:
        for round_ in range(2):
            terminal.read_until('> ')
            terminal.send('go\n')
            terminal.read_until('round and')
            terminal.send('\x03')
            terminal.read_until('(stopped)')
        terminal.send('/exit\n')
        equal(terminal.wait(), 0)
    finally:
        terminal.kill()
    threads = daemon().result('threads.list')['threads']
    equal((len(threads), threads[0]['message_count']), (before + 1, 4))


@test
def commands_of_a_conversation():
    before = len(daemon().result('threads.list')['threads'])
    terminal = Terminal('run', model('words'))
    try:
        for line, says in [('/help', '/new'), ('/hlep', 'there is no /hlep'), ('/etc/hosts says', '/etc/hosts says\r\n/etc/hosts says\r\n')]:
            terminal.read_until('> ')
            terminal.send(line + '\n')
            terminal.read_until(says)
        terminal.read_until('> ')
        terminal.send('/bye\n')
        equal(terminal.wait(), 0)
    finally:
        terminal.kill()
    equal(len(daemon().result('threads.list')['threads']), before + 1, 'a command is no question')


@test
def a_misspelt_model_is_named():
    name = model('words')
    for misspelt in [name[:-1], name[:-2] + name[-1]]:
        contains(hearth('run', misspelt, 'x').stderr, f'did you mean {name}?')
    contains(hearth('run', 'nothing-like-it', 'x').stderr, '`hearth models`')
    before = len(daemon().result('threads.list')['threads'])
    terminal = Terminal('run', name[:-1])
    equal(terminal.wait(), 1)
    contains(terminal.seen, 'did you mean')
    equal(len(daemon().result('threads.list')['threads']), before, 'nothing was begun')


@test
def twice_ctrl_c_ends():
    terminal = Terminal('run', model('slow'), 'x')
    try:
        terminal.read_until('round')
        os.kill(terminal.pid, signal.SIGSTOP)
        os.kill(terminal.pid, signal.SIGINT)
        os.kill(terminal.pid, signal.SIGCONT)
        contains((0, 1, 130), terminal.wait())
    finally:
        terminal.kill()


@test
def answers_cannot_steer_the_terminal():
    terminal = Terminal('run', model('steering'), 'x')
    equal(terminal.wait(), 0)
    equal('\x1b]0;' in terminal.seen or '\x07' in terminal.seen, False, terminal.seen)
    equal(hearth('run', model('steering'), 'x').stdout, 'a\x1b]0;owned\x07b\n', 'a pipe gets what was said')


@test
def reasoning_is_apart():
    done = hearth('run', model('thinking'), 'x')
    equal(done.stdout, 'yes\n', done.stderr)


@test
def models_are_listed_and_loaded():
    done = hearth('models')
    contains(done.stdout, model('words'))
    equal(hearth('models', 'load', model('words')).returncode, 0)
    contains(hearth('models', 'list').stdout, 'loaded')
    equal(hearth('models', 'unload', model('words')).returncode, 0)
    until(lambda: not any(one['model'] == model('words') for one in daemon().result('inference.loaded')['models']), 'it is unloaded')


@test
def threads_live_and_die():
    d = daemon()
    thread = d.result('threads.create', {'title': 'Über Katzen'})
    contains(hearth('threads', 'list').stdout, 'Über Katzen')
    contains(hearth('threads', 'delete', thread['id']).stdout, 'is deleted')
    equal('Über Katzen' in hearth('threads', 'list').stdout, False)
    contains(hearth('threads', 'restore', thread['id']).stdout, 'is back')
    contains(hearth('threads', 'list').stdout, 'Über Katzen')
    equal(json.loads(hearth('threads', 'export', thread['id']).stdout)['thread']['id'], thread['id'])


@test
def events_are_told():
    process = subprocess.Popen([BIN, 'events', 'threads.*', '--json', '--data', str(daemon().folder)], stdout=subprocess.PIPE, text=True)
    seen = []

    def told():
        daemon().result('threads.create', {'title': 'told'})
        import select
        if select.select([process.stdout], [], [], 0.2)[0]:
            seen.append(json.loads(process.stdout.readline()))
        return seen
    until(told, 'an event')
    equal(seen[0]['topic'], 'threads.changed')
    process.send_signal(signal.SIGINT)
    equal(process.wait(30), 0)
    process.stdout.close()


@test
def call_streams_events():
    params = json.dumps({'model': model('words'), 'messages': [{'role': 'user', 'content': 'a b'}]})
    lines = [json.loads(line) for line in hearth('call', 'inference.chat', params, '--stream').stdout.splitlines()]
    equal(''.join(line['text'] for line in lines[:-1] if line['kind'] == 'text').split(), ['a', 'b'])
    equal(lines[-1]['finish_reason'], 'stop')
    done = hearth('call', 'inference.chat', '-', stdin=params)
    equal(json.loads(done.stdout)['text'].split(), ['a', 'b'], done.stderr)
