// SPDX-License-Identifier: AGPL-3.0-or-later
// The stream itself, read by the strict parser that other clients are built on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createParser } from 'eventsource-parser';
import { startDaemon } from '../lib/daemon.mjs';

let daemon;
before(async () => {
  daemon = await startDaemon({ models: { echo: {} } });
});
after(() => daemon?.close());

async function read(path, body) {
  const answer = await fetch(daemon.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${daemon.token}` },
    body: JSON.stringify(body),
  });
  const events = [];
  const parser = createParser({ onEvent: (event) => events.push(event), onError: (error) => assert.fail(error.message) });
  for await (const bytes of answer.body.pipeThrough(new TextDecoderStream('utf-8', { fatal: true }))) parser.feed(bytes);
  return { answer, events };
}

test('chat completions stream valid events and end with [DONE]', async () => {
  const { answer, events } = await read('/v1/chat/completions', { model: 'echo', stream: true, messages: [{ role: 'user', content: 'ä 日本 🔥 end' }] });
  assert.match(answer.headers.get('content-type'), /^text\/event-stream/);
  assert.equal(events.at(-1).data, '[DONE]');
  const text = events.slice(0, -1).map((event) => JSON.parse(event.data).choices[0]?.delta.content ?? '').join('');
  assert.equal(text, 'ä 日本 🔥 end');
});

test('POST /rpc streams events and then the result', async () => {
  const request = { jsonrpc: '2.0', id: 'x', method: 'inference.chat', params: { model: 'echo', messages: [{ role: 'user', content: 'one two' }] } };
  const { events } = await read('/rpc', request);
  assert.ok(events.slice(0, -1).every((event) => event.event === 'event'));
  assert.equal(events.at(-1).event, 'result');
  const kinds = events.slice(0, -1).map((event) => JSON.parse(event.data).params);
  assert.equal(kinds.filter((one) => one.kind === 'text').map((one) => one.text).join(''), 'one two');
  assert.equal(JSON.parse(events.at(-1).data).result.text, 'one two');
});

test('an error before the first token is a status, not a stream', async () => {
  const { answer, events } = await read('/v1/chat/completions', { model: 'nobody', stream: true, messages: [{ role: 'user', content: 'x' }] });
  assert.equal(answer.status, 404);
  assert.deepEqual(events, []);
});
