# SPDX-License-Identifier: AGPL-3.0-or-later
"""Starting and stopping: what is in the way is named, with what to do."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

from daemon import BIN, Daemon, Line, call_over, make_folder
from shared import daemon
from suite import Skip, contains, equal, test, until


def serve(*options, **more):
    return subprocess.run([BIN, 'serve', *options], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **more)


@test
def one_folder_one_daemon():
    d = daemon()
    done = serve('--data', str(d.folder), '--listen', '127.0.0.1:0')
    equal(done.returncode, 1)
    contains(done.stderr, str(d.process.pid))
    contains(done.stderr, str(d.folder))
    equal(d.is_alive(), True)
    equal('result' in call_over(Line(d.folder), 'system.info')[1], True, 'its socket is untouched')


@test
def port_in_use():
    d = daemon()
    folder = make_folder()
    done = serve('--data', str(folder), '--listen', f'127.0.0.1:{d.port}')
    equal(done.returncode, 1)
    contains(done.stderr, str(d.port))
    contains(done.stderr, '--listen')
    shutil.rmtree(folder)


@test
def read_only_folder():
    folder, somebody = make_folder(), {}
    if os.geteuid() == 0:  # root writes everywhere: somebody else must try
        somebody = {'user': 65534, 'group': 65534, 'extra_groups': []}
        for path in (folder, folder / 'models'):
            os.chown(path, 65534, 65534)
        if subprocess.run(['test', '-x', BIN], **somebody).returncode:
            raise Skip('the executable lies where only root can reach it')
    os.chmod(folder, 0o500)
    try:
        done = serve('--data', str(folder), '--listen', '127.0.0.1:0', **somebody)
        equal(done.returncode, 1)
        contains(done.stderr, str(folder))
    finally:
        os.chmod(folder, 0o700)
        shutil.rmtree(folder)


@test
def unusable_folders():
    folder = make_folder()
    file = folder / 'file'
    file.write_text('x')
    for bad in (file, file / 'below', '/proc/hearth-data', '/dev/null'):
        done = serve('--data', str(bad), '--listen', '127.0.0.1:0')
        equal(done.returncode, 1, str(bad))
        contains(done.stderr, 'hearth: ')
    (folder / 'hearth.json').write_text('{"format":99,"id":"x"}')
    done = serve('--data', str(folder), '--listen', '127.0.0.1:0')
    equal(done.returncode, 1)
    contains(done.stderr, '99')
    shutil.rmtree(folder)


@test
def damaged_token_is_named():
    folder = make_folder()
    (folder / 'local').mkdir()
    (folder / 'local/token').write_text('short')
    done = serve('--data', str(folder), '--listen', '127.0.0.1:0')
    equal(done.returncode, 1)
    contains(done.stderr, 'local/token')
    shutil.rmtree(folder)


@test
def wrong_options():
    for options in (['--listen', 'x'], ['--listen', '127.0.0.1:99999'], ['--listn', 'x'], ['extra'], ['--until-eof', 'x'], ['--listen']):
        done = serve(*options)
        equal(done.returncode, 2, options)
        contains(done.stderr, 'hearth: ')


@test
def signals_stop_it_in_order():
    for how in (signal.SIGTERM, signal.SIGINT):
        d = Daemon()
        link = Line(d.folder)
        link.send({'jsonrpc': '2.0', 'id': 1, 'method': 'events.subscribe', 'params': {'topics': ['none.*']}})
        call_over(link, 'system.info', number=2)  # in order: the subscription stands
        equal(d.end(how), 0)
        equal(link.receive(), None)
        equal((d.folder / 'local/rpc.sock').exists(), False)
        d.close()


@test
def a_killed_one_leaves_a_usable_folder():
    d = Daemon()
    token = d.token
    d.end(signal.SIGKILL)
    equal((d.folder / 'local/rpc.sock').exists(), True, 'nobody removed it')
    again = Daemon(folder=d.folder)
    equal(again.token, token)
    equal('result' in call_over(Line(again.folder), 'system.info')[1], True)
    again.end()
    shutil.rmtree(d.folder)


@test
def its_owner_ends_it():
    ours, theirs = socket.socketpair()
    folder = make_folder()
    process = subprocess.Popen([BIN, 'serve', '--data', str(folder), '--listen', 'none', '--until-eof', str(theirs.fileno())],
                               pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    theirs.close()
    contains(process.stdout.readline(), 'hearth: ready on ')
    contains(call_over(Line(folder), 'system.info')[1], 'result')
    equal(call_over(Line(folder), 'sessions.key.create')[1]['error']['data']['name'], 'unavailable')
    ours.close()
    equal(process.wait(30), 0)
    process.stdout.close()
    shutil.rmtree(folder)


@test
def a_long_path_works():
    folder = pathlib.Path(tempfile.mkdtemp(prefix='hearth-test-')) / ('x' * 100) / ('y' * 100)
    with Daemon(folder=folder):
        done = subprocess.run([BIN, 'call', '--data', str(folder), 'system.info'], capture_output=True, text=True, timeout=60)
        equal(done.returncode, 0, done.stderr)
        contains(done.stdout, 'yyyy')
    shutil.rmtree(folder.parent.parent)


@test
def ports_come_back():
    d = daemon()
    equal(d.result('system.info')['url'], d.url)
    for path in ('/livez', '/readyz'):
        answer = d.request('GET', path)
        equal((answer.status, answer.json), (200, {'status': 'ok'}))
