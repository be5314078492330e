// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The open thread: its messages, the branch that is shown, and the answers that are being written in it.
//
// An answer reaches this page in one of three ways: as the events of our own `chat.send`, by attaching to
// the run of a message that was `running` when the thread was opened (a reload in mid-answer), or by
// attaching because `threads.changed` told of a running message (another tab asked). All three end in one
// `Live` per message; `#streams` makes sure that no message has two. When the link is lost the run goes
// on over there; on return the thread is read again, and what still runs is attached to again.
import { SvelteMap } from 'svelte/reactivity';
import { call, isKind, sentence } from '../lib/api';
import type { Turn, TurnStarted } from '../lib/methods';
import type { Failure, Message, Thread } from '../lib/objects';
import type { RpcEvent } from '../lib/rpc';
import { Tree, textOf, upsert } from '../lib/tree';
import { announcer } from './announcer.svelte';
import { connection } from './connection.svelte';
import { Live } from './live.svelte';
import { failureOf, models } from './models.svelte';
import { router } from './router.svelte';
import { threads } from './threads.svelte';
import { toasts } from './toasts.svelte';

interface Ask {
  text: string;
  /** Undefined: after the shown leaf. Null: a new root. */
  parent?: string | null;
}

class Conversation {
  id = $state<string | null>(null);
  thread = $state.raw<Thread | null>(null);
  messages = $state.raw<Message[]>([]);
  head = $state<string | null>(null);
  isLoading = $state(false);
  loadError = $state.raw<Failure | null>(null);
  /** A question that the daemon has not acknowledged yet. */
  pending = $state.raw<Ask | null>(null);
  sendError = $state.raw<{ failure: Failure; ask: Ask | null } | null>(null);
  lives = new SvelteMap<string, Live>();

  tree = $derived(new Tree(this.messages));
  path = $derived(this.tree.path(this.head));
  isRunning = $derived(this.pending !== null || this.path.some((message) => message.state === 'running'));

  #streams = new Set<string>();
  /** Runs that have ended here; a stub that still says `running` must not be attached to forever. */
  #ended = new Set<string>();
  #ownCalls = 0;
  #generation = 0;

  constructor() {
    connection.on('threads.changed', ({ thread, message }) => {
      if (thread.id !== this.id) return;
      if (thread.is_deleted) return router.go({ page: 'chat' });
      this.thread = thread;
      if (thread.head !== null) this.head = thread.head;
      if (!message) return;
      this.#accept(message);
      // Our own call may still be about to say that this is its answer.
      if (this.#ownCalls === 0) this.#attachRunning();
    });
  }

  async show(id: string | null): Promise<void> {
    if (id === this.id) return;
    this.id = id;
    this.thread = threads.find(id) ?? null;
    this.messages = [];
    this.head = null;
    this.pending = null;
    this.sendError = null;
    this.loadError = null;
    this.lives.clear();
    this.#streams.clear();
    this.#generation++;
    await this.recover();
  }

  /** The link is back (or the thread new here): read it, and follow what still runs. */
  async recover(): Promise<void> {
    this.#ended.clear();
    await this.reload();
  }

  async reload(): Promise<void> {
    const id = this.id;
    if (id === null) return;
    const generation = this.#generation;
    this.isLoading = this.messages.length === 0;
    try {
      const { thread, messages } = await call('threads.get', { id });
      if (generation !== this.#generation) return;
      this.thread = thread;
      this.messages = messages;
      this.head = thread.head;
      this.loadError = thread.is_deleted ? { name: 'deleted', message: 'It was deleted.' } : null;
      this.#attachRunning();
    } catch (error) {
      if (generation !== this.#generation) return;
      if (!connection.noteDenied(error) && !isKind(error, 'connection_lost')) this.loadError = failureOf(error);
    }
    this.isLoading = false;
  }

  async send(text: string, parent?: string | null): Promise<void> {
    const ask: Ask = { text, ...(parent !== undefined && { parent }) };
    // One answers to what one sees, whatever another tab has chosen to show meanwhile.
    const after = parent === undefined ? this.path.at(-1)?.id : parent;
    this.pending = ask;
    await models.whenKnown();
    const model = models.choose(this.thread?.model)?.id;
    await this.#turn(ask, (onEvent) =>
      call(
        'chat.send',
        { thread: this.id, text, ...(model && { model }), ...(after !== undefined && { parent: after }) },
        { onEvent },
      ),
    );
  }

  /** With the model that is chosen now, which may be another than wrote the first answer. */
  async regenerate(message: Message): Promise<void> {
    const model = models.choose(this.thread?.model)?.id;
    await this.#turn(null, (onEvent) =>
      call('chat.regenerate', { thread: message.thread, message: message.id, ...(model && { model }) }, { onEvent }),
    );
  }

  /** After a failure before anything was stored: the same question once more. */
  retrySend(): void {
    const ask = this.sendError?.ask;
    this.sendError = null;
    if (ask) void this.send(ask.text, ask.parent);
  }

  async stop(): Promise<void> {
    if (this.id === null) return;
    try {
      await call('chat.stop', { thread: this.id });
    } catch (error) {
      toasts.add(sentence(error));
    }
  }

  /** Shows the branch through `id`, and lets the thread remember it. */
  async choose(id: string): Promise<void> {
    const leaf = this.tree.leaf(id);
    this.head = leaf;
    if (this.id === null) return;
    try {
      await call('threads.update', { id: this.id, head: leaf });
    } catch (error) {
      toasts.add(sentence(error));
    }
  }

  async setModel(model: string): Promise<void> {
    if (this.id === null) return;
    if (this.thread) this.thread = { ...this.thread, model };
    try {
      threads.accept(await call('threads.update', { id: this.id, model }));
    } catch (error) {
      toasts.add(sentence(error));
    }
  }

  async #turn(ask: Ask | null, act: (onEvent: (event: RpcEvent) => void) => Promise<{ thread: Thread; question: Message | null; answer: Message }>) {
    const generation = this.#generation;
    const isHere = () => generation === this.#generation;
    let answer: string | null = null;
    let live: Live | null = null;
    let isStarting = true;
    const started = () => {
      if (!isStarting) return;
      isStarting = false;
      this.#ownCalls--;
    };
    this.sendError = null;
    this.#ownCalls++;
    try {
      const result = await act((event) => {
        if (event.kind === 'started') {
          const turn = event.data as TurnStarted;
          answer = turn.answer.id;
          if (isHere()) live = this.#begin(turn);
          started();
        } else live?.accept(event);
      });
      threads.accept(result.thread);
      threads.setRunning(result.thread.id, false);
      if (isHere()) this.#finish(result.answer, result.question);
    } catch (error) {
      if (isHere()) this.#fail(error, ask, answer);
    } finally {
      started();
      if (isHere()) {
        this.pending = null;
        this.#attachRunning();
      }
    }
  }

