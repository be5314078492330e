// SPDX-License-Identifier: AGPL-3.0-or-later
// The mock's state and methods. Development only; see ../mock.mjs.
import { setMaxListeners } from 'node:events';
import { answerTo, seed } from './script.mjs';

export class RpcFailure extends Error {
  constructor(code, kind, message) {
    super(message);
    this.code = code;
    this.kind = kind;
  }
}

let nextId = 1;
const makeId = (prefix) => `${prefix}${String(nextId++).padStart(6, '0')}`;
const wait = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });

export class World {
  threads = new Map();
  messages = new Map();
  jobs = new Map();
  watchers = new Set();
  startedAt = Date.now();
  url = '';

  constructor({ speed, isEmpty, isSignedOut }) {
    this.speed = speed;
    this.isSignedOut = isSignedOut;
    this.models = isEmpty ? [kindling()] : [kindling(), ...otherModels()];
    this.settings = settings();
    if (!isEmpty) seed(this);
    this.sampler = setInterval(() => this.emit('monitor.sampled', sample()), 1000);
    this.sampler.unref();
  }

  close() {
    clearInterval(this.sampler);
    for (const job of this.jobs.values()) job.abort.abort();
  }

  emit(topic, value) {
    for (const watcher of this.watchers) if (watcher.topics.includes(topic)) watcher.emit({ kind: 'data', data: { topic, value } });
  }

  thread(id) {
    const thread = this.threads.get(id);
    if (!thread) throw new RpcFailure(-32004, 'not_found', 'This conversation does not exist. It may have been deleted.');
    return thread;
  }

  addThread(fields) {
    const now = fields.created_ms ?? Date.now();
    const thread = {
      id: makeId('t'), title: '', model: 'kindling', created_ms: now, updated_ms: now, message_count: 0, preview: '',
      is_pinned: false, is_deleted: false, head: null, ...fields,
    }; // prettier-ignore
    this.threads.set(thread.id, thread);
    return thread;
  }

  addMessage(thread, fields) {
    const message = {
      id: makeId('m'), thread: thread.id, parent: thread.head, role: 'user', parts: [], model: null, state: 'complete', job: null, error: null,
      usage: null, timings: null, finish_reason: null, created_ms: Date.now(), device: 'mock', ...fields,
    }; // prettier-ignore
    this.messages.set(message.id, message);
    thread.head = message.id;
    thread.message_count++;
    thread.updated_ms = message.created_ms;
    return message;
  }

  changed(thread, change, message = null) {
    this.emit('threads.changed', { thread: { ...thread }, message: message && { ...message }, change });
  }

  setModel(id, change) {
    const model = this.models.find((one) => one.id === id);
    Object.assign(model, change);
    const { state, progress, memory_bytes, error } = model;
    this.emit('inference.changed', { model: id, state, progress, memory_bytes, error });
    return model;
  }

  async load(id, signal, emit) {
    const model = this.models.find((one) => one.id === id);
    if (!model) throw new RpcFailure(-32004, 'not_found', `There is no model ${id}. Choose one from the list.`);
    if (model.state === 'loaded') return model;
    this.setModel(id, { state: 'loading', progress: 0, error: null });
    for (let step = 1; step <= 10; step++) {
      await wait(150 / this.speed, signal);
      if (signal?.aborted) {
        this.setModel(id, { state: 'unloaded', progress: null });
        throw new RpcFailure(-32000, 'cancelled', 'The load was cancelled.');
      }
      if (id === 'broken' && step === 4) {
        const error = { name: 'model_invalid', message: 'notes-7b.gguf ends early: its tensor table names 4.1 GB, the file has 2.6 GB. Fetch the file again.' };
        this.setModel(id, { state: 'failed', progress: null, error });
        throw new RpcFailure(-32010, error.name, error.message);
      }
      emit?.({ kind: 'progress', done: step, total: 10, text: `Loading ${model.title}` });
      this.setModel(id, { progress: step / 10 });
    }
    return this.setModel(id, { state: 'loaded', progress: null, memory_bytes: Math.round(model.size_bytes * 1.15) });
  }

