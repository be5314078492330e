// SPDX-License-Identifier: AGPL-3.0-or-later
import { call, sentence } from '../lib/api';
import type { Setting } from '../lib/objects';
import { connection } from './connection.svelte';

class Settings {
  items = $state.raw<Setting[]>([]);
  isLoaded = $state(false);
  error = $state<string | null>(null);
  /** What the daemon said about the last value that it refused, by key. */
  refusals = $state.raw<Record<string, string>>({});

  constructor() {
    connection.on('settings.changed', ({ key, value }) => this.#put(key, value));
  }

  async load(): Promise<void> {
    try {
      this.items = (await call('settings.list', {})).settings;
      this.error = null;
    } catch (error) {
      this.error = sentence(error);
    }
    this.isLoaded = true;
  }

  async set(key: string, value: unknown, shown = value): Promise<void> {
    const before = this.items.find((setting) => setting.key === key)?.value;
    this.#put(key, shown);
    try {
      this.#put(key, (await call('settings.set', { key, value })).value);
      const { [key]: _gone, ...rest } = this.refusals;
      this.refusals = rest;
    } catch (error) {
      this.#put(key, before);
      this.refusals = { ...this.refusals, [key]: sentence(error) };
    }
  }

  /** Null brings the default back. */
  async reset({ key, default: usual }: Setting): Promise<void> {
    await this.set(key, null, usual);
  }

  #put(key: string, value: unknown): void {
    this.items = this.items.map((setting) => (setting.key === key ? { ...setting, value } : setting));
  }
}

export const settings = new Settings();
