# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small WebSocket client (RFC 6455) that can also misbehave."""
import base64
import hashlib
import json
import os
import socket
import struct

GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f'{status}: {body!r}')
        self.status, self.body = status, body


class WebSocket:
    def __init__(self, port, headers=None, path='/rpc', host=None):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=60)
        self.file = self.socket.makefile('rb')
        self.close_code = None
        key = base64.b64encode(os.urandom(16))
        lines = [f'GET {path} HTTP/1.1', f'Host: {host or f"127.0.0.1:{port}"}', 'Upgrade: websocket', 'Connection: Upgrade',
                 f'Sec-WebSocket-Key: {key.decode()}', 'Sec-WebSocket-Version: 13']
        lines += [f'{name}: {value}' for name, value in (headers or {}).items()]
        self.socket.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode())
        status = int(self.file.readline().split()[1])
        answer = {}
        while (line := self.file.readline().strip()):
            name, value = line.split(b':', 1)
            answer[name.strip().lower()] = value.strip()
        if status != 101:
            body = self.file.read(int(answer.get(b'content-length', 0)))
            self.close()
            raise Refused(status, body)
        assert answer[b'sec-websocket-accept'] == base64.b64encode(hashlib.sha1(key + GUID).digest()), answer

    def frame(self, opcode, data, final=True, masked=True):
        head = bytes([opcode | (0x80 if final else 0)])
        flag = 0x80 if masked else 0
        if len(data) < 126:
            head += bytes([flag | len(data)])
        elif len(data) < 65536:
            head += struct.pack('>BH', flag | 126, len(data))
        else:
            head += struct.pack('>BQ', flag | 127, len(data))
        if masked:
            mask = os.urandom(4)
            repeated = (mask * (len(data) // 4 + 1))[:len(data)]
            data = mask + (int.from_bytes(data, 'big') ^ int.from_bytes(repeated, 'big')).to_bytes(len(data), 'big')
        self.socket.sendall(head + data)

    def send(self, message):
        self.frame(TEXT, message if isinstance(message, bytes) else json.dumps(message).encode())

    def _exactly(self, n):
        data = self.file.read(n)
        if len(data) != n:
            raise ConnectionError('closed')
        return data

    def receive_frame(self):
        first, second = self._exactly(2)
        n = second & 0x7f
        if n == 126:
            n, = struct.unpack('>H', self._exactly(2))
        elif n == 127:
            n, = struct.unpack('>Q', self._exactly(8))
        return first & 0x0f, self._exactly(n)

    def receive(self):
        """The next message as a value; None at the end, with close_code set when one was given."""
        while True:
            try:
                opcode, data = self.receive_frame()
            except (ConnectionError, TimeoutError):
                return None
            if opcode == PING:
                self.frame(PONG, data)
            elif opcode == CLOSE:
                self.close_code = struct.unpack('>H', data[:2])[0] if len(data) >= 2 else None
                return None
            elif opcode == TEXT:
                return json.loads(data)

    def close(self):
        self.file.close()
        self.socket.close()
