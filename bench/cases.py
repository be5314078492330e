# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is measured. A case measures one server once and gives one number, or None where it does not apply."""
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from servers import CLIENT_CORE, SERVER_CORE, pinned

PROMPT = 'Tell me, please, what a fire needs to burn through the night.'
IDLE_CONNECTIONS = 1000


class Case:
    def __init__(self, name, unit, measure, *, aim='', repeat=None, smaller_is_better=True, reduce=statistics.median):
        self.name, self.unit, self.measure, self.aim, self.repeat = name, unit, measure, aim, repeat
        self.smaller_is_better, self.reduce = smaller_is_better, reduce


def beyond(values):
    """What others do on the machine only ever adds to CPU time (caches, clock), so the least of each is nearest to the truth."""
    return min(slope for slope, _ in values) - min(min(raws) for _, raws in values)


class Bench:
    def __init__(self, build, models, quick):
        self.build, self.models, self.quick = build, models, quick
        # What a token costs is the slope between a short and a long answer: what a request costs once drops out.
        self.few, self.many = (16, 144) if quick else (16, 528)
        self.room = self.many + 256
        self.runs, self.raws = {}, {}

    def cases(self):
        yield Case('start to ready, no model', 'ms', self.start_alone, aim='< 20')
        yield Case('start to ready, Kindling loaded', 'ms', lambda kind: self.start_with(kind, 'kindling'))
        yield Case('idle memory (PSS), no model', 'MiB', self.idle_memory, aim='< 10', repeat=2)
        yield Case('idle memory (PSS), Kindling loaded', 'MiB', lambda kind: self.memory_with(kind, 'kindling'), repeat=2)
        yield Case('wake-ups when idle, no model', '/s', lambda kind: self.wake_ups(kind, None), aim='0', repeat=1)
        yield Case('wake-ups when idle, model loaded', '/s', lambda kind: self.wake_ups(kind, 'tiny'), aim='0', repeat=1)
        yield Case('executables with the page, stripped', 'MiB', self.size, aim='< 3', repeat=1)
        for name, words, aims in (('tiny', '259 words', ('< 20', '')), ('wide', '32,000 words', ('< 60', '')), ('kindling', 'Kindling', ('', ''))):
            for streams, aim in zip((1, 8), aims):
                label = f'{words}, {streams} stream{"s" if streams > 1 else ""}'
                yield Case(f'CPU beyond decode, {label}', 'µs/token', self.streamed(name, streams, 'beyond'), aim=aim, reduce=beyond)
                yield Case(f'speed, {label}', 'tokens/s', self.streamed(name, streams, 'speed'), smaller_is_better=False,
                           aim='≥ 1.1 ×' if streams > 1 else '')
                yield Case(f'first token, {label}', 'ms', self.streamed(name, streams, 'first'))
        yield Case('idle SSE connection', 'KiB', self.idle_sse, aim='< 4', repeat=2)
        yield Case('idle WebSocket connection', 'KiB', self.idle_websocket, aim='< 4', repeat=2)
        yield Case('small request: the face alone (/livez, /health)', 'µs CPU', self.small('live'), aim='< 5')
        yield Case('small request: a gated method (chat.running)', 'µs CPU', self.small('method'), aim='< 12')
        yield Case('round trip: a method in the daemon', 'µs', self.round_trip('chat.running', {}), repeat=3)
        yield Case('round trip: a method in a child (tokenize)', 'µs', self.round_trip('inference.tokenize', None), repeat=3)

    # -- start, memory, size -------------------------------------------------------------------------------------------

    def start_alone(self, kind):
        with kind.run() as server:
            return server and server.ready_ms

    def start_with(self, kind, model):
        with kind.run(self.models[model]) as server:
            return server.ready_ms

    def idle_memory(self, kind):
        with kind.run() as server:
            return server and server.pss_kib() / 1024

    def memory_with(self, kind, model):
        with kind.run(self.models[model]) as server:
            self.ask(server, 8)
            return server.pss_kib() / 1024

    def wake_ups(self, kind, model):
        with kind.run(self.models[model] if model else None) as server:
            if server is None:
                return None
            if model:
                self.ask(server, 8)
            seconds = 1 if self.quick else 5
            time.sleep(2)       # what starting up still has to do is not idleness
            before = server.switches()
            time.sleep(seconds)
            return (server.switches() - before) / seconds

    def size(self, kind):
        if kind.name == 'hearth':
            files = [kind.build / 'hearth', kind.build / 'hearth-plugin-host', kind.build / 'plugins/engine-llama/engine-llama.so',
                     kind.build / 'plugins/engine-echo/engine-echo.so']
        else:
            with kind.run(self.models['tiny']) as server:
                files = self.own_files(server.pids()[0])
        with tempfile.TemporaryDirectory() as folder:
            total = 0
            for path in files:
                out = pathlib.Path(folder) / 'stripped'
                subprocess.run(['strip', '-o', out, path], check=True)
                total += out.stat().st_size
            return total / (1 << 20)

    @staticmethod
    def own_files(pid):
        """A running program and its own libraries, without those of llama.cpp that Hearth's engine uses in the same form."""
        maps = pathlib.Path(f'/proc/{pid}/maps').read_text().splitlines()
        names = {line.split(None, 5)[5] for line in maps if '/' in line and ' r-xp ' in line}
        shared = ('libllama.', 'libllama-common.', 'libggml')
        system = ('/lib', '/usr/lib')
        return sorted(name for name in names if not name.startswith(system) and not pathlib.Path(name).name.startswith(shared))

    # -- load ------------------------------------------------------------------------------------------------------------

    def load(self, server, mode, count, request, *more, **options):
        with tempfile.NamedTemporaryFile() as file:
            file.write(request)
            file.flush()
            command = [str(self.build / 'bench/load'), mode, str(server.port), str(count), file.name, *map(str, more)]
            done = subprocess.run(command, capture_output=True, text=True, preexec_fn=pinned(CLIENT_CORE), **options)
            if done.returncode != 0:
                raise AssertionError(done.stderr)
            return json.loads(done.stdout)

    @staticmethod
    def body(server, tokens):
        return {'model': server.model, 'messages': [{'role': 'user', 'content': PROMPT}], 'max_tokens': tokens, 'temperature': 0, 'seed': 1,
                'ignore_eos': True, 'stream': True, 'stream_options': {'include_usage': True}}

    def ask(self, server, tokens):
        return self.measure_tokens(server, 1, tokens)

    def raw_us(self, model, streams, prompt):
        """CPU of a bare llama_decode per token, at the same places of the context, measured beside the servers each time."""
        libraries = self.build / 'plugins/engine-llama/llama'
        command = [str(self.build / 'bench/raw_decode'), str(self.models[model]), str(libraries),
                   *map(str, (streams, self.room, self.many - self.few, prompt + self.few))]
        env = dict(os.environ, LD_LIBRARY_PATH=str(libraries))
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=pinned(SERVER_CORE), env=env, check=True)
        return json.loads(done.stdout)['cpu_us']

    def streamed(self, model, streams, what):
        """Three figures come out of the same run: the first case that asks makes it, the others take it."""
        def measure(kind):
            key = (kind.name, model, streams)
            taken = self.runs.setdefault(key, {'beyond': [], 'speed': [], 'first': []})
            if not taken[what]:
                self.run_streams(kind, model, streams, taken)
            return taken[what].pop(0)
        return measure

    def run_streams(self, kind, model, streams, taken):
        with kind.run(self.models[model], slots=streams, context=self.room) as server:
            _, first = self.measure_tokens(server, streams, self.few)      # the first time costs more
            raws = self.raws.setdefault((model, streams), [])       # shared by the servers: decoding is the same for all
            raws.append(self.raw_us(model, streams, first['prompt']))
            few_cpu, few = self.measure_tokens(server, streams, self.few)
            many_cpu, many = self.measure_tokens(server, streams, self.many)
            tokens = many['tokens'] - few['tokens']
            taken['beyond'].append(((many_cpu - few_cpu) / tokens, raws))
            taken['speed'].append(many['tokens'] / many['wall_us'] * 1e6)
            taken['first'].append(many['first_us'] / 1e3)

    def measure_tokens(self, server, streams, tokens):
        """(µs of CPU, what the client saw) of `streams` answers at once."""
        request = server.request('POST', '/v1/chat/completions', self.body(server, tokens))
        before = server.cpu_s()
        got = self.load(server, 'stream', streams, request)
        if got['tokens'] != streams * tokens:
            raise AssertionError(f'{server.model}: {got["tokens"]} tokens, wanted {streams * tokens}')
        return (server.cpu_s() - before) * 1e6, got

    # -- connections and requests ------------------------------------------------------------------------------------------

    def idle(self, kind, request_of):
        if kind.name != 'hearth':
            return None
        count = 100 if self.quick else IDLE_CONNECTIONS
        with kind.run() as server, tempfile.NamedTemporaryFile() as file:
            file.write(request_of(server))
            file.flush()
            command = [str(self.build / 'bench/load'), 'idle', str(server.port), str(count), file.name]
            before = server.private_kib()
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=pinned(CLIENT_CORE)) as load:
                if load.stdout.readline() != b'ready\n':
                    raise AssertionError('not all connections were taken')
                used = server.private_kib() - before
                load.stdin.close()
            return used / count

    def idle_sse(self, kind):
        call = {'jsonrpc': '2.0', 'id': 1, 'method': 'events.subscribe', 'params': {'topics': ['threads.changed']}}
        return self.idle(kind, lambda server: server.request('POST', '/rpc', call, accept='text/event-stream'))

    def idle_websocket(self, kind):
        upgrade = ('Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
        return self.idle(kind, lambda server: server.request('GET', '/rpc', headers=upgrade))

    def small(self, what):
        def measure(kind):
            if kind.name != 'hearth' and what == 'method':
                return None
            total = 5000 if self.quick else 100000
            with kind.run(None if kind.name == 'hearth' else self.models['tiny']) as server:
                if what == 'live':
                    request = server.request('GET', '/livez' if kind.name == 'hearth' else '/health')
                else:
                    request = server.request('POST', '/rpc', {'jsonrpc': '2.0', 'id': 1, 'method': 'chat.running', 'params': {}})
                self.load(server, 'keep', 8, request, 1000)
                before = server.cpu_s()
                self.load(server, 'keep', 8, request, total)
                return (server.cpu_s() - before) / total * 1e6
        return measure

    def round_trip(self, method, params):
        """As a client on a kept connection sees it, one at a time."""
        def measure(kind):
            if kind.name != 'hearth':
                return None
            with kind.run(self.models['tiny'] if params is None else None) as server:
                given = {'model': server.model, 'text': 'one two three'} if params is None else params
                request = server.request('POST', '/rpc', {'jsonrpc': '2.0', 'id': 1, 'method': method, 'params': given})
                self.load(server, 'keep', 1, request, 100)
                return self.load(server, 'keep', 1, request, 500 if self.quick else 5000)['median_us']
        return measure
