# SPDX-License-Identifier: AGPL-3.0-or-later
"""Disks that are full or read-only, files that are damaged, two daemons on one folder.

Full and read-only disks are real ones: a small tmpfs in a mount namespace of our own. Where the system forbids such
namespaces those cases are skipped, and say so.
"""
import contextlib
import json
import os
import pathlib
import random
import subprocess

import suite
from restart import Restartable, RpcError, folder, text_of

SCHEME = ['unshare', '--mount', '--propagation', 'private']


class Disk:
    """A tmpfs of `size` that only those inside its namespace see; it lives as long as this object."""

    def __init__(self, size):
        self.path = folder()
        script = f'mount -t tmpfs -o size={size},mode=0700 none "$0" && echo mounted && exec cat'
        options = [] if os.geteuid() == 0 else ['--user', '--map-root-user']
        self.holder = subprocess.Popen([*SCHEME, *options, 'sh', '-c', script, str(self.path)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.holder.stdout.readline() != b'mounted\n':
            why = self.holder.stderr.read().decode().strip()
            self.close()
            raise suite.Skip(f'no mount namespace here: {why}')
        self.enter = ['nsenter', '--target', str(self.holder.pid), '--mount', *(['--user', '--preserve-credentials'] if options else [])]

    def run(self, *command):
        return subprocess.run([*self.enter, *command], check=True, capture_output=True, text=True).stdout

    @property
    def root(self):
        return pathlib.Path(f'/proc/{self.holder.pid}/root') / str(self.path).lstrip('/')

    def fill(self):
        """Until not one block is left."""
        with contextlib.suppress(OSError), open(self.root / 'filler', 'ab', buffering=0) as filler:
            while True:
                filler.write(b'\0' * 4096)

    def close(self):
        self.holder.stdin.close()
        self.holder.wait(10)
        for end in (self.holder.stdout, self.holder.stderr):
            end.close()
        self.path.rmdir()


class OnDisk(Restartable):
    """A daemon on a folder in such a disk."""

    def __init__(self, disk, **options):
        super().__init__(data=disk.path / 'data', wrap=disk.enter, **options)
        self.disk = disk
        self.log = disk.path.with_suffix('.log')

    @property
    def root(self):
        return self.disk.root / 'data'

    def close(self):
        super().close()
        self.log.unlink(missing_ok=True)


def refused_start(d):
    """Starts a daemon that must refuse; returns what it says."""
    d.spawn()
    code = d.process.wait(20)
    said = d.process.stdout.read() or b''
    d.process.stdout.close()
    assert code == 1, (code, said, d.logged())
    assert b'ready' not in said, said
    return d.log.read_text()


def add(d, thread, text):
    return d.rpc('threads.message.add', {'thread': thread, 'role': 'user', 'text': text})['id']


def read(d, thread):
    return {m['id']: text_of(m) for m in d.rpc('threads.get', {'id': thread})['messages']}


@suite.test
def a_full_disk_is_said_and_loses_nothing():
    disk = Disk('3m')
    try:
        with OnDisk(disk) as d:
            thread = d.rpc('threads.create', {'title': 'until it is full'})['id']
            safe = {}
            for i in range(20):
                text = f'{i} ' + 'x' * 3000
                safe[add(d, thread, text)] = text
            disk.fill()
            errors = []
            for i in range(30):
                text = f'more {i} ' + 'y' * 3000
                try:
                    safe[add(d, thread, text)] = text
                except RpcError as error:
                    errors.append(error)
            assert errors and {e.name for e in errors} == {'disk_full'}, errors
            assert 'full' in errors[0].message or 'space' in errors[0].message, errors[0].message
            assert read(d, thread) == safe, 'reading on a full disk'
            (disk.root / 'filler').unlink()
            for i in range(5):
                text = f'room again {i}'
                safe[add(d, thread, text)] = text
            assert read(d, thread) == safe, 'after room was made'
            disk.fill()
            d.kill()
            (disk.root / 'filler').unlink()
            d.start()
            assert read(d, thread) == safe, 'after a kill and a start'
            return f'{len(errors)} refusals: {errors[0].message}'
    finally:
        disk.close()


@suite.test
def a_start_on_a_full_disk_reads_or_says_why_not():
    disk = Disk('3m')
    try:
        with OnDisk(disk) as d:
            thread = d.rpc('threads.create', {'title': 'before'})['id']
            safe = {add(d, thread, 'kept'): 'kept'}
            d.kill()
            disk.fill()
            d.spawn()
            try:
                d.wait_ready()
                started = True
            except AssertionError:
                started = False
            if started:
                assert read(d, thread) == safe
                d.stop()
            else:
                said = d.log.read_text()
                assert 'full' in said or 'space' in said, said
            (disk.root / 'filler').unlink()
            d.start()
            assert read(d, thread) == safe
            return 'it starts and reads' if started else 'it refuses and says so'
    finally:
        disk.close()


@suite.test
def a_read_only_folder_is_refused_in_a_sentence():
    disk = Disk('8m')
    try:
        with OnDisk(disk) as d:
            thread = d.rpc('threads.create', {'title': 'before'})['id']
            safe = {add(d, thread, 'kept'): 'kept'}
            assert d.stop() == 0
            disk.run('mount', '-o', 'remount,ro', str(disk.path))
            d.log.write_text('')
            said = refused_start(d)
            assert 'read-only' in said or 'cannot be written' in said, said
            assert str(d.data) in said, said
            disk.run('mount', '-o', 'remount,rw', str(disk.path))
            d.start()
            assert read(d, thread) == safe
            return said.strip().splitlines()[-1]
    finally:
        disk.close()


@suite.test
def the_second_daemon_on_a_folder_names_the_first():
    with Restartable() as first:
        thread = first.rpc('threads.create', {'title': 'mine'})['id']
        second = Restartable(data=first.data)
        second.log = first.data.with_name(first.data.name + '.second.log')
        try:
            said = refused_start(second)
            assert str(first.pid) in said and str(first.data) in said, said
        finally:
            second.log.unlink()
        assert first.rpc('threads.get', {'id': thread})['thread']['title'] == 'mine'
        first.line().close()
        first.kill()
        first.start()
        assert first.rpc('threads.get', {'id': thread})['thread']['title'] == 'mine', 'a dead daemon holds no lock'


@suite.test
def a_port_in_use_is_said_with_the_option_that_changes_it():
    with Restartable() as first, Restartable() as second:
        second.stop()
        second.log.write_text('')
        second.spawn(listen=first.host)
        assert second.process.wait(20) == 1
        second.process.stdout.close()
        said = second.log.read_text()
        assert '--listen' in said and first.host.split(':')[1] in said, said
        second.start()


@contextlib.contextmanager
def history():
    """A daemon that was stopped in order, with two threads; yields (daemon, {thread: {id: text}})."""
    with Restartable() as d:
        known = {}
        for name in ('one', 'two'):
            thread = d.rpc('threads.create', {'title': name})['id']
            texts = [f'{name} {i} marmalade {"z" * i}' for i in range(30)]
            known[thread] = {add(d, thread, text): text for text in texts}
        assert d.stop() == 0
        yield d, known


def check_history(d, known):
    for thread, messages in known.items():
        assert read(d, thread) == messages, f'{thread} reads differently'
    listed = {one['id']: one for one in d.rpc('threads.list')['threads']}
    assert set(known) <= set(listed), listed
    assert {listed[thread]['message_count'] for thread in known} == {len(next(iter(known.values())))}, listed
    hits = d.rpc('threads.search', {'query': 'marmalade', 'limit': 50})['hits']
    assert {hit['thread'] for hit in hits} == set(known), hits


def index_files(d):
    return sorted(path for path in (d.data / 'local/index').rglob('*') if path.is_file())


@suite.test
def a_deleted_index_is_built_again():
    with history() as (d, known):
        assert index_files(d)
        for path in index_files(d):
            path.unlink()
        d.start()
        check_history(d, known)


@suite.test
def a_damaged_index_is_built_again():
    dice = random.Random(7)
    damages = {
        'empty': lambda data: b'',
        'random': lambda data: dice.randbytes(len(data)),
        'cut': lambda data: data[:len(data) // 2],
        'holes': lambda data: data[:100] + b''.join(bytes([b]) if dice.random() < 0.98 else b'\xaa' for b in data[100:]),
        'pages': lambda data: data[:4096] + dice.randbytes(max(0, len(data) - 4096)),
    }
    for name, damage in damages.items():
        with history() as (d, known):
            path = next(path for path in index_files(d) if path.name == 'threads.db')
            path.write_bytes(damage(path.read_bytes()))
            d.start()
            try:
                check_history(d, known)
                thread = next(iter(known))
                known[thread][add(d, thread, 'marmalade afterwards')] = 'marmalade afterwards'
                assert read(d, thread) == known[thread]
            except Exception as error:
                raise AssertionError(f'damage "{name}": {error}') from error
    return f'{len(damages)} kinds of damage'


@suite.test
def an_index_older_or_newer_than_the_files_is_not_believed():
    with history() as (d, known):
        saved = {path: path.read_bytes() for path in index_files(d)}
        d.start()
        for thread in known:
            known[thread][add(d, thread, 'marmalade, later')] = 'marmalade, later'
        assert d.stop() == 0
        for path in index_files(d):
            path.unlink()
        for path, data in saved.items():
            path.write_bytes(data)
        d.start()
        check_history(d, known)


def logs_of(d, thread):
    return sorted((d.data / 'threads' / thread).glob('*.jsonl'))


@suite.test
def a_torn_last_line_costs_nothing_else():
    for tail in (b'{"h":"00', b'{"h":"0000000000000000","d":"x","n":', b'\xff\xfe\x00garbage', b'{' * 200, b'"'):
        with history() as (d, known):
            for thread in known:
                with open(logs_of(d, thread)[0], 'ab') as log:
                    log.write(tail)
            d.start()
            for thread in known:
                known[thread][add(d, thread, 'marmalade, after the tear')] = 'marmalade, after the tear'
            check_history(d, known)
            d.kill()
            d.start()
            check_history(d, known)


@suite.test
def damaged_lines_cost_only_themselves():
    with history() as (d, known):
        for thread in known:
            path = logs_of(d, thread)[0]
            lines = path.read_bytes().splitlines(keepends=True)
            junk = [b'\n', b'null\n', b'[]\n', b'{}\n', b'{"h":1,"d":2,"n":"x","o":[]}\n', b'\x00\xff\x80\n', b'{"a":' * 3000 + b'\n',
                    b'{"h":"zzzzzzzzzzzzzzzz","d":"' + b'd' * 5000 + b'","n":-1,"o":"msg.add","k":"..","v":{}}\n',
                    json.dumps({'o': 'x' * 100000}).encode() + b'\n']
            path.write_bytes(b''.join(x for i, line in enumerate(lines) for x in (line, junk[i % len(junk)])))
        for path in index_files(d):
            path.unlink()
        d.start()
        check_history(d, known)


@suite.test
def strange_files_in_the_folder_are_left_alone():
    with history() as (d, known):
        threads = d.data / 'threads'
        (threads / 'not-a-thread').mkdir()
        (threads / 'not-a-thread' / 'x.jsonl').write_bytes(b'{}\n')
        (threads / 'a file').write_text('hello')
        (threads / '01ARZ3NDEKTSV4RRFFQ69G5FAV').mkdir()
        (threads / '01ARZ3NDEKTSV4RRFFQ69G5FAV' / 'empty.jsonl').write_bytes(b'')
        os.symlink('/etc/passwd', threads / next(iter(known)) / 'link.jsonl')
        for path in index_files(d):
            path.unlink()
        d.start()
        check_history(d, known)
        assert (threads / 'a file').read_text() == 'hello'


@suite.test
def damaged_files_of_this_machine_are_named_or_made_anew():
    said = []
    for name, data in (('local/token', b'short'), ('hearth.json', b'{'), ('hearth.json', b'{"format":99}'), ('local/device.json', b'\xff'),
                       ('local/paths.json', b'[1,2'), ('local/lock', b'not a pid')):
        with history() as (d, known):
            path = d.data / name
            path.write_bytes(data)
            d.log.write_text('')
            d.spawn()
            try:
                d.wait_ready()
            except AssertionError:
                log = d.log.read_text()
                is_named = path.name in log or str(d.data) in log and 'format' in log
                assert is_named and d.process.returncode == 1, f'{name} with {data}: {d.process.returncode} {log!r}'
                said.append(f'{path.name}: refused')
                continue
            check_history(d, known)
            said.append(f'{path.name}: goes on')
    return ', '.join(said)


@suite.test
def a_file_that_lost_its_end_gets_a_new_device():
    """A copied or restored folder: what is left stays readable, and nothing new is written below old numbers."""
    with history() as (d, known):
        thread = next(iter(known))
        path = logs_of(d, thread)[0]
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b''.join(lines[:-10]))
        for key in list(known[thread])[-10:]:
            del known[thread][key]
        d.start()
        assert set(known[thread]) <= set(read(d, thread)), 'what is in the file is there'
        known[thread][add(d, thread, 'marmalade, new')] = 'marmalade, new'
        numbers = [(op['d'], op['n']) for log in logs_of(d, thread) for op in map(json.loads, log.read_text().splitlines())]
        assert len(numbers) == len(set(numbers)), 'a number was given twice'
