# SPDX-License-Identifier: AGPL-3.0-or-later
"""Help, wrong usage, exit statuses, --json."""
import json
import subprocess

from daemon import BIN
from hearths import daemon, hearth
from suite import contains, equal, test

COMMANDS = ['serve', 'run', 'call', 'events', 'models', 'threads', 'doctor', 'open', 'token', 'version']


def bare(*words):
    return subprocess.run([BIN, *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


@test
def help_of_everything():
    everything = bare('help')
    equal((everything.returncode, everything.stderr), (0, ''))
    for command in COMMANDS:
        contains(everything.stdout, f'\n  {command} ')
        for words in (['help', command], [command, '--help'], [command, '-h']):
            one = bare(*words)
            equal((one.returncode, one.stderr), (0, ''), words)
            contains(one.stdout, f'usage: hearth {command}')


@test
def columns_stand():
    rows = [line for line in bare('help').stdout.splitlines() if line.startswith('  ') and not line.startswith('  --')]
    equal(len({line.index(what) for line, what in zip(rows, ['runs the daemon', 'asks a model', 'calls a', 'prints what', 'lists models'])}), 1)
    checks = json.loads(hearth('doctor', '--json').stdout)['checks']
    shown = hearth('doctor').stdout
    for check in checks:
        contains(shown, f"{check['title']} ", 'no title is cut')


@test
def wrong_usage():
    for words, says in [
        ([], 'usage:'), (['sevre'], 'did you mean serve'), (['modles'], 'did you mean models'), (['xyzzyx'], 'no command "xyzzyx"'),
        (['help', 'xyzzyx'], 'no command'), (['run'], 'hearth help run'), (['run', 'words', '--temprature', '1', 'x'], 'did you mean --temperature'),
        (['run', 'words', '--temperature', 'hot', 'x'], 'takes a number'), (['run', 'words', '--save', '--stateless', 'x'], 'contradict'),
        (['call'], 'hearth help call'), (['call', 'a', 'b', 'c'], 'hearth help call'), (['call', 'system.info', '{'], 'arguments are wrong'),
        (['call', 'system.info', '[]'], 'must be a JSON object'), (['models', 'lsit'], 'did you mean list'), (['models', 'add'], 'one operand'),
        (['models', 'list', 'x'], 'nothing more'), (['threads', 'show'], 'one operand'), (['threads', 'frobnicate'], 'cannot'),
        (['version', 'x'], 'no operands'), (['token', '--x'], 'no option'), (['doctor', 'x'], 'no operands'), (['call', '--data'], '--data needs'),
    ]:
        done = bare(*words)
        equal((done.returncode, done.stdout), (2, ''), words)
        contains(done.stderr, says, words)


@test
def version():
    contains(bare('version').stdout, 'hearth 0.')
    equal(bare('--version').stdout, bare('version').stdout)
    equal(json.loads(bare('version', '--json').stdout)['version'] in bare('version').stdout, True)


@test
def token():
    equal(hearth('token').stdout.strip(), daemon().token)
    equal(json.loads(hearth('token', '--json').stdout), {'token': daemon().token})
    missing = bare('token', '--data', '/nonexistent/hearth')
    equal(missing.returncode, 1)
    contains(missing.stderr, 'hearth serve')


@test
def open_prints_a_working_address():
    d = daemon()
    done = hearth('open', '--print')
    equal(done.returncode, 0, done.stderr)
    path = done.stdout.strip().split(str(d.port), 1)[1]
    contains(d.request('GET', path).headers['set-cookie'], 'hearth_session=')
    nobody = bare('open', '--data', '/nonexistent/hearth')
    equal(nobody.returncode, 1)
    contains(nobody.stderr, 'hearth serve')


@test
def json_is_json():
    for words in (['models'], ['models', 'list'], ['threads', 'list'], ['doctor'], ['call', 'system.info'], ['open'],
                  ['threads', 'search', 'x'], ['run', 'words', 'x']):
        done = hearth(*words, '--json')
        equal(done.returncode, 0, f'{words}: {done.stderr}')
        json.loads(done.stdout)
        equal(done.stdout.count('\n'), 1, words)


@test
def a_closed_pipe_ends_it_quietly():
    done = subprocess.run(f'{BIN} call system.info --data {daemon().folder} | head -c 1', shell=True, capture_output=True, text=True, timeout=60)
    equal(done.stdout, '{')
    equal('Broken' in done.stderr, False)


@test
def failures_say_why():
    for words, says in [(['call', 'no.such.method'], 'no.such.method'), (['threads', 'show', '01AAAAAAAAAAAAAAAAAAAAAAAA'], ''),
                        (['models', 'add', '/nonexistent.gguf'], '/nonexistent.gguf'), (['run', 'no-such-model', 'x'], 'no-such-model')]:
        done = hearth(*words)
        equal((done.returncode, done.stdout), (1, ''), words)
        contains(done.stderr, 'hearth: ')
        contains(done.stderr, says)
