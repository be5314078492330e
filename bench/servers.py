# SPDX-License-Identifier: AGPL-3.0-or-later
"""The two servers that are measured, with one face: start, processes, CPU time, memory, addresses."""
import contextlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import time

from restart import ROOT, Restartable  # noqa: F401  (ROOT is for the others)

SERVER_CORE, CLIENT_CORE = 0, 1
LIMIT_S = 120


def pinned(core):
    """For preexec_fn: keeps a process to one core where there are two."""
    def pin():
        if os.cpu_count() > 1:
            os.sched_setaffinity(0, {core})
    return pin


def cpu_s(pid):
    """Seconds of CPU of a process with all its threads, also those that ended: to the nanosecond, not to the tick."""
    return time.clock_gettime((~pid << 3) | 2)


def memory_kib(pid, key):
    for line in pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines():
        if line.startswith(key + ':'):
            return int(line.split()[1])
    raise KeyError(key)


def switches(pid):
    """How often the threads of a process went to sleep by themselves: each time something had woken them."""
    total = 0
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        with contextlib.suppress(OSError):
            for line in (task / 'status').read_text().splitlines():
                if line.startswith('voluntary_ctxt_switches'):
                    total += int(line.split()[1])
    return total


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Running:
    """A started server: what can be read off it."""
    key = None

    def cpu_s(self):
        return sum(cpu_s(pid) for pid in self.pids())

    def pss_kib(self):
        return sum(memory_kib(pid, 'Pss') for pid in self.pids())

    def private_kib(self):
        return sum(memory_kib(pid, 'Private_Dirty') for pid in self.pids())

    def switches(self):
        return sum(switches(pid) for pid in self.pids())

    def post(self, path, body):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=LIMIT_S)
        headers = {'Content-Type': 'application/json', **({'Authorization': f'Bearer {self.key}'} if self.key else {})}
        connection.request('POST', path, json.dumps(body), headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if answer.status != 200:
            raise AssertionError(f'{path}: {answer.status} {data[:300]}')
        return json.loads(data)

    def request(self, method, path, body=None, accept='*/*', close=False, headers=()):
        """A whole HTTP request as bytes, for bench/load."""
        text = b'' if body is None else json.dumps(body).encode()
        lines = [f'{method} {path} HTTP/1.1', f'Host: 127.0.0.1:{self.port}', f'Accept: {accept}', *headers]
        if self.key:
            lines.append(f'Authorization: Bearer {self.key}')
        if body is not None:
            lines += ['Content-Type: application/json', f'Content-Length: {len(text)}']
        if close:
            lines.append('Connection: close')
        return '\r\n'.join([*lines, '', '']).encode() + text


class Hearth:
    name = 'hearth'

    def __init__(self, build):
        self.build = build
        os.environ['HEARTH_BUILD'] = str(build)

    @contextlib.contextmanager
    def run(self, model=None, slots=1, context=None):
        """`model`: a path, or None for none. Ready means: loaded."""
        d = Restartable(wrap=['taskset', '-c', str(SERVER_CORE)] if os.cpu_count() > 1 else [])
        began = time.perf_counter()
        d.start()
        running = HearthRunning(d)
        running.ready_ms = (time.perf_counter() - began) * 1e3
        try:
            if model:
                running.model = 'kindling' if model.parent.name == 'kindling' else d.rpc('models.add', {'path': str(model)})['id']
                began = time.perf_counter()
                settings = {'slots': slots, 'threads': 1, **({'context': context} if context else {})}
                d.rpc('inference.load', {'model': running.model, 'settings': settings}, limit_s=LIMIT_S)
                running.ready_ms += (time.perf_counter() - began) * 1e3
            yield running
        finally:
            d.close()


class HearthRunning(Running):
    def __init__(self, d):
        self.d, self.port, self.model = d, int(d.host.split(':')[1]), None
        self.key = d.token

    def pids(self):
        return [self.d.pid, *self.d.children()]


class LlamaServer:
    name = 'llama-server'

    def __init__(self, path):
        self.path = path

    @contextlib.contextmanager
    def run(self, model=None, slots=1, context=None):
        if model is None:
            yield None     # it does not start without a model
            return
        running = LlamaRunning()
        running.port, running.model = free_port(), 'bench'
        command = [self.path, '-m', str(model), '--host', '127.0.0.1', '--port', str(running.port), '-t', '1', '-np', str(slots),
                   '-c', str((context or 1024) * slots), '--no-ui', '--offline', '--no-warmup', '--jinja', '-lv', '0']
        began = time.perf_counter()
        running.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                           preexec_fn=pinned(SERVER_CORE))
        try:
            while not running.is_up():
                if running.process.poll() is not None or time.perf_counter() - began > LIMIT_S:
                    raise AssertionError(f'{self.path} did not become ready (exit {running.process.poll()})')
                time.sleep(0.001)
            running.ready_ms = (time.perf_counter() - began) * 1e3
            yield running
        finally:
            running.process.kill()
            running.process.wait()


class LlamaRunning(Running):
    def pids(self):
        return [self.process.pid]

    def is_up(self):
        try:
            connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=5)
            connection.request('GET', '/health')
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
