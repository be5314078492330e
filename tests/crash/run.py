#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hearth is killed, starved and lied to; nothing that was acknowledged is lost.

    tests/crash/run.py [--kills 200] [--seed N] [NAME...]

Ends in `N passed, N failed, N skipped`. The seed is printed; given again it draws the same moments and texts.
"""
import argparse
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lib'))

import suite  # noqa: E402
import disks  # noqa: E402,F401
import engines  # noqa: E402,F401
import kills  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('--kills', type=int, default=200)
parser.add_argument('--seed', type=int, default=None)
parser.add_argument('names', nargs='*')
options = parser.parse_args()
seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed


@suite.test
def a_killed_daemon_has_lost_nothing_that_it_acknowledged():
    crashes = kills.Crashes(options.kills, seed)
    said = crashes.run()
    assert crashes.kills >= options.kills and crashes.acknowledged > options.kills, said
    return said


print(f'seed {seed}', flush=True)
sys.argv[1:] = options.names
sys.exit(suite.run())
