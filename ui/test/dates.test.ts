// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupByDate, labelOf } from '../src/lib/dates';

const now = new Date(2026, 10, 21, 0, 30).getTime(); // Half past midnight: yesterday was an hour ago.
const at = (year: number, month: number, day: number, hour = 12, minute = 0) => new Date(year, month - 1, day, hour, minute).getTime();

test('days are calendar days, not spans of 24 hours', () => {
  assert.equal(labelOf(at(2026, 11, 21, 0, 1), now, 'en'), 'Today');
  assert.equal(labelOf(at(2026, 11, 20, 23, 59), now, 'en'), 'Yesterday');
  assert.equal(labelOf(at(2026, 11, 19, 23, 59), now, 'en'), 'Previous 7 days');
  assert.equal(labelOf(at(2026, 11, 14), now, 'en'), 'Previous 7 days');
  assert.equal(labelOf(at(2026, 11, 13), now, 'en'), 'Previous 30 days');
  assert.equal(labelOf(at(2026, 10, 22), now, 'en'), 'Previous 30 days');
  assert.equal(labelOf(at(2026, 10, 21), now, 'en'), 'October');
  assert.equal(labelOf(at(2025, 12, 31), now, 'en'), 'December 2025');
});

test('a clock that runs ahead is still today', () => {
  assert.equal(labelOf(at(2026, 11, 23), now, 'en'), 'Today');
});

test('groups keep the order, pinned ones come first and only once', () => {
  const item = (name: string, updated_ms: number, is_pinned = false) => ({ name, updated_ms, is_pinned });
  const groups = groupByDate([item('a', at(2026, 11, 21, 0, 10)), item('p', at(2026, 3, 1), true), item('b', at(2026, 11, 20)), item('c', at(2026, 11, 20, 8)), item('d', at(2025, 1, 1))], now, 'en');
  assert.deepEqual(
    groups.map((group) => [group.label, group.items.map((one) => one.name).join('')]),
    [['Pinned', 'p'], ['Today', 'a'], ['Yesterday', 'bc'], ['January 2025', 'd']],
  );
  assert.deepEqual(groupByDate([], now), []);
});
