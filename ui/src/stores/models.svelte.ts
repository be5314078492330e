// SPDX-License-Identifier: AGPL-3.0-or-later
// The catalogue of models with their state, and the choice of one for the next question.
import { call, isKind, sentence } from '../lib/api';
import type { Failure, LoadedModel, Model } from '../lib/objects';
import { RpcError } from '../lib/rpc';
import { connection } from './connection.svelte';
import { prefs } from './prefs.svelte';
import { toasts } from './toasts.svelte';

class Models {
  items = $state.raw<Model[]>([]);
  isLoaded = $state(false);
  error = $state<string | null>(null);
  loaded = $state.raw<LoadedModel[]>([]);
  #loads = new Map<string, AbortController>();
  #waiting: (() => void)[] = [];

  constructor() {
    connection.on('models.changed', ({ models }) => {
      if (models) this.items = models;
      else void this.load();
    });
    connection.on('inference.changed', ({ model, state, progress, memory_bytes, error }) => {
      const before = this.find(model)?.state;
      this.#patch(model, { state, progress, memory_bytes, error });
      if (before !== state && state !== 'loading') void this.#loadLoaded();
    });
  }

  find(id: string | null | undefined): Model | undefined {
    return id ? this.items.find((model) => model.id === id) : undefined;
  }

  get starter(): Model | undefined {
    return this.items.find((model) => model.is_starter);
  }

  /** The thread's model if it is still here, else the last choice, else what is loaded, else the starter. */
  choose(wanted: string | null | undefined): Model | undefined {
    return (
      this.find(wanted) ??
      this.find(prefs.values.model) ??
      this.items.find((model) => model.state === 'loaded') ??
      this.starter ??
      this.items[0]
    );
  }

  /** How many tokens fit: what the loaded engine was opened with, else what the model was trained on. */
  contextOf(id: string | null | undefined): number {
    return this.loaded.find((one) => one.model === id)?.context || this.find(id)?.context_train || 0;
  }

  /** Once it is known which models there are (or that they cannot be had): before that, nobody chose one. */
  whenKnown(): Promise<void> {
    return this.isLoaded ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  async load(): Promise<void> {
    try {
      this.items = (await call('models.list', {})).models;
      this.error = null;
    } catch (error) {
      this.error = sentence(error);
    }
    this.isLoaded = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
    await this.#loadLoaded();
  }

  /** Loads ahead of the first question. Cancelling is aborting. */
  async open(id: string): Promise<void> {
    if (this.#loads.has(id)) return;
    const abort = new AbortController();
    this.#loads.set(id, abort);
    this.#patch(id, { state: 'loading', progress: 0, error: null });
    try {
      const { memory_bytes } = await call(
        'inference.load',
        { model: id },
        {
          signal: abort.signal,
          onEvent: ({ kind, done, total }) => {
            if (kind === 'progress' && total) this.#patch(id, { progress: (done ?? 0) / total });
          },
        },
      );
      this.#patch(id, { state: 'loaded', progress: null, memory_bytes });
    } catch (error) {
      if (isKind(error, 'cancelled')) this.#patch(id, { state: 'unloaded', progress: null });
      else if (isKind(error, 'connection_lost')) this.#patch(id, { state: 'unloaded', progress: null });
      else this.#patch(id, { state: 'failed', progress: null, error: failureOf(error) });
    }
    this.#loads.delete(id);
    void this.#loadLoaded();
  }

  cancelOpen(id: string): void {
    this.#loads.get(id)?.abort();
  }

  canCancel(id: string): boolean {
    return this.#loads.has(id);
  }

  async close(id: string): Promise<void> {
    try {
      await call('inference.unload', { model: id });
      this.#patch(id, { state: 'unloaded', progress: null, memory_bytes: null });
    } catch (error) {
      toasts.add(sentence(error));
    }
    void this.#loadLoaded();
  }

  /** Throws what the daemon says, for the form to show beside the field. */
  async add(path: string): Promise<Model> {
    const model = await call('models.add', { path });
    await this.load();
    return model;
  }

  async forget(id: string): Promise<void> {
    const model = this.find(id);
    try {
      await call('models.remove', { id });
      await this.load();
      const path = model?.path;
      toasts.add(
        `Forgot ${model?.title ?? id}. The file stays where it is.`,
        path ? { label: 'Undo', run: () => void this.add(path).catch((error) => toasts.add(sentence(error))) } : undefined,
      );
    } catch (error) {
      toasts.add(sentence(error));
    }
  }

  async scan(): Promise<void> {
    try {
      const { added } = await call('models.scan', {});
      await this.load();
      toasts.add(added ? `Found ${added} new ${added === 1 ? 'model' : 'models'}.` : 'No new models in the folder.');
    } catch (error) {
      toasts.add(sentence(error));
    }
  }

  async #loadLoaded(): Promise<void> {
    try {
      this.loaded = (await call('inference.loaded', {})).models;
    } catch {
      this.loaded = []; // The gauge then falls back on what the model was trained on.
    }
  }

  #patch(id: string, change: Partial<Model>): void {
    this.items = this.items.map((model) => (model.id === id ? { ...model, ...change } : model));
  }
}

export function failureOf(error: unknown): Failure {
  return { name: error instanceof RpcError ? error.kind : 'internal', message: sentence(error) };
}

export const models = new Models();
