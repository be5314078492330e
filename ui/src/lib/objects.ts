// SPDX-License-Identifier: AGPL-3.0-or-later
// The objects that travel on the wire, as the methods' specs describe them.

export type Role = 'user' | 'assistant' | 'system' | 'tool';
export type MessageState = 'complete' | 'running' | 'stopped' | 'interrupted' | 'failed';
export type ModelState = 'unloaded' | 'loading' | 'loaded' | 'failed';

export interface Failure {
  name: string;
  message: string;
}

export interface Thread {
  id: string;
  title: string;
  model: string | null;
  created_ms: number;
  updated_ms: number;
  message_count: number;
  preview: string;
  is_pinned: boolean;
  is_deleted: boolean;
  /** The leaf message of the shown branch. */
  head: string | null;
}

export interface Part {
  type: 'text' | 'reasoning';
  text: string;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
}

export interface Timings {
  prompt_ms: number;
  predicted_ms: number;
  predicted_per_second: number;
}

export interface Message {
  id: string;
  thread: string;
  parent: string | null;
  role: Role;
  parts: Part[];
  model: string | null;
  state: MessageState;
  job: string | null;
  error: Failure | null;
  usage: Usage | null;
  timings: Timings | null;
  finish_reason: string | null;
  created_ms: number;
  device: string;
}

export interface Model {
  id: string;
  title: string;
  source: 'builtin' | 'folder' | 'path';
  path: string | null;
  size_bytes: number;
  architecture: string;
  parameters: number | null;
  quantization: string | null;
  context_train: number;
  has_chat_template: boolean;
  is_starter: boolean;
  engine: string;
  state: ModelState;
  /** 0..1 while loading. */
  progress: number | null;
  memory_bytes: number | null;
  /** Why the last load failed. */
  error: Failure | null;
  /** What is wrong with its files; absent when nothing is. */
  problem?: Failure;
  description: string | null;
}

export interface Job {
  id: string;
  method: string;
  plugin: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  progress: { done: number; total: number; text: string } | null;
  created_ms: number;
  finished_ms: number | null;
  next_seq: number;
  is_durable: boolean;
  meta: unknown;
}

export interface SystemInfo {
  version: string;
  data_dir: string;
  url: string;
  uptime_ms: number;
  platform: string;
  pid: number;
  device: string;
  methods: string[];
}

export interface Plugin {
  id: string;
  version: string;
  title: string;
  state: string;
  placement: string;
  error: Failure | null;
}

export interface PluginDetail extends Plugin {
  handles: number;
  bytes: number;
  calls: number;
  slow_callbacks: number;
}

export interface SearchHit {
  thread: string;
  message: string;
  title: string;
  snippet: { text: string; is_match: boolean }[];
  created_ms: number;
}

/** The part of JSON Schema that a settings control is drawn from. */
export interface SettingSchema {
  type?: string;
  enum?: (string | number)[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  description?: string;
}

export interface Setting {
  key: string;
  value: unknown;
  default: unknown;
  schema: SettingSchema;
  title: string;
}

export interface LoadedModel {
  model: string;
  pid: number;
  state: ModelState;
  slots: number | null;
  slots_busy: number;
  memory_bytes: number | null;
  context: number | null;
}

/** What the system does not tell is absent. */
export interface Use {
  memory_bytes?: number;
  /** Share of the whole machine, 0..1. */
  cpu?: number;
}

export interface ChildUse extends Use {
  pid: number;
  plugin: string;
  model: string | null;
}

export interface Resources {
  memory: { total_bytes?: number; used_bytes?: number };
  children: ChildUse[];
  hearth: Use;
}

export interface Load {
  cpu?: number;
  cores: number;
  load1?: number;
}

/** The value of `monitor.sampled`. */
export interface Sample extends Resources, Load {
  at_ms: number;
}

/** A moment of the past, as `monitor.history.get` keeps it. */
export interface HistoryPoint {
  at_ms: number;
  used_bytes: number;
  hearth_bytes: number;
  cpu?: number;
  hearth_cpu?: number;
}

export interface SendOptions {
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  max_tokens?: number;
  seed?: number;
  stop?: string[];
}
