# SPDX-License-Identifier: AGPL-3.0-or-later
"""A suite: functions marked @test, run in the order they were written, counted in the last line.

A test fails by raising, is skipped by raising Skip; a text that it returns is shown. `python3 tests/api/run.py word` runs those with the word in their name.
"""
import sys
import time
import traceback


class Skip(Exception):
    pass


_tests = []


def test(function):
    _tests.append(function)
    return function


def equal(found, expected, what=''):
    if found != expected:
        raise AssertionError(f'{what}{": " if what else ""}{found!r} instead of {expected!r}')


def contains(text, part, what=''):
    if part not in text:
        raise AssertionError(f'{what}{": " if what else ""}{part!r} is not in {text!r}')


def until(condition, what, limit_s=20.0):
    """Waits for what another process does; the limit only ends a test that would never end."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'never happened: {what}')
        time.sleep(0.01)


def run(at_end=lambda: None):
    words = sys.argv[1:]
    passed = failed = skipped = 0
    for function in _tests:
        name = f'{function.__module__}.{function.__name__}'
        if words and not any(word in name for word in words):
            continue
        began = time.monotonic()
        try:
            said = function()
        except Skip as reason:
            skipped += 1
            print(f'skip {name}: {reason}', flush=True)
        except BaseException as error:
            failed += 1
            print(f'FAIL {name}: {error}', flush=True)
            traceback.print_exc(file=sys.stdout)
            if isinstance(error, KeyboardInterrupt):
                break
        else:
            passed += 1
            print(f'ok   {name} ({time.monotonic() - began:.1f} s){f": {said}" if said else ""}', flush=True)
    try:
        at_end()
    except Exception as error:
        failed += 1
        print(f'FAIL end: {error}', flush=True)
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed else 0
