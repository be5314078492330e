// SPDX-License-Identifier: AGPL-3.0-or-later
// The link to the daemon as the page shows it, and the one subscription from which all stores are fed.
import { call, isKind, rpc } from '../lib/api';
import type { Topics } from '../lib/methods';
import type { SystemInfo } from '../lib/objects';
import type { LinkState } from '../lib/rpc';

type Listener = (value: never) => void;

class Connection {
  state = $state<LinkState>('closed');
  /** Opened at least once: a first connect is loading, a later one is recovering. */
  wasOpen = $state(false);
  info = $state.raw<SystemInfo | null>(null);
  /** The daemon does not know us as its owner. */
  isDenied = $state(false);
  #listeners = new Map<string, Set<Listener>>();
  #unwatch: (() => void) | null = null;

  start(): void {
    rpc.onState((state) => {
      this.state = state;
      if (state === 'open') this.wasOpen = true;
    });
    rpc.onOpen(() => {
      call('system.info', {}).then(
        (info) => (this.info = info),
        () => undefined, // Shown where it is missed; the link itself reports its own troubles.
      );
    });
    rpc.start();
    addEventListener('online', () => rpc.wake());
    addEventListener('focus', () => rpc.wake());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) rpc.wake();
    });
  }

  /** Follows the topics from now on; called once, after the stores have registered. */
  follow(): void {
    this.#unwatch?.();
    this.#unwatch = rpc.watch([...this.#listeners.keys()], (topic, value) => {
      for (const listener of this.#listeners.get(topic) ?? []) listener(value as never);
    });
  }

  on<T extends keyof Topics>(topic: T, listener: (value: Topics[T]) => void): void {
    const set = this.#listeners.get(topic) ?? new Set();
    set.add(listener as Listener);
    this.#listeners.set(topic, set);
  }

  /** True when the error says that we are not signed in; the page then shows how to be. */
  noteDenied(error: unknown): boolean {
    if (!isKind(error, 'denied', 'unauthenticated')) return false;
    this.isDenied = true;
    return true;
  }
}

export const connection = new Connection();
