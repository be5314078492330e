// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Rpc, RpcError, type RpcEvent, type Socket } from '../src/lib/rpc';

interface Table {
  'a.get': { params: { x: number }; result: { y: number } };
  'a.stream': { params: Record<string, never>; result: string };
  'events.subscribe': { params: { topics: string[] }; result: unknown };
}

class FakeSocket implements Socket {
  sent: { id?: number; method?: string; params?: unknown; error?: { code: number } }[] = [];
  isClosed = false;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.isClosed = true;
  }
  say(message: unknown) {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }
  event(id: number, seq: number, fields: object) {
    this.say({ jsonrpc: '2.0', method: 'rpc.event', params: { id, seq, ...fields } });
  }
}

function setUp() {
  const sockets: FakeSocket[] = [];
  const rpc = new Rpc<Table>({
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    delays_ms: [100, 1000],
    random: () => 0.5,
  });
  return { rpc, sockets, last: () => sockets.at(-1)! };
}
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
const kindOf = (error: unknown) => (error as RpcError).kind;

test('answers reach their own calls in whatever order they come', async () => {
  const { rpc, last } = setUp();
  rpc.start();
  last().onopen!();
  const first = rpc.call('a.get', { x: 1 });
  const second = rpc.call('a.get', { x: 2 });
  const [one, two] = last().sent;
  last().say({ jsonrpc: '2.0', id: two!.id, result: { y: 20 } });
  last().say({ jsonrpc: '2.0', id: one!.id, result: { y: 10 } });
  assert.deepEqual(await Promise.all([first, second]), [{ y: 10 }, { y: 20 }]);
});

test('events come in order, before the result, and only to their call', async () => {
  const { rpc, last } = setUp();
  rpc.start();
  last().onopen!();
  const seen: string[] = [];
  const note = (name: string) => (event: RpcEvent) => void seen.push(`${name}${event.text}`);
  const a = rpc.call('a.stream', {}, { onEvent: note('a') }).then(() => seen.push('a done'));
  const b = rpc.call('a.stream', {}, { onEvent: note('b') });
  const [one, two] = last().sent.map((message) => message.id!);
  last().event(one!, 1, { kind: 'text', text: '1' });
  last().event(two!, 1, { kind: 'text', text: '1' });
  last().event(one!, 2, { kind: 'text', text: '2' });
  last().say({ jsonrpc: '2.0', id: one, result: 'x' });
  last().event(one!, 3, { kind: 'text', text: 'too late' });
  await a;
  last().say({ jsonrpc: '2.0', id: two, result: 'x' });
  await b;
  assert.deepEqual(seen, ['a1', 'b1', 'a2', 'a done']);
});

test('an error carries code, name and sentence', async () => {
  const { rpc, last } = setUp();
  rpc.start();
  last().onopen!();
  const call = rpc.call('a.get', { x: 1 });
  last().say({ jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'x must be even. Give 2.', data: { name: 'invalid_argument', param: 'x' } } });
  await assert.rejects(call, (error: RpcError) => error.code === -32602 && error.kind === 'invalid_argument' && error.message === 'x must be even. Give 2.' && error.data.param === 'x');
});

test('aborting sends rpc.cancel once and ends with what the server says', async () => {
  const { rpc, last } = setUp();
  rpc.start();
  last().onopen!();
  const abort = new AbortController();
  const call = rpc.call('a.stream', {}, { signal: abort.signal });
  abort.abort();
  assert.deepEqual(last().sent.at(-1), { jsonrpc: '2.0', method: 'rpc.cancel', params: { id: 1 } });
  last().say({ jsonrpc: '2.0', id: 1, error: { code: -32000, message: 'Cancelled.', data: { name: 'cancelled' } } });
  await assert.rejects(call, (error) => kindOf(error) === 'cancelled');
  assert.equal(last().sent.length, 2);
});

test('aborting after the end sends nothing', async () => {
  const { rpc, last } = setUp();
  rpc.start();
  last().onopen!();
  const abort = new AbortController();
  const call = rpc.call('a.stream', {}, { signal: abort.signal });
  last().say({ jsonrpc: '2.0', id: 1, result: 'x' });
  await call;
  abort.abort();
  assert.equal(last().sent.length, 1);
});

