// SPDX-License-Identifier: AGPL-3.0-or-later
// The list of threads: pages of it from the daemon, kept current by `threads.changed`.
import { call, sentence } from '../lib/api';
import type { Hit, Thread } from '../lib/objects';
import { connection } from './connection.svelte';
import { router } from './router.svelte';
import { toasts } from './toasts.svelte';

const page_size = 60;

class Threads {
  items = $state.raw<Thread[]>([]);
  isLoaded = $state(false);
  error = $state<string | null>(null);
  query = $state('');
  hits = $state.raw<Hit[] | null>(null);
  /** Threads in which an answer is being written somewhere. */
  running = $state.raw<ReadonlySet<string>>(new Set());
  renaming = $state<string | null>(null);
  #next: string | null = null;
  #isLoadingMore = false;
  #searchTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    connection.on('threads.changed', ({ thread, message, change }) => {
      this.#put(thread);
      if (change === 'message' && message?.role === 'assistant') {
        this.setRunning(thread.id, message.state === 'running');
      }
    });
  }

  get hasMore(): boolean {
    return this.#next !== null;
  }

  find(id: string | null): Thread | undefined {
    return id === null ? undefined : this.items.find((thread) => thread.id === id);
  }

  async load(): Promise<void> {
    try {
      const { threads, next } = await call('threads.list', { limit: page_size });
      this.items = sorted(threads.filter((thread) => !thread.is_deleted));
      this.#next = next;
      this.error = null;
      const { turns } = await call('chat.running', {});
      this.running = new Set(turns.map((turn) => turn.thread));
    } catch (error) {
      if (!connection.noteDenied(error)) this.error = sentence(error);
    }
    this.isLoaded = true;
  }

  async loadMore(): Promise<void> {
    if (!this.#next || this.#isLoadingMore) return;
    this.#isLoadingMore = true;
    try {
      const { threads, next } = await call('threads.list', { limit: page_size, cursor: this.#next });
      const known = new Set(this.items.map((thread) => thread.id));
      this.#next = next;
      this.items = sorted([...this.items, ...threads.filter((t) => !known.has(t.id) && !t.is_deleted)]);
    } catch {
      // Scrolling again asks again.
    }
    this.#isLoadingMore = false;
  }

  search(query: string): void {
    this.query = query;
    clearTimeout(this.#searchTimer);
    if (!query.trim()) {
      this.hits = null;
      return;
    }
    this.#searchTimer = setTimeout(() => {
      call('threads.search', { query: query.trim(), limit: 40 }).then(
        ({ hits }) => {
          if (this.query === query) this.hits = hits;
        },
        (error) => {
          if (this.query !== query) return;
          this.hits = [];
          toasts.add(sentence(error));
        },
      );
    }, 120);
  }

  setRunning(id: string, isRunning: boolean): void {
    if (this.running.has(id) === isRunning) return;
    const next = new Set(this.running);
    if (isRunning) next.add(id);
    else next.delete(id);
    this.running = next;
  }

  async rename(id: string, title: string): Promise<void> {
    this.renaming = null;
    const clean = title.trim();
    if (!clean || clean === this.find(id)?.title) return;
    await this.#change(() => call('threads.update', { id, title: clean }));
  }

  async pin(id: string, is_pinned: boolean): Promise<void> {
    await this.#change(() => call('threads.update', { id, is_pinned }));
  }

  async remove(id: string): Promise<void> {
    const thread = this.find(id);
    await this.#change(async () => {
      const removed = await call('threads.delete', { id });
      if (router.route.thread === id) router.go({ page: 'chat' });
      const title = thread?.title || 'New conversation';
      toasts.add(`Deleted “${title.length > 40 ? title.slice(0, 39) + '…' : title}”`, {
        label: 'Undo',
        run: () => void this.restore(id),
      });
      return { ...removed, is_deleted: true };
    });
  }

  async restore(id: string): Promise<void> {
    await this.#change(async () => {
      const thread = await call('threads.restore', { id });
      router.go({ thread: id });
      return thread;
    });
  }

  /** The thread above or below the open one, in the order of the list. */
  neighbour(step: 1 | -1): string | null {
    const at = this.items.findIndex((thread) => thread.id === router.route.thread);
    if (at < 0) return this.items[0]?.id ?? null;
    return this.items[at + step]?.id ?? null;
  }

  accept(thread: Thread): void {
    this.#put(thread);
  }

  async #change(act: () => Promise<Thread>): Promise<void> {
    try {
      this.#put(await act());
    } catch (error) {
      toasts.add(sentence(error));
    }
  }

  #put(thread: Thread): void {
    const others = this.items.filter((other) => other.id !== thread.id);
    if (thread.is_deleted) {
      this.items = others;
      return;
    }
    const last = this.items.at(-1);
    // Older than everything on the loaded pages: it comes with its own page.
    const isBeyond = this.#next !== null && last !== undefined && thread.updated_ms < last.updated_ms;
    this.items = isBeyond && !thread.is_pinned ? others : sorted([...others, thread]);
  }
}

function sorted(threads: Thread[]): Thread[] {
  return threads.sort(
    (a, b) => Number(b.is_pinned) - Number(a.is_pinned) || b.updated_ms - a.updated_ms || (a.id < b.id ? 1 : -1),
  );
}

export const threads = new Threads();
