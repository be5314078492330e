// SPDX-License-Identifier: AGPL-3.0-or-later
// Every method that the page calls: its parameters and its result. `api.ts` is the only reader.
import type {
  HistoryPoint,
  Job,
  LoadedModel,
  Load,
  Message,
  Model,
  Part,
  Plugin,
  PluginDetail,
  Resources,
  Sample,
  SearchHit,
  SendOptions,
  Setting,
  SystemInfo,
  Thread,
} from './objects';

type None = Record<string, never>;
export interface Turn {
  thread: Thread;
  question: Message | null;
  answer: Message;
}

export interface Methods {
  'system.info': { params: None; result: SystemInfo };
  'plugins.list': { params: None; result: { plugins: Plugin[] } };
  'plugins.get': { params: { id: string }; result: PluginDetail };
  'jobs.attach': { params: { id: string; after?: number }; result: unknown };
  'jobs.cancel': { params: { id: string }; result: Job };
  'events.subscribe': { params: { topics: string[] }; result: unknown };
  'settings.list': { params: { prefix?: string }; result: { settings: Setting[] } };
  'settings.set': {
    params: { key: string; value: unknown };
    result: { key: string; value: unknown; default: unknown };
  };
  'threads.list': {
    params: { limit?: number; cursor?: string; query?: string };
    result: { threads: Thread[]; next: string | null };
  };
  'threads.get': { params: { id: string }; result: { thread: Thread; messages: Message[] } };
  'threads.update': {
    params: { id: string; title?: string; model?: string; head?: string; is_pinned?: boolean };
    result: Thread;
  };
  'threads.delete': { params: { id: string }; result: Thread };
  'threads.restore': { params: { id: string }; result: Thread };
  'threads.search': { params: { query: string; limit?: number }; result: { hits: SearchHit[] } };
  'chat.send': {
    params: {
      thread: string | null;
      text?: string;
      parts?: Part[];
      model?: string;
      parent?: string | null;
      options?: SendOptions;
    };
    result: Turn;
  };
  'chat.regenerate': {
    params: { thread: string; message: string; model?: string; options?: SendOptions };
    result: Turn;
  };
  'chat.stop': { params: { thread: string }; result: { stopped: number } };
  'chat.running': { params: None; result: { turns: { thread: string; message: string; job: string }[] } };
  'models.list': { params: None; result: { models: Model[] } };
  'models.add': { params: { path: string }; result: Model };
  'models.remove': { params: { id: string }; result: unknown };
  'models.scan': { params: None; result: { added: number; removed: number } };
  'inference.load': {
    params: { model: string };
    result: { model: string; memory_bytes: number; context: number };
  };
  'inference.unload': { params: { model: string }; result: unknown };
  'inference.loaded': { params: None; result: { models: LoadedModel[] } };
  'monitor.resources.get': { params: None; result: Resources };
  'monitor.load.get': { params: None; result: Load };
  'monitor.history.get': { params: None; result: { samples: HistoryPoint[] } };
}

/** What each topic of `events.subscribe` carries. */
export interface Topics {
  'threads.changed': {
    thread: Thread;
    message: Message | null;
    change: 'created' | 'updated' | 'deleted' | 'restored' | 'message';
  };
  'models.changed': { models: Model[] };
  'inference.changed': {
    model: string;
    state: Model['state'];
    progress: number | null;
    memory_bytes: number | null;
    error: Model['error'];
  };
  'jobs.changed': { job: Job };
  'settings.changed': { key: string; value: unknown };
  'plugins.changed': { id: string; state: string };
  'monitor.sampled': Sample;
}

/** The first event of `chat.send` and `chat.regenerate`. */
export interface TurnStarted extends Turn {
  job: string;
}