  #begin({ thread, question, answer }: TurnStarted): Live {
    threads.accept(thread);
    threads.setRunning(thread.id, true);
    if (this.id === null) {
      // A new conversation has just got its name and address; the view stays as it is.
      this.id = thread.id;
      router.go({ thread: thread.id }, true);
    }
    this.thread = thread;
    this.pending = null;
    this.#streams.add(answer.id);
    const live = this.lives.get(answer.id) ?? new Live();
    this.lives.set(answer.id, live);
    if (question) this.messages = upsert(this.messages, question);
    this.messages = upsert(this.messages, answer);
    this.head = answer.id;
    return live;
  }

  #finish(answer: Message, question: Message | null = null): void {
    if (question) this.messages = upsert(this.messages, question);
    this.messages = upsert(this.messages, answer);
    this.lives.delete(answer.id);
    this.#streams.delete(answer.id);
    announcer.say(textOf(answer) || answer.error?.message || '');
  }

  #fail(error: unknown, ask: Ask | null, answer: string | null): void {
    if (answer !== null) {
      // The stub exists: the daemon's own record of how it ended is the truth.
      this.#streams.delete(answer);
      this.#ended.add(answer);
      if (!isKind(error, 'connection_lost')) void this.#settle(answer, error);
      return;
    }
    this.sendError = { failure: failureOf(error), ask };
    announcer.say(sentence(error));
  }

  /** After a run ended with an error: what was stored about it, or at least what we know. */
  async #settle(id: string, error: unknown): Promise<void> {
    const live = this.lives.get(id);
    await this.reload();
    const message = this.tree.get(id);
    if (message && message.state !== 'running') return this.#finish(message);
    if (message) {
      const text = live?.text ?? '';
      const state = isKind(error, 'cancelled') ? 'stopped' : 'failed';
      const parts = text ? [{ type: 'text' as const, text }] : message.parts;
      this.messages = upsert(this.messages, { ...message, state, parts, error: state === 'failed' ? failureOf(error) : null });
    }
    this.lives.delete(id);
  }

  #accept(message: Message): void {
    const isOver = message.state !== 'running';
    // The call that streams it ends right after this; its result is the same message with everything in it.
    if (isOver && this.lives.has(message.id)) {
      if (!this.#streams.has(message.id)) this.#finish(message);
      else this.messages = upsert(this.messages, message);
      return;
    }
    this.messages = upsert(this.messages, message);
  }

  #attachRunning(): void {
    for (const message of this.messages) {
      if (message.state === 'running' && message.job && !this.#streams.has(message.id) && !this.#ended.has(message.id)) {
        void this.#attach(message.id, message.job);
      }
    }
  }

  async #attach(message: string, job: string): Promise<void> {
    const generation = this.#generation;
    const isHere = () => generation === this.#generation;
    this.#streams.add(message);
    const live = this.lives.get(message) ?? new Live();
    live.rewind();
    this.lives.set(message, live);
    let error: unknown = null;
    try {
      const turn = (await call('jobs.attach', { id: job, after: 0 }, { onEvent: (event) => isHere() && live.accept(event) })) as Partial<Turn> | null;
      if (isHere() && turn?.answer?.id === message) this.messages = upsert(this.messages, turn.answer);
    } catch (thrown) {
      error = thrown;
    }
    if (!isHere()) return;
    this.#streams.delete(message);
    if (isKind(error, 'connection_lost')) return;
    this.#ended.add(message);
    const known = this.tree.get(message);
    if (known && known.state !== 'running') this.#finish(known);
    else await this.#settle(message, error ?? new Error('The answer ended without a result.'));
    if (this.id) threads.setRunning(this.id, this.messages.some((one) => one.state === 'running'));
  }
}

export const conversation = new Conversation();
