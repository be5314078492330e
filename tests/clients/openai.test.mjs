// SPDX-License-Identifier: AGPL-3.0-or-later
// npm `openai`, as an application uses it: with the echo engine, whose answers are known to the letter, and with Kindling.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { startDaemon, until } from '../lib/daemon.mjs';

let daemon, client;
before(async () => {
  daemon = await startDaemon({ models: { echo: {}, small: { context: 32 }, thinker: { think: 'let me see' }, one: { slots: 1 } } });
  // No retries: a wrong status must show as what it is.
  client = clientWith({});
});
after(() => daemon?.close());

const clientWith = (options) => new OpenAI({ baseURL: `${daemon.url}/v1`, apiKey: daemon.token, maxRetries: 0, timeout: 60_000, ...options });
const user = (content) => [{ role: 'user', content }];
const ask = (content, more = {}) => client.chat.completions.create({ model: 'echo', messages: user(content), ...more });
const slow = (text, knobs = {}) => `@echo ${JSON.stringify({ delay_ms: 20, ...knobs })}\n${text}`;
async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}
const textOf = (chunks, index = 0) =>
  chunks.flatMap((chunk) => chunk.choices.filter((one) => one.index === index).map((one) => one.delta.content ?? '')).join('');
const failure = (promise) => promise.then(() => assert.fail('it was accepted'), (error) => error);

describe('models', () => {
  test('models.list names what there is, Kindling among it', async () => {
    const models = [];
    for await (const model of client.models.list()) models.push(model);
    const ids = models.map((model) => model.id);
    assert.ok(ids.includes('kindling') && ids.includes('echo'), String(ids));
    for (const model of models) {
      assert.equal(model.object, 'model');
      assert.equal(typeof model.created, 'number');
      assert.equal(typeof model.owned_by, 'string');
    }
  });

  test('models.retrieve finds one', async () => {
    assert.equal((await client.models.retrieve('kindling')).id, 'kindling');
  });

  test('models.retrieve of an unknown one is a NotFoundError that names it', async () => {
    const error = await failure(client.models.retrieve('no/such:model'));
    assert.ok(error instanceof OpenAI.NotFoundError, String(error));
    assert.match(error.message, /no\/such:model/);
  });
});

describe('chat', () => {
  test('an answer has every field that the types promise', async () => {
    const answer = await ask('The quick brown fox');
    assert.match(answer.id, /^chatcmpl-/);
    assert.equal(answer.object, 'chat.completion');
    assert.equal(answer.model, 'echo');
    assert.ok(Math.abs(answer.created - Date.now() / 1000) < 600);
    assert.equal(answer.choices.length, 1);
    const [choice] = answer.choices;
    assert.equal(choice.index, 0);
    assert.equal(choice.finish_reason, 'stop');
    assert.equal(choice.message.role, 'assistant');
    assert.equal(choice.message.content, 'The quick brown fox');
    assert.equal(answer.usage.completion_tokens, 4);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  });

  test('parts, a system message and names of roles are taken', async () => {
    const answer = await client.chat.completions.create({
      model: 'echo',
      messages: [
        { role: 'developer', content: 'Be brief.' },
        { role: 'user', content: 'first' },
        { role: 'assistant', content: 'first' },
        { role: 'user', content: [{ type: 'text', text: 'second ' }, { type: 'text', text: 'part' }], name: 'ada' },
      ],
    });
    assert.match(answer.choices[0].message.content, /second\s+part/);
  });

  test('max_tokens cuts and says so', async () => {
    const answer = await ask('one two three four five', { max_tokens: 2 });
    assert.equal(answer.choices[0].message.content.trim(), 'one two');
    assert.equal(answer.choices[0].finish_reason, 'length');
    const newer = await ask('one two three four five', { max_completion_tokens: 3 });
    assert.equal(newer.usage.completion_tokens, 3);
  });

  test('stop strings end the answer before them, also across tokens', async () => {
    const answer = await ask('one two three four', { stop: ['o thr', 'never'] });
    assert.equal(answer.choices[0].message.content, 'one tw');
    assert.equal(answer.choices[0].finish_reason, 'stop');
  });

  test('n gives that many choices', async () => {
    const answer = await ask('again and again', { n: 3 });
    assert.deepEqual(answer.choices.map((one) => [one.index, one.message.content]), [0, 1, 2].map((i) => [i, 'again and again']));
  });

  test('logprobs have a token, a number and its bytes', async () => {
    const answer = await ask('three small words', { logprobs: true, top_logprobs: 2 });
    const { content } = answer.choices[0].logprobs;
    assert.equal(content.map((one) => one.token).join(''), 'three small words');
    for (const one of content) {
      assert.ok(one.logprob <= 0);
      assert.deepEqual(Buffer.from(one.bytes).toString(), one.token);
      assert.ok(one.top_logprobs.length <= 2);
    }
  });

  test('reasoning is kept apart from the answer', async () => {
    const answer = await ask('42', { model: 'thinker' });
    assert.equal(answer.choices[0].message.content, '42');
    assert.match(answer.choices[0].message.reasoning_content, /let me see/);
  });

  test('a tool call comes back in the shape of the types', async () => {
    const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
    const asked = `@echo ${JSON.stringify({ tool_call: { name: 'weather', arguments: '{"city":"Bergen"}' } })}\nHow is it?`;
    const answer = await ask(asked, { tools });
    const [choice] = answer.choices;
    assert.equal(choice.finish_reason, 'tool_calls');
    const [call] = choice.message.tool_calls;
    assert.equal(call.type, 'function');
    assert.equal(call.function.name, 'weather');
    assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Bergen' });
    const next = await client.chat.completions.create({
      model: 'echo',
      tools,
      messages: [...user(asked), choice.message, { role: 'tool', tool_call_id: call.id, content: '{"rain":true}' }, { role: 'user', content: 'and so?' }],
    });
    assert.equal(next.choices[0].message.content, 'and so?');
  });
});

