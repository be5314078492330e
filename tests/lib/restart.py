# SPDX-License-Identifier: AGPL-3.0-or-later
"""A daemon that is ended in every way and started again on the same folder, for the suites that are about that.

    with Restartable(models={'echo': {}}) as d:
        thread = d.rpc('threads.create', {'title': 'one'})
        d.kill()
        d.start()

What it logs lies in d.log, beside the folder, and is shown when a test fails. Nothing here waits for a time.
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from daemon import BIN, ROOT  # noqa: F401  (ROOT is for those who import this)

READY = re.compile(r'^hearth: ready on (\S+)\n', re.MULTILINE)
LIMIT_S = 60


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(f'{error.get("code")}: {error.get("message")}')
        self.code, self.message, self.data = error.get('code'), error.get('message'), error.get('data') or {}
        self.name = self.data.get('name')


class Gone(Exception):
    """The connection ended before the answer came."""


def folder():
    """A new temporary folder; short, since the path of a unix socket holds 107 bytes."""
    return pathlib.Path(tempfile.mkdtemp(prefix='hearth-'))


class Restartable:
    """`data`: a folder that stays, else a temporary one. `wrap`: words before the command, as of taskset or nsenter."""

    def __init__(self, data=None, args=(), wrap=(), models=None):
        self.own = data is None
        self.data = folder() if data is None else pathlib.Path(data)
        self.args, self.wrap = list(args), list(wrap)
        self.env = {k: v for k, v in os.environ.items() if k not in ('HEARTH_DATA', 'HEARTH_LOG', 'DISPLAY', 'WAYLAND_DISPLAY')}
        self.log = self.data.with_name(self.data.name + '.log')
        self.process = self.url = None
        self.said = b''
        for name, knobs in (models or {}).items():
            self.add_echo(name, **knobs)

    # -- life ----------------------------------------------------------------------------------------------------

    def spawn(self, listen='127.0.0.1:0'):
        """Starts the process without waiting for it to be ready."""
        self.url, self.said = None, b''
        command = [*self.wrap, BIN, 'serve', '--data', str(self.data), '--listen', listen, *self.args]
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        os.set_blocking(self.process.stdout.fileno(), False)
        return self

    def wait_ready(self):
        end = time.monotonic() + LIMIT_S
        while True:
            chunk = self.process.stdout.read()
            self.said += chunk or b''
            found = READY.search(self.said.decode(errors='replace'))
            if found:
                self.url = found[1]
                return self
            if chunk == b'':
                raise AssertionError(f'the daemon ended with {self.wait_end()} before it was ready: {self.logged()}')
            if time.monotonic() > end:
                raise AssertionError(f'the daemon was not ready within {LIMIT_S} s: {self.logged()}')
            time.sleep(0.001)

    def start(self, **options):
        return self.spawn(**options).wait_ready()

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_end()

    def kill(self):
        """SIGKILL: nothing is told to anybody."""
        self.process.kill()
        return self.wait_end()

    def wait_end(self):
        try:
            return self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f'the daemon did not end within {LIMIT_S} s: {self.logged()}') from None
        finally:
            self.process.stdout.close()

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.own:
            shutil.rmtree(self.data, ignore_errors=True)
            self.log.unlink(missing_ok=True)

    def __enter__(self):
        return self if self.url else self.start()

    def __exit__(self, kind, value, trace):
        if kind:
            print(f'--- the daemon said: {self.logged()}\n---', flush=True)
        said = self.log.read_text(errors='replace') if self.log.exists() else ''
        self.close()
        if not kind and ('Sanitizer' in said or 'runtime error' in said):
            raise AssertionError(said[-6000:])

    def logged(self, lines=15):
        said = self.said.decode(errors='replace')
        return said + '\n'.join(self.log.read_text(errors='replace').splitlines()[-lines:]) if self.log.exists() else said

    # -- facts ---------------------------------------------------------------------------------------------------

    @property
    def pid(self):
        return self.process.pid

    @property
    def host(self):
        return self.url.removeprefix('http://')

    @property
    def root(self):
        """Where its files lie as seen from here, also when it has mounts of its own."""
        return pathlib.Path(f'/proc/{self.pid}/root') / str(self.data).lstrip('/') if self.wrap else self.data

    @property
    def token(self):
        return (self.root / 'local/token').read_text().strip()

    def children(self):
        """The pids of the daemon's children."""
        found = set()
        for task in pathlib.Path(f'/proc/{self.pid}/task').iterdir():
            with contextlib.suppress(OSError):
                found.update(map(int, (task / 'children').read_text().split()))
        return found

    def add_echo(self, name, **knobs):
        """A model that says the question back; see plugins/engine-echo/README.md for the knobs."""
        path = self.data / 'models' / f'{name}.echo'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(knobs) if knobs else '')

    # -- calls ---------------------------------------------------------------------------------------------------

    def rpc(self, method, params=None, limit_s=LIMIT_S):
        """One call as the owner over HTTP; its result, or RpcError."""
        with self._post(method, params, 'application/json', limit_s) as answer:
            return result_of(json.loads(answer.read()))

    def stream(self, method, params=None):
        """(event, message) of a streaming call, as SSE. Closing the generator closes the connection, as a client that leaves."""
        with self._post(method, params, 'text/event-stream', LIMIT_S) as answer:
            event = 'message'
            for raw in answer:
                line = raw.decode().rstrip('\n')
                if line.startswith('event: '):
                    event = line[7:]
                elif line.startswith('data: '):
                    yield event, json.loads(line[6:])

    @contextlib.contextmanager
    def _post(self, method, params, accept, limit_s):
        connection = http.client.HTTPConnection(self.host, timeout=limit_s)
        request = {'jsonrpc': '2.0', 'id': 1, 'method': method, 'params': params or {}}
        headers = {'Content-Type': 'application/json', 'Accept': accept, 'Authorization': f'Bearer {self.token}'}
        try:
            connection.request('POST', '/rpc', json.dumps(request), headers)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise Gone(str(error)) from error
        finally:
            connection.close()

    def line(self):
        return Calls(self.root / 'local/rpc.sock')


