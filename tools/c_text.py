# SPDX-License-Identifier: AGPL-3.0-or-later
"""Shared by the tools that put JSON files into the executable."""
import json
import sys


def json_array(declaration, path):
    """A JSON file, checked and without its white space, as a NUL-terminated C array.

    An array and not a string literal: those end at 4,095 characters by the standard.
    """
    try:
        parsed = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        sys.exit(f'{path}: {error}')
    data = json.dumps(parsed, ensure_ascii=True, separators=(',', ':')).encode()
    rows = [','.join(map(str, data[at:at + 24])) for at in range(0, len(data), 24)]
    return f'{declaration}[] = {{\n' + ''.join(f'{row},\n' for row in rows) + '0};\n'
