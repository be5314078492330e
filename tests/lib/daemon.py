# SPDX-License-Identifier: AGPL-3.0-or-later
"""The real daemon, on a free port, over a folder of its own."""
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
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get('HEARTH_BUILD', ROOT / 'build/dev')).resolve()
BIN = os.environ.get('HEARTH_BIN', str(BUILD / 'hearth'))
START_S = 60
STOP_S = 30


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The stable name of a failed JSON-RPC call or HTTP request; None when it worked."""
        found = self.json.get('error')
        return found and (found.get('data') or {}).get('name', found.get('type'))


def make_folder(models=None):
    """A data folder with model files for engine-echo: {name: knobs}."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix='hearth-test-'))
    (folder / 'models').mkdir()
    for name, knobs in (models or {}).items():
        (folder / 'models' / f'{name}.echo').write_text(json.dumps(knobs) if knobs else '')
    return folder


class Daemon:
    def __init__(self, *options, folder=None, models=None, env=None, listen='127.0.0.1:0'):
        self.owns_folder = folder is None
        self.folder = pathlib.Path(folder) if folder else make_folder(models)
        self.lines, self.errors = [], []
        self.ready = threading.Event()
        self.url = None
        self.process = subprocess.Popen(
            [BIN, 'serve', '--data', str(self.folder), '--listen', listen, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace',
            env=dict(os.environ, HEARTH_DATA='', **(env or {})))
        threading.Thread(target=self._read, args=(self.process.stdout, self.lines), daemon=True).start()
        self.error_thread = threading.Thread(target=self._read, args=(self.process.stderr, self.errors), daemon=True)
        self.error_thread.start()
        if not self.ready.wait(START_S) or self.url is None:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f'not ready: {self.text()}')

    def _read(self, stream, into):
        for line in stream:
            into.append(line.rstrip('\n'))
            found = re.fullmatch(r'hearth: ready on (.+)', into[-1])
            if found:
                self.url = found[1]
                self.ready.set()
        self.ready.set()

    def text(self):
        return '\n'.join(self.lines + self.errors)

    @property
    def port(self):
        return int(self.url.rsplit(':', 1)[1])

    @property
    def token(self):
        return (self.folder / 'local/token').read_text().strip()

    @property
    def bearer(self):
        return {'authorization': f'Bearer {self.token}'}

    def request(self, method, path, headers=None, body=None, host=None):
        """One request on a connection of its own. host='' sends no Host header."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=host is not None, skip_accept_encoding=True)
            if host:
                connection.putheader('Host', host)
            data = body.encode() if isinstance(body, str) else body
            if data is not None:
                connection.putheader('Content-Length', str(len(data)))
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders(data)
            found = connection.getresponse()
            return Answer(found.status, found.headers, found.read())
        finally:
            connection.close()

    def post(self, message, headers=None, **more):
        """POST /rpc of a value, or of text as it stands; as the owner unless headers say who."""
        all_headers = {'content-type': 'application/json', **(self.bearer if headers is None else headers)}
        return self.request('POST', '/rpc', all_headers, message if isinstance(message, (str, bytes)) else json.dumps(message), **more)

    def call(self, method, params=None, headers=None):
        return self.post({'jsonrpc': '2.0', 'id': 1, 'method': method, 'params': params or {}}, headers)

    def result(self, method, params=None):
        answer = self.call(method, params)
        if 'result' not in answer.json:
            raise AssertionError(f'{method}: {answer.body!r}')
        return answer.json['result']

    def cookie(self):
        """Signs in as a browser does; the value for a Cookie header."""
        path = self.result('sessions.key.create')['url'].split(str(self.port), 1)[1]
        return self.request('GET', path).headers['set-cookie'].split(';')[0]

    def raw(self, data, timeout=20):
        """Sends bytes, gives back everything until the connection closes or is quiet for long."""
        with socket.create_connection(('127.0.0.1', self.port), timeout=timeout) as link:
            link.sendall(data)
            found = b''
            try:
                while piece := link.recv(65536):
                    found += piece
            except (TimeoutError, ConnectionResetError):
                pass
            return found

    def is_alive(self):
        return self.process.poll() is None and self.request('GET', '/livez').status == 200

    def end(self, how=signal.SIGTERM):
        """Stops the process and checks how it ended; the folder stays."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f'did not stop within {STOP_S} s: {self.text()[-3000:]}') from None
        self.error_thread.join(10)
        said = self.text()
        if 'Sanitizer' in said or 'runtime error' in said:
            raise AssertionError(said[-6000:])
        if how == signal.SIGTERM and code != 0:
            raise AssertionError(f'ended with {code}: {said[-3000:]}')
        return code

    def close(self):
        try:
            self.end()
        finally:
            if self.owns_folder:
                shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Line:
    """JSON-RPC over the unix socket, one message per line."""

    def __init__(self, folder):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(pathlib.Path(folder) / 'local/rpc.sock'))
        self.file = self.socket.makefile('rb')

    def send(self, message):
        self.socket.sendall((message if isinstance(message, bytes) else json.dumps(message).encode()) + b'\n')

    def receive(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def close(self):
        self.file.close()
        self.socket.close()


def call_over(link, method, params=None, number=1):
    """Calls over a Line or a WebSocket; (events, answer)."""
    link.send({'jsonrpc': '2.0', 'id': number, 'method': method, 'params': params or {}})
    events = []
    while (message := link.receive()) is not None:
        if message.get('method') == 'rpc.event':
            events.append(message['params'])
        elif message.get('id') == number:
            return events, message
    raise AssertionError(f'{method}: the connection closed')