  /** Runs one answer as a job that outlives its caller. */
  async turn(thread, question, parent, model, { emit, signal }) {
    const job = { id: makeId('j'), events: [], listeners: new Set(), abort: new AbortController(), isOver: false };
    setMaxListeners(0, job.abort.signal);
    this.jobs.set(job.id, job);
    const answer = this.addMessage(thread, { role: 'assistant', parent, model, state: 'running', job: job.id });
    const publish = (event) => {
      job.events.push(event);
      for (const listener of job.listeners) listener(event);
    };
    job.done = this.run(thread, question, answer, job, publish);
    emit({ kind: 'started', data: { thread: { ...thread }, question: question && { ...question }, answer: { ...answer }, job: job.id } });
    this.changed(thread, 'message', answer);
    await this.attach(job, 0, emit, signal);
    if (answer.state === 'failed') throw new RpcFailure(-32011, answer.error.name, answer.error.message);
    return { thread: { ...thread }, question, answer: { ...answer } };
  }

  async attach(job, after, emit, signal) {
    for (const event of job.events.slice(after)) emit(event);
    if (job.isOver) return;
    job.listeners.add(emit);
    await Promise.race([job.done, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
    job.listeners.delete(emit);
  }

  async run(thread, question, answer, job, publish) {
    const prompt = (question ?? this.messages.get(answer.parent))?.parts[0]?.text ?? '';
    const script = answerTo(prompt);
    const began = Date.now();
    let text = '';
    let reasoning = '';
    const { signal } = job.abort;
    try {
      await this.load(answer.model, signal, publish);
      for (let done = 1; done <= script.promptSteps; done++) {
        publish({ kind: 'progress', done, total: script.promptSteps, text: 'Reading the conversation' });
        await wait(80 / this.speed, signal);
      }
      for (const piece of script.reasoning) {
        if (signal.aborted) break;
        publish({ kind: 'reasoning', text: piece });
        reasoning += piece;
        await wait(script.delay_ms / this.speed, signal);
      }
      for (const [at, piece] of script.pieces.entries()) {
        if (signal.aborted) break;
        if (at === script.failAt) throw new RpcFailure(-32012, 'engine_exited', 'The engine stopped while it was answering (out of memory). Unload another model, or choose a smaller one.');
        publish({ kind: 'text', text: piece });
        text += piece;
        await wait(script.delay_ms / this.speed, signal);
      }
      answer.state = signal.aborted ? 'stopped' : 'complete';
      answer.finish_reason = signal.aborted ? 'cancelled' : 'stop';
    } catch (error) {
      answer.state = 'failed';
      answer.error = { name: error.kind ?? 'internal', message: error.message };
    }
    const took = Math.max(1, Date.now() - began);
    const tokens = Math.ceil(text.length / 4);
    answer.parts = [...(reasoning ? [{ type: 'reasoning', text: reasoning }] : []), { type: 'text', text }];
    answer.usage = { prompt_tokens: 40 + Math.ceil(prompt.length / 4), completion_tokens: tokens, cached_tokens: 24 };
    answer.timings = { prompt_ms: 120, predicted_ms: took, predicted_per_second: (tokens / took) * 1000 };
    thread.preview = text.slice(0, 80);
    job.isOver = true;
    job.turn = { thread: { ...thread }, question, answer: { ...answer } };
    this.changed(thread, 'message', answer);
  }
}

const snippet = (text, query) => {
  const at = text.toLowerCase().indexOf(query.toLowerCase());
  const from = Math.max(0, at - 30);
  return [
    { text: (from ? '…' : '') + text.slice(from, at), is_match: false },
    { text: text.slice(at, at + query.length), is_match: true },
    { text: text.slice(at + query.length, at + 80), is_match: false },
  ];
};
const byAge = (a, b) => Number(b.is_pinned) - Number(a.is_pinned) || b.updated_ms - a.updated_ms;

export const methods = {
  'system.info': (world) => ({
    version: '0.1.0', data_dir: '/home/ada/.local/share/hearth', url: world.url, uptime_ms: Date.now() - world.startedAt + 4_000_000,
    platform: 'linux-x64', pid: process.pid, device: '9f2c', methods: [],
  }), // prettier-ignore
  'threads.list': (world, { limit = 100, cursor = '0' }) => {
    const all = [...world.threads.values()].filter((thread) => !thread.is_deleted).sort(byAge);
    const from = Number(cursor);
    return { threads: all.slice(from, from + limit), next: from + limit < all.length ? String(from + limit) : null };
  },
  'threads.get': (world, { id }) => ({
    thread: { ...world.thread(id) },
    messages: [...world.messages.values()].filter((message) => message.thread === id),
  }),
  'threads.update': (world, { id, ...change }) => {
    const thread = Object.assign(world.thread(id), change);
    world.changed(thread, 'updated');
    return { ...thread };
  },
  'threads.delete': (world, { id }) => {
    const thread = Object.assign(world.thread(id), { is_deleted: true });
    world.changed(thread, 'deleted');
    return { ...thread };
  },
  'threads.restore': (world, { id }) => {
    const thread = Object.assign(world.thread(id), { is_deleted: false });
    world.changed(thread, 'restored');
    return { ...thread };
  },
  'threads.search': (world, { query, limit = 20 }) => {
    const hits = [];
    for (const message of [...world.messages.values()].reverse()) {
      const text = message.parts.map((part) => part.text).join('');
      const thread = world.threads.get(message.thread);
      if (thread.is_deleted || !text.toLowerCase().includes(query.toLowerCase()) || hits.length >= limit) continue;
      hits.push({ thread: thread.id, message: message.id, title: thread.title, snippet: snippet(text, query), created_ms: message.created_ms });
    }
    return { hits };
  },
  'chat.send': async (world, { thread: id, text, parts, model = 'kindling', parent }, call) => {
    if (text === 'refuse') throw new RpcFailure(-32602, 'context_overflow', 'This conversation has 1,310 tokens; Kindling holds 1,024. Start a new conversation or choose a model with a larger context.');
    const content = parts ?? [{ type: 'text', text }];
    const title = content[0].text.split('\n')[0].slice(0, 60);
    const thread = id ? world.thread(id) : world.addThread({ title, model });
    thread.model = model;
    const question = world.addMessage(thread, { parts: content, ...(parent !== undefined && { parent }) });
    world.changed(thread, id ? 'message' : 'created', question);
    return world.turn(thread, question, question.id, model, call);
  },
  'chat.regenerate': (world, { thread: id, message, model }, call) => {
    const old = world.messages.get(message);
    return world.turn(world.thread(id), null, old.parent, model ?? old.model, call);
  },
  'chat.stop': (world, { thread }) => {
    const running = [...world.messages.values()].filter((message) => message.thread === thread && message.state === 'running');
    for (const message of running) world.jobs.get(message.job)?.abort.abort();
    return { stopped: running.length };
  },
  'chat.running': (world) => ({
    turns: [...world.messages.values()].filter((m) => m.state === 'running').map((m) => ({ thread: m.thread, message: m.id, job: m.job })),
  }),
  'jobs.attach': async (world, { id, after = 0 }, { emit, signal }) => {
    const job = world.jobs.get(id);
    if (!job) throw new RpcFailure(-32004, 'not_found', 'This run is over.');
    await world.attach(job, after, emit, signal);
    return job.turn ?? {};
  },
  'models.list': (world) => ({ models: world.models }),
  'models.add': (world, { path }) => {
    if (!path.startsWith('/')) throw new RpcFailure(-32602, 'invalid_argument', 'Give the full path, starting with a slash.');
    if (!path.endsWith('.gguf')) throw new RpcFailure(-32602, 'invalid_argument', `${path} is not a GGUF file: it does not begin with the letters GGUF.`);
    const title = path.split('/').at(-1).replace('.gguf', '');
    const model = { ...otherModels()[0], id: title, title, source: 'path', path, state: 'unloaded', memory_bytes: null };
    world.models = [...world.models, model];
    world.emit('models.changed', { models: world.models });
    return model;
  },
  'models.remove': (world, { id }) => {
    world.models = world.models.filter((model) => model.id !== id);
    world.emit('models.changed', { models: world.models });
    return {};
  },
  'models.scan': () => ({ added: 0, removed: 0 }),
  'inference.load': async (world, { model }, { emit, signal }) => {
    const { memory_bytes, context_train } = await world.load(model, signal, emit);
    return { model, memory_bytes, context: context_train };
  },
  'inference.unload': (world, { model }) => (world.setModel(model, { state: 'unloaded', memory_bytes: null }), {}),
  'inference.loaded': (world) => ({
    models: world.models.filter((m) => m.state === 'loaded').map((m, i) => ({ model: m.id, pid: 4200 + i, state: 'loaded', slots: 4, slots_busy: 0, memory_bytes: m.memory_bytes, context: m.context_train })),
  }),
  'events.subscribe': (world, { topics }, { emit, signal }) =>
    new Promise((_resolve, reject) => {
      const watcher = { topics, emit };
      world.watchers.add(watcher);
      signal.addEventListener('abort', () => (world.watchers.delete(watcher), reject(new RpcFailure(-32000, 'cancelled', 'Cancelled.'))), { once: true });
    }),
  'settings.list': (world) => ({ settings: world.settings }),
  'settings.set': (world, { key, value }) => {
    if (key === 'inference.keep_loaded_minutes' && value > 600) throw new RpcFailure(-32602, 'invalid_argument', 'At most 600 minutes.');
    const setting = world.settings.find((one) => one.key === key);
    setting.value = value ?? setting.default;
    world.emit('settings.changed', { key, value: setting.value });
    return { key, value: setting.value, default: setting.default };
  },
  'plugins.list': () => ({ plugins: plugins() }),
  'plugins.get': (_world, { id }) => ({ ...plugins().find((plugin) => plugin.id === id), description: 'What it does, in a sentence.', generation: 1, instances: 0, failures: 0,
    permissions: [{ name: 'threads.read', reason: 'to tell the model what was said before' }], handles: { timers: 3, subscriptions: 4 },
    reclaimed: { blocks: 0, bytes: 0, timers: 0, subscriptions: 0, requests: 0 }, bytes: 18_432, calls: 1204, slow_callbacks: 0 }),
  'monitor.resources.get': () => sample(),
  'monitor.load.get': () => sample(),
  'monitor.history.get': () => ({
    samples: Array.from({ length: 90 }, (_, i) => {
      const { memory, cpu } = sample(Date.now() / 1000 - 90 + i);
      return { at_ms: Date.now() - (90 - i) * 1000, used_bytes: Math.round(memory.used_bytes), hearth_bytes: 50_000_000, cpu, hearth_cpu: 0.01 };
    }),
  }),
};

function sample(at = Date.now() / 1000) {
  const wave = (period, from, to) => from + (to - from) * (0.5 + 0.5 * Math.sin((at / period) * 6.283));
  return {
    at_ms: Math.round(at * 1000),
    memory: { total_bytes: 33_500_000_000, used_bytes: wave(50, 11.2e9, 12.6e9) },
    children: [
      { pid: 4200, plugin: 'engine-llama', model: 'kindling', memory_bytes: 41_000_000, cpu: wave(9, 0, 0.08) },
      { pid: 4201, plugin: 'engine-llama', model: 'qwen3-8b-q4_k_m', memory_bytes: 5_800_000_000, cpu: wave(13, 0.02, 0.7) },
    ],
    hearth: { memory_bytes: 8_900_000, cpu: wave(5, 0, 0.002) },
    cpu: wave(17, 0.08, 0.42), cores: 8, load1: wave(60, 0.6, 2.2),
  }; // prettier-ignore
}

const kindling = () => ({
  id: 'kindling', title: 'Kindling', source: 'builtin', path: null, size_bytes: 8_100_000, architecture: 'llama', parameters: 7_200_000,
  quantization: 'Q8_0', context_train: 1024, has_chat_template: true, is_starter: true, engine: 'engine-llama', state: 'unloaded',
  progress: null, memory_bytes: null, error: null, description: 'The built-in starter model.',
}); // prettier-ignore

function otherModels() {
  const base = { ...kindling(), source: 'folder', is_starter: false, description: null };
  return [
    { ...base, id: 'qwen3-8b-q4_k_m', title: 'Qwen3 8B', size_bytes: 5_030_000_000, parameters: 8_190_000_000, quantization: 'Q4_K_M', context_train: 40_960, architecture: 'qwen3', state: 'loaded', memory_bytes: 5_800_000_000, path: '/home/ada/.local/share/hearth/models/qwen/Qwen3-8B-Q4_K_M.gguf' },
    { ...base, id: 'rwkv7-2.9b', title: 'RWKV-7 World 2.9B', size_bytes: 2_100_000_000, parameters: 2_950_000_000, quantization: 'Q5_K_M', context_train: 1_048_576, architecture: 'rwkv7', source: 'path', path: '/data/models/rwkv7-2.9B-world-Q5_K_M.gguf' },
    { ...base, id: 'broken', title: 'notes-7b', size_bytes: 2_600_000_000, parameters: null, quantization: null, context_train: 8192, has_chat_template: false, source: 'path', path: '/home/ada/Downloads/notes-7b.gguf', state: 'failed', error: { name: 'model_invalid', message: 'notes-7b.gguf ends early: its tensor table names 4.1 GB, the file has 2.6 GB. Fetch the file again.' } },
  ]; // prettier-ignore
}

const settings = () => [
  { key: 'inference.keep_loaded_minutes', title: 'Keep a model loaded', value: 10, default: 10, schema: { type: 'integer', minimum: 0, maximum: 1440, description: 'Minutes without a question before its memory is freed. 0 keeps it forever.' } },
  { key: 'inference.temperature', title: 'Temperature', value: 0.9, default: 0.7, schema: { type: 'number', minimum: 0, maximum: 2, description: 'Higher is more varied, lower more predictable.' } },
  { key: 'chat.name_threads', title: 'Name conversations', value: 'first words', default: 'first words', schema: { type: 'string', enum: ['first words', 'date'], description: 'Never loads a model for it.' } },
  { key: 'server.is_local_api_on', title: 'Local API', value: true, default: true, schema: { type: 'boolean', description: 'Other programs on this machine may ask the models.' } },
  { key: 'chat.model', title: 'Usual model', value: '', default: '', schema: { type: 'string', format: 'model', maxLength: 512, description: 'For programs that ask without naming one.' } },
  { key: 'chat.system_prompt', title: 'System prompt', value: '', default: '', schema: { type: 'string', maxLength: 65536, description: 'Told to the model before every conversation.' } },
]; // prettier-ignore

const plugins = () => [
  ['chat', 'Chat', 'active', 'daemon'], ['threads', 'Threads', 'active', 'daemon'], ['store-folder', 'Plain files', 'active', 'daemon'],
  ['inference', 'Inference', 'active', 'daemon'], ['models', 'Models', 'active', 'daemon'], ['engine-llama', 'llama.cpp engine', 'active', 'child'],
  ['api-openai', 'OpenAI API', 'active', 'daemon'], ['monitor', 'Monitor', 'active', 'daemon'], ['ada.word-count', 'Word count', 'crashed', 'child'],
].map(([id, title, state, placement]) => ({
  id, title, state, placement, version: '0.1.0',
  error: state === 'crashed' ? { name: 'crashed', message: 'Its process ended with signal 11. It is started again in 8 s.' } : null,
})); // prettier-ignore
