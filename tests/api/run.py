#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The API over the wire: the real daemon, on a free port, with engine-echo. Python's standard library only.

    HEARTH_BIN=build/dev/hearth python3 tests/api/run.py [WORD...]
"""
import importlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'lib')]

import suite  # noqa: E402
import shared  # noqa: E402

for name in sorted(path.stem for path in HERE.glob('*_cases.py')):
    importlib.import_module(name)
sys.exit(suite.run(shared.close))
