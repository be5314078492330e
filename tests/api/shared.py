# SPDX-License-Identifier: AGPL-3.0-or-later
"""One daemon that most cases share: starting one for each would be most of the time."""
from daemon import Daemon

MODELS = {'words': None, 'slow': {'delay_ms': 20, 'tokens': 400, 'say': 'round and round it goes '}}
_daemon = None


def daemon():
    global _daemon
    if _daemon is not None and _daemon.process.poll() is not None:
        said = _daemon.text()
        _daemon = None
        raise AssertionError(f'the daemon ended: {said[-4000:]}')
    if _daemon is None:
        _daemon = Daemon(models=MODELS)
    return _daemon


def model(name):
    """The id of a model file of ours."""
    for found in daemon().result('models.list')['models']:
        if name in found['id']:
            return found['id']
    raise AssertionError(f'models.list does not know {name}')


def close():
    if _daemon is not None:
        _daemon.close()
