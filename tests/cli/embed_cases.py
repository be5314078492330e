# SPDX-License-Identifier: AGPL-3.0-or-later
"""examples/embed.c: a program of somebody else's, with the library in a build folder and as it lies installed."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from daemon import BIN
from suite import Skip, contains, equal, test

BUILD = pathlib.Path(BIN).resolve().parent
EMBED = BUILD / 'examples/embed'


def lay_library(root):
    """lib/libhearth.so* of an installation, and the folder that is called hearth beside it."""
    (root / 'lib/hearth/plugins').mkdir(parents=True)
    for file in BUILD.glob('src/libhearth.so*'):
        if file.is_file():
            shutil.copy(file, root / 'lib' / file.name)


def embed(folder, **env):
    if not EMBED.exists():
        raise Skip('the examples are not built')
    return subprocess.run([EMBED, 'Hello'], cwd=folder, env=dict(os.environ, **env), capture_output=True, text=True, timeout=120)


@test
def it_starts_the_daemon_of_the_path():
    with tempfile.TemporaryDirectory() as folder:
        done = embed(folder, PATH=str(BUILD))
        # What the turn came to depends on the engines built here; the daemon was found and made the folder.
        equal((pathlib.Path(folder) / 'my-data/hearth.json').exists(), True, done.stderr)


@test
def it_finds_the_daemon_of_an_installation():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        lay_library(root)
        (root / 'bin').mkdir()
        (root / 'bin/hearth').symlink_to(BIN)
        done = embed(folder, LD_LIBRARY_PATH=str(root / 'lib'), PATH='/nonexistent')
        equal((root / 'my-data/hearth.json').exists(), True, done.stderr)


@test
def without_a_daemon_it_says_so():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        lay_library(root)
        done = embed(folder, LD_LIBRARY_PATH=str(root / 'lib'), PATH='/nonexistent')
        equal(done.returncode, 1)
        contains(done.stderr, 'install Hearth')