test('a lost link fails what is under way, waits longer each time and comes back', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { rpc, sockets, last } = setUp();
  const states: string[] = [];
  let opened = 0;
  rpc.onState((state) => states.push(state));
  rpc.onOpen(() => opened++);
  rpc.start();
  last().onopen!();
  const call = rpc.call('a.get', { x: 1 });
  last().onclose!();
  await assert.rejects(call, (error) => kindOf(error) === 'connection_lost');
  await assert.rejects(rpc.call('a.get', { x: 1 }), (error) => kindOf(error) === 'connection_lost');
  t.mock.timers.tick(99);
  assert.equal(sockets.length, 1);
  t.mock.timers.tick(1);
  assert.equal(sockets.length, 2);
  last().onclose!();
  t.mock.timers.tick(999);
  assert.equal(sockets.length, 2);
  t.mock.timers.tick(1);
  assert.equal(sockets.length, 3);
  last().onopen!();
  assert.equal(opened, 2);
  assert.deepEqual(states, ['connecting', 'open', 'waiting', 'connecting', 'waiting', 'connecting', 'open']);
});

test('wake does not wait, and not twice', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { rpc, sockets, last } = setUp();
  rpc.start();
  rpc.wake();
  assert.equal(sockets.length, 1);
  last().onclose!();
  rpc.wake();
  rpc.wake();
  assert.equal(sockets.length, 2);
  t.mock.timers.tick(5000);
  assert.equal(sockets.length, 2);
});

test('a watch asks again on every link, and stops when told', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { rpc, last } = setUp();
  const seen: unknown[] = [];
  const stop = rpc.watch(['a.*'], (topic, value) => seen.push([topic, value]));
  rpc.start();
  last().onopen!();
  assert.deepEqual(last().sent[0]!.params, { topics: ['a.*'] });
  last().event(last().sent[0]!.id!, 1, { kind: 'data', data: { topic: 'a.b', value: 1 } });
  last().onclose!();
  t.mock.timers.tick(100);
  last().onopen!();
  last().event(last().sent[0]!.id!, 1, { kind: 'data', data: { topic: 'a.c', value: 2 } });
  assert.deepEqual(seen, [['a.b', 1], ['a.c', 2]]);
  stop();
  assert.equal(last().sent.at(-1)!.method, 'rpc.cancel');
  last().onclose!();
  t.mock.timers.tick(1000);
  last().onopen!();
  assert.equal(last().sent.length, 0);
});

test('a refused watch says why and is not asked again', async () => {
  const { rpc, last } = setUp();
  let refusal = '';
  rpc.watch(['x'], () => undefined, (error) => (refusal = error.kind));
  rpc.start();
  last().onopen!();
  last().say({ jsonrpc: '2.0', id: 1, error: { code: -32001, message: 'no', data: { name: 'denied' } } });
  await settle();
  assert.equal(refusal, 'denied');
});

test('a request from the server is answered, rubbish is not', () => {
  const { rpc, last } = setUp();
  rpc.start();
  last().onopen!();
  for (const rubbish of ['', '{', 'null', '7', '[]', '{"id":99,"result":1}', '{"method":"rpc.event"}', '{"method":"note"}']) last().say(rubbish);
  assert.equal(last().sent.length, 0);
  last().say({ jsonrpc: '2.0', id: 'q', method: 'x.y', params: {} });
  assert.equal(last().sent[0]!.error!.code, -32601);
});

test('a socket that was given up says nothing any more', async () => {
  const { rpc, sockets, last } = setUp();
  const listener = mock.fn();
  rpc.start();
  last().onopen!();
  rpc.onState(listener);
  rpc.stop();
  assert.equal(sockets[0]!.isClosed, true);
  sockets[0]!.onclose?.();
  assert.equal(rpc.state, 'closed');
  assert.equal(listener.mock.callCount(), 1);
});