describe('streams', () => {
  test('chunks share id, created and model, begin with the role and end with a reason', async () => {
    const chunks = await collect(await ask('one two three', { stream: true }));
    assert.equal(new Set(chunks.map((chunk) => `${chunk.id} ${chunk.created} ${chunk.model}`)).size, 1);
    assert.ok(chunks.every((chunk) => chunk.object === 'chat.completion.chunk'));
    assert.equal(chunks[0].choices[0].delta.role, 'assistant');
    assert.equal(textOf(chunks), 'one two three');
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
    assert.ok(chunks.slice(0, -1).every((chunk) => chunk.choices[0].finish_reason === null));
    assert.ok(chunks.every((chunk) => chunk.usage == null));
  });

  test('include_usage adds one last chunk with the numbers', async () => {
    const chunks = await collect(await ask('one two three', { stream: true, stream_options: { include_usage: true } }));
    const last = chunks.at(-1);
    assert.deepEqual(last.choices, []);
    assert.equal(last.usage.completion_tokens, 3);
    assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage == null));
  });

  test('several choices are told apart by their index', async () => {
    const chunks = await collect(await ask('over and over', { stream: true, n: 2 }));
    assert.deepEqual([textOf(chunks, 0), textOf(chunks, 1)], ['over and over', 'over and over']);
  });

  test('text of every script arrives whole', async () => {
    const text = 'Grüße 日本語 🔥🪵 é " \\ \n\t end';
    assert.equal(textOf(await collect(await ask(text, { stream: true }))), text);
  });

  test("the client's own helper puts an answer together", async () => {
    const runner = client.chat.completions.stream({ model: 'echo', messages: user('helped along') });
    const seen = [];
    runner.on('content', (delta) => seen.push(delta));
    assert.equal((await runner.finalChatCompletion()).choices[0].message.content, 'helped along');
    assert.equal(seen.join(''), 'helped along');
  });

  test('an aborted stream frees its place at once', async () => {
    const stream = await ask(slow('abort me please '.repeat(200)), { model: 'one', stream: true });
    for await (const _chunk of stream) break;
    stream.controller.abort();
    await until(async () => (await daemon.busy('one')) === 0, 'the slot is free');
    // The only slot there is answers somebody else.
    assert.equal((await ask('next one', { model: 'one' })).choices[0].message.content, 'next one');
  });

  test('an aborted request without a stream frees its place as well', async () => {
    const abort = new AbortController();
    const asked = client.chat.completions.create({ model: 'one', messages: user(slow('wait '.repeat(500))) }, { signal: abort.signal });
    await until(async () => (await daemon.busy('one')) === 1, 'the slot is taken');
    abort.abort();
    assert.ok((await failure(asked)) instanceof OpenAI.APIUserAbortError);
    await until(async () => (await daemon.busy('one')) === 0, 'the slot is free');
  });

  test('many streams at once each get their own answer', async () => {
    const texts = Array.from({ length: 12 }, (_, i) => `stream number ${i} says ${'so '.repeat(i + 1)}`.trim());
    const all = await Promise.all(texts.map(async (text) => textOf(await collect(await ask(text, { stream: true })))));
    assert.deepEqual(all, texts);
  });

  test('a failure in mid-stream is thrown to the reader', async () => {
    const read = async () => collect(await ask(slow('a b c d e f g h', { delay_ms: 5, crash_after: 3 }), { model: 'small', stream: true }));
    const error = await failure(read());
    assert.ok(error instanceof OpenAI.APIError, String(error));
    assert.equal((await ask('well again', { model: 'small' })).choices[0].message.content, 'well again');
  });
});