def result_of(message):
    if 'error' in message:
        raise RpcError(message['error'])
    return message['result']


def text_of(message):
    return ''.join(part['text'] for part in message['parts'] if part['type'] == 'text')


class Calls:
    """Calls over the unix socket, as the owner; Gone when the daemon is."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT_S)
        # The path may be longer than an address holds (through /proc): go there by a descriptor.
        parent = os.open(path.parent, os.O_PATH)
        try:
            self.socket.connect(f'/proc/self/fd/{parent}/{path.name}')
        except OSError as error:
            self.socket.close()
            raise Gone(str(error)) from error
        finally:
            os.close(parent)
        self.input = self.socket.makefile('rb')
        self.last = 0

    def send(self, method, params=None):
        """Sends a request; returns its id."""
        self.last += 1
        self.put({'jsonrpc': '2.0', 'id': self.last, 'method': method, 'params': params or {}})
        return self.last

    def notify(self, method, params):
        self.put({'jsonrpc': '2.0', 'method': method, 'params': params})

    def put(self, message):
        try:
            self.socket.sendall(json.dumps(message).encode() + b'\n')
        except OSError as error:
            raise Gone(str(error)) from error

    def next(self):
        """The next message, whatever it is."""
        try:
            line = self.input.readline()
        except OSError as error:
            raise Gone(str(error)) from error
        if not line.endswith(b'\n'):
            raise Gone('the connection ended')
        return json.loads(line)

    def call(self, method, params=None, on_event=None):
        wanted = self.send(method, params)
        while True:
            message = self.next()
            if message.get('method') == 'rpc.event' and message['params'].get('id') == wanted:
                if on_event:
                    on_event(message['params'])
            elif message.get('id') == wanted and 'method' not in message:
                return result_of(message)

    def close(self):
        self.input.close()
        self.socket.close()
