// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '../src/lib/objects';
import { Tree, textOf, upsert } from '../src/lib/tree';

const message = (id: string, parent: string | null, created_ms: number): Message => ({
  id, thread: 't', parent, role: 'user', parts: [{ type: 'text', text: id }], model: null, state: 'complete', job: null, error: null,
  usage: null, timings: null, finish_reason: null, created_ms, device: 'd',
}); // prettier-ignore

// q1 ── a1 ── q2 ── a2
//    └─ b1 ── q3          (b1: a second answer; q1' below: the first question asked in other words)
// q1'
const messages = [message('q1', null, 1), message('a1', 'q1', 2), message('q2', 'a1', 3), message('a2', 'q2', 4), message('b1', 'q1', 5), message('q3', 'b1', 6), message("q1'", null, 7)];
const ids = (path: Message[]) => path.map((one) => one.id).join(' ');

test('the path leads from the root to the head', () => {
  const tree = new Tree(messages);
  assert.equal(ids(tree.path('a2')), 'q1 a1 q2 a2');
  assert.equal(ids(tree.path('q3')), 'q1 b1 q3');
  assert.equal(ids(tree.path("q1'")), "q1'");
});

test('without a usable head the newest message is shown', () => {
  assert.equal(ids(new Tree(messages).path(null)), "q1'");
  assert.equal(ids(new Tree(messages).path('gone')), "q1'");
  assert.deepEqual(new Tree([]).path(null), []);
});

test('siblings are counted from one, oldest first', () => {
  const tree = new Tree([...messages].reverse());
  assert.deepEqual(tree.branches(tree.get('a1')!), { index: 1, count: 2, previous: null, next: 'b1' });
  assert.deepEqual(tree.branches(tree.get('b1')!), { index: 2, count: 2, previous: 'a1', next: null });
  assert.deepEqual(tree.branches(tree.get("q1'")!), { index: 2, count: 2, previous: 'q1', next: null });
  assert.equal(tree.branches(tree.get('q2')!).count, 1);
});

test('choosing a branch goes to its newest leaf', () => {
  const tree = new Tree(messages);
  assert.equal(tree.leaf('a1'), 'a2');
  assert.equal(tree.leaf('b1'), 'q3');
  assert.equal(tree.leaf('q1'), 'q3');
});

test('a message whose parent is missing is a root, a cycle ends', () => {
  const orphan = new Tree([message('x', 'deleted', 1), message('y', 'x', 2)]);
  assert.equal(ids(orphan.path('y')), 'x y');
  const cycle = new Tree([message('x', 'y', 1), message('y', 'x', 2)]);
  assert.equal(cycle.path('x').length, 2);
  assert.ok(['x', 'y'].includes(cycle.leaf('x')));
});

test('upsert replaces in place and appends what is new', () => {
  const changed = { ...messages[1]!, state: 'stopped' as const };
  assert.equal(upsert(messages, changed)[1]!.state, 'stopped');
  assert.equal(upsert(messages, message('n', null, 9)).length, messages.length + 1);
  assert.equal(messages[1]!.state, 'complete');
});

test('the text of a message leaves its thinking out', () => {
  const parts = [{ type: 'reasoning' as const, text: 'hm' }, { type: 'text' as const, text: 'a' }, { type: 'text' as const, text: 'b' }];
  assert.equal(textOf({ ...messages[0]!, parts }), 'ab');
  assert.equal(textOf({ ...messages[0]!, parts }, 'reasoning'), 'hm');
});
