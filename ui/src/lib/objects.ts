// SPDX-License-Identifier: AGPL-3.0-or-later
// The objects that travel on the wire: generated from the specs, made narrower where a spec says less than
// the page must know (what the engine reports about an answer; the schema of a setting).
import type * as gen from '../gen/client';

export type { Child, Job, Load, LoadedModel, Model, Part, Plugin, PluginDetail, Point, Resources, Thread } from '../gen/client';
export type { Hit } from '../gen/client';

export type Sample = gen.Topics['monitor.sampled'];
export type SystemInfo = gen.Methods['system.info']['result'];
export type ModelState = gen.Model['state'];

export interface Failure {
  name: string;
  message: string;
}

export interface Message extends Omit<gen.Message, 'usage' | 'timings'> {
  usage: gen.Usage | null;
  timings: gen.Timings | null;
}

/** The part of JSON Schema that a settings control is drawn from. */
export interface SettingSchema {
  type?: string;
  /** "model": the id of one. */
  format?: string;
  enum?: (string | number)[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  description?: string;
}

export interface Setting extends Omit<gen.Setting, 'schema'> {
  schema: SettingSchema;
}