describe('errors', () => {
  const bad = (more) => failure(client.chat.completions.create({ model: 'echo', messages: user('x'), ...more }));

  test('an unknown model is a NotFoundError with model_not_found', async () => {
    const error = await bad({ model: 'nobody' });
    assert.ok(error instanceof OpenAI.NotFoundError, String(error));
    assert.equal(error.code, 'model_not_found');
    assert.match(error.message, /nobody/);
  });

  for (const [name, more, param] of [
    ['a temperature that is a text', { temperature: 'hot' }, 'temperature'],
    ['a temperature out of range', { temperature: -1 }, 'temperature'],
    ['messages that are no list', { messages: 'hello' }, 'messages'],
    ['no messages', { messages: [] }, 'messages'],
    ['a message without a role', { messages: [{ content: 'x' }] }, 'messages[0].role'],
    ['an unknown role', { messages: [{ role: 'king', content: 'x' }] }, 'messages[0].role'],
    ['too many stop strings', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop'],
    ['no choices', { n: 0 }, 'n'],
    ['a part that nobody knows', { messages: user([{ type: 'smell', smell: 'x' }]) }, 'messages[0].content[0].type'],
  ]) {
    test(`${name}: a BadRequestError that names ${param}`, async () => {
      const error = await bad(more);
      assert.ok(error instanceof OpenAI.BadRequestError, String(error));
      assert.equal(error.status, 400);
      assert.equal(error.type, 'invalid_request_error');
      assert.equal(error.param, param);
    });
  }

  test('a wrong key is an AuthenticationError', async () => {
    const error = await failure(clientWith({ apiKey: 'hearth_wrong' }).models.list());
    assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
    assert.equal(error.status, 401);
  });

  test('a prompt over the context is a BadRequestError with both numbers', async () => {
    const error = await bad({ model: 'small', messages: user('word '.repeat(100)) });
    assert.ok(error instanceof OpenAI.BadRequestError, String(error));
    assert.equal(error.type, 'exceed_context_size_error');
    assert.match(error.message, /\b32\b/);
    assert.ok(error.error.n_prompt_tokens >= 100 && error.error.n_ctx === 32, JSON.stringify(error.error));
  });

  test('a body over the limit is refused with 413', async () => {
    const error = await bad({ messages: user('x'.repeat(40 << 20)) });
    assert.ok(error instanceof OpenAI.APIConnectionError || error.status === 413, String(error));
    assert.equal((await ask('still here')).choices[0].message.content, 'still here');
  });

  test('an engine that fails is an error of the 5xx kind', async () => {
    const error = await bad({ messages: user('@echo {"fail":"unavailable"}\nx') });
    assert.ok(error instanceof OpenAI.InternalServerError, String(error));
    assert.equal(error.status, 503);
  });

  test('errors name a request that can be found again', async () => {
    const error = await bad({ model: 'nobody' });
    assert.ok(error.requestID, 'x-request-id');
  });
});

describe('other routes', () => {
  test('completions', async () => {
    const answer = await client.completions.create({ model: 'echo', prompt: 'a plain text' });
    assert.equal(answer.object, 'text_completion');
    assert.equal(answer.choices[0].text, 'a plain text');
  });

  test('without a key the stateless routes answer on this machine', async () => {
    const answer = await fetch(`${daemon.url}/v1/models`);
    assert.equal(answer.status, 200);
    await answer.arrayBuffer();
  });
});

describe('Kindling', () => {
  const kindling = (content, more = {}) =>
    client.chat.completions.create({ model: 'kindling', messages: user(content), temperature: 0, max_tokens: 60, ...more });

  test('answers, and streams the same as it answers at once', async () => {
    const whole = await kindling('Hello! Who are you?');
    const chunks = await collect(await kindling('Hello! Who are you?', { stream: true, stream_options: { include_usage: true } }));
    assert.ok(whole.choices[0].message.content.length > 10, whole.choices[0].message.content);
    assert.equal(textOf(chunks), whole.choices[0].message.content);
    assert.equal(chunks.at(-1).usage.completion_tokens, whole.usage.completion_tokens);
  });

  test('the same seed draws the same answer', async () => {
    const draw = async () => (await kindling('Tell me something.', { temperature: 1.2, seed: 7 })).choices[0].message.content;
    assert.equal(await draw(), await draw());
  });

  test('logprobs of greedy tokens come sorted, the token itself first', async () => {
    const { logprobs } = (await kindling('Hello!', { max_tokens: 5, logprobs: true, top_logprobs: 3 })).choices[0];
    for (const one of logprobs.content) {
      assert.equal(one.top_logprobs[0].token, one.token);
      const values = one.top_logprobs.map((top) => top.logprob);
      assert.deepEqual(values, [...values].sort((a, b) => b - a));
    }
  });

  test('a JSON schema is kept', async () => {
    const schema = { type: 'object', properties: { city: { type: 'string', maxLength: 12 } }, required: ['city'], additionalProperties: false };
    const answer = await kindling('Name a city.', { max_tokens: 100, response_format: { type: 'json_schema', json_schema: { name: 'city', schema } } });
    assert.equal(typeof JSON.parse(answer.choices[0].message.content).city, 'string');
  });

  test('a prompt over its context is refused with both numbers', async () => {
    const error = await failure(kindling('many words here '.repeat(2000)));
    assert.ok(error instanceof OpenAI.BadRequestError, String(error));
    assert.ok(error.error.n_prompt_tokens > error.error.n_ctx, JSON.stringify(error.error));
  });

  test('an abort in mid-answer frees the place', async () => {
    const stream = await kindling('Tell me a long story.', { stream: true, max_tokens: 400 });
    for await (const _chunk of stream) break;
    stream.controller.abort();
    await until(async () => (await daemon.busy('kindling')) === 0, 'the slot is free');
  });
});
