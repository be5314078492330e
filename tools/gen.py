#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes everything that is written in more than one place from the one place.

    tools/gen.py               write the outputs
    tools/gen.py --check       fail when one is not as it would be written
    tools/gen.py --validate    check every plugin.json and methods.json

In:   spec/errors.json, spec/methods/*.json, plugins/*/{plugin,methods}.json
Out:  include/hearth/errors.h               the X-macro of the errors
      ui/src/gen/client.ts                  types of methods and topics
      sdk/python/hearth_client/_gen.py      the typed Python client
      docs/reference/*.md                   methods, errors, CoreService names

The outputs are committed, so that no build needs this and a reader finds them.
(What goes into the executable is embedded by the build: tools/core-plugins.)
Standard library only.
"""
import argparse
import difflib
import pathlib
import sys

from gen_docs import coreservice_md, errors_md, methods_md
from gen_model import Failure, Model
from gen_python import client_py
from gen_ts import client_ts

ROOT = pathlib.Path(__file__).resolve().parent.parent

ERRORS_H = '''/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Generated from spec/errors.json by tools/gen.py; do not edit. */
#ifndef HEARTH_ERRORS_H
#define HEARTH_ERRORS_H

#include <stdint.h>

/* XX(NAME, name, code, http status, json-rpc code, text) */
#define HEARTH_ERRORS(XX) \\
%s

/* What a function returns: 0 or more is good, negative says what failed. */
typedef enum hearth_code {
    HEARTH_OK = 0,
#define XX(NAME, name, code, http, rpc, text) HEARTH_##NAME = (code),
    HEARTH_ERRORS(XX)
#undef XX
    HEARTH_CODE_FORCE_INT32 = INT32_MAX
} hearth_code;

#endif
'''


def errors_h(model):
    rows = [f'    XX({e["name"].upper()}, {e["name"]}, {e["code"]}, {e["http"]}, {e["rpc"]}, "{e["text"]}")' for e in model.errors]
    return ERRORS_H % ' \\\n'.join(rows)


OUTPUTS = {
    'include/hearth/errors.h': errors_h,
    'ui/src/gen/client.ts': client_ts,
    'sdk/python/hearth_client/_gen.py': client_py,
    'docs/reference/methods.md': methods_md,
    'docs/reference/errors.md': errors_md,
    'docs/reference/coreservice.md': coreservice_md,
}


def is_current(path, text):
    old = path.read_text() if path.exists() else ''
    if old == text:
        return True
    diff = list(difflib.unified_diff(old.splitlines(), text.splitlines(), 'committed', 'generated', lineterm='', n=1))
    print(f'{path.relative_to(ROOT)} is not what its sources say; run make gen\n' + '\n'.join(diff[:20]), file=sys.stderr)
    return False


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        print(f'gen: {path.relative_to(ROOT)}')


def main():
    parser = argparse.ArgumentParser(description='Writes what is made from spec/ and the methods.json files.')
    how = parser.add_mutually_exclusive_group()
    how.add_argument('--check', action='store_true', help='write nothing; fail when an output is stale')
    how.add_argument('--validate', action='store_true', help='write nothing; check the manifests')
    args = parser.parse_args()

    model = Model(ROOT)
    model.check()
    if model.problems:
        print('\n'.join(model.problems), file=sys.stderr)
        return 1
    if args.validate:
        print(f'gen: {len(model.areas)} areas, {len(model.methods())} methods, {len(model.topics())} topics are well described')
        return 0
    if args.check:
        return 0 if all([is_current(ROOT / path, make(model)) for path, make in OUTPUTS.items()]) else 1
    for path, make in OUTPUTS.items():
        write(ROOT / path, make(model))
    return 0


try:
    sys.exit(main())
except Failure as failure:
    sys.exit(f'gen: {failure}')
