#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command line: the real executable, in pipes and at a pseudo terminal, with a daemon it finds or starts.

    HEARTH_BIN=build/dev/hearth python3 tests/cli/run.py [WORD...]
"""
import importlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'lib')]

import suite  # noqa: E402
import hearths  # noqa: E402

for name in sorted(path.stem for path in HERE.glob('*_cases.py')):
    importlib.import_module(name)
sys.exit(suite.run(hearths.close))
