# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs `hearth ...` over one shared daemon's folder, or over a folder that nobody serves."""
import os
import pty
import select
import shutil
import signal
import subprocess
import time

from daemon import BIN, Daemon, make_folder

MODELS = {'words': None, 'slow': {'delay_ms': 20, 'tokens': 2000, 'say': 'round and round it goes '},
          'steering': {'say': 'a\x1b]0;owned\x07b'}, 'thinking': {'think': 'hm hm', 'say': 'yes'}}
_daemon = None
_idle = None


def daemon():
    global _daemon
    if _daemon is None:
        _daemon = Daemon(models=MODELS)
    return _daemon


def idle_folder():
    """A folder without a daemon; commands start one for themselves."""
    global _idle
    if _idle is None:
        _idle = make_folder(MODELS)
    return _idle


def hearth(*words, data=None, stdin='', env=None, timeout=60):
    folder = daemon().folder if data is None else data
    return subprocess.run([BIN, *words, '--data', str(folder)], input=stdin, capture_output=True, text=True, timeout=timeout,
                          env=dict(os.environ, **(env or {})))


class Terminal:
    """A program at a pseudo terminal."""

    def __init__(self, *words, data=None, env=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({'TERM': 'xterm', 'NO_COLOR': '1', **(env or {})})
            os.execv(BIN, [BIN, *words, '--data', str(data or daemon().folder)])
        self.seen = ''
        self.read = 0     # how much of it was waited for already
        self.code = None

    def read_until(self, part, limit_s=30):
        """Until `part` comes after what was waited for before."""
        end = time.monotonic() + limit_s
        while part not in self.seen[self.read:]:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f'{part!r} never came: {self.seen!r}')
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                piece = b''
            if not piece:
                raise AssertionError(f'ended before {part!r}: {self.seen!r}')
            self.seen += piece.decode(errors='replace')
        self.read = self.seen.index(part, self.read) + len(part)

    def send(self, text):
        os.write(self.fd, text.encode())

    def wait(self):
        """Reads to the end; the exit status."""
        if self.code is None:
            while True:
                try:
                    piece = os.read(self.fd, 65536)
                except OSError:
                    break
                if not piece:
                    break
                self.seen += piece.decode(errors='replace')
            _, status = os.waitpid(self.pid, 0)
            os.close(self.fd)
            self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def kill(self):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


def close():
    if _daemon is not None:
        _daemon.close()
    if _idle is not None:
        shutil.rmtree(_idle, ignore_errors=True)
