// SPDX-License-Identifier: AGPL-3.0-or-later
import { call, sentence } from '../lib/api';
import type { Plugin } from '../lib/objects';
import { connection } from './connection.svelte';

class Plugins {
  items = $state.raw<Plugin[]>([]);
  isLoaded = $state(false);
  error = $state<string | null>(null);

  constructor() {
    connection.on('plugins.changed', ({ id, state }) => {
      if (!this.isLoaded) return;
      if (!this.items.some((plugin) => plugin.id === id)) void this.load();
      this.items = this.items.map((plugin) => (plugin.id === id ? { ...plugin, state: state as Plugin['state'] } : plugin));
    });
  }

  async load(): Promise<void> {
    try {
      this.items = (await call('plugins.list', {})).plugins;
      this.error = null;
    } catch (error) {
      this.error = sentence(error);
    }
    this.isLoaded = true;
  }
}

export const plugins = new Plugins();
