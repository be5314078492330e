# SPDX-License-Identifier: AGPL-3.0-or-later
"""Prints the figures: a line as each comes, a table at the end."""
import os
import pathlib
import re


def shown(value, unit):
    if value is None:
        return '–'
    digits = 0 if value >= 100 else 1 if value >= 1 or unit == '/s' else 2
    return f'{value:,.{digits}f}'


def ratio(case, figures):
    """Ours to theirs, so that above 1 is better."""
    ours, theirs = figures.get('hearth'), figures.get('llama-server')
    if ours is None or theirs is None or ours <= 0 or theirs <= 0:
        return None
    return theirs / ours if case.smaller_is_better else ours / theirs


def line(case, figures):
    said = '   '.join(f'{name} {shown(value, case.unit)}' for name, value in figures.items())
    times = ratio(case, figures)
    print(f'{case.name:<52} {said} {case.unit}' + (f'   ({times:.2f} × better)' if times else ''), flush=True)


def machine():
    cpu = re.search(r'^model name\s*:\s*(.*)$', pathlib.Path('/proc/cpuinfo').read_text(), re.MULTILINE)
    memory = int(re.search(r'^MemTotal:\s*(\d+)', pathlib.Path('/proc/meminfo').read_text(), re.MULTILINE)[1]) / (1 << 20)
    return f'{cpu[1] if cpu else os.uname().machine}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {os.uname().release}'


def table(rows, kinds, markdown):
    names = [kind.name for kind in kinds]
    head = ['what', 'unit', *names, *(['better by'] if len(names) > 1 else []), 'aim']
    body = []
    for case, figures in rows:
        times = ratio(case, figures)
        body.append([case.name, case.unit, *(shown(figures.get(name), case.unit) for name in names),
                     *([f'{times:.2f} ×' if times else '–'] if len(names) > 1 else []), case.aim])
    print(f'\n{machine()}, load {os.getloadavg()[0]:.1f}\n')
    if markdown:
        print('| ' + ' | '.join(head) + ' |')
        print('|' + '|'.join('---' if i == 0 else '--:' if i > 1 else '---' for i in range(len(head))) + '|')
        for row in body:
            print('| ' + ' | '.join(row) + ' |')
        return
    widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    for row in [head, *body]:
        print('  '.join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
