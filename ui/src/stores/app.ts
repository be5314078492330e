// SPDX-License-Identifier: AGPL-3.0-or-later
// Brings the stores to life, in order: link, then who we are, then what is shown.
import { rpc } from '../lib/api';
import { connection } from './connection.svelte';
import { conversation } from './conversation.svelte';
import { models } from './models.svelte';
import './plugins.svelte';
import { prefs } from './prefs.svelte';
import './settings.svelte';
import { threads } from './threads.svelte';

export function start(): void {
  prefs.apply();
  rpc.onOpen(() => {
    connection.isDenied = false;
    void threads.load().then(() => {
      if (connection.isDenied) return;
      void models.load();
      void conversation.recover();
    });
  });
  connection.start();
  connection.follow();
}
