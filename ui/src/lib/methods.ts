// SPDX-License-Identifier: AGPL-3.0-or-later
// The generated table of methods and topics, with the narrower objects of `objects.ts` put in.
import type * as gen from '../gen/client';
import type { Message, Setting } from './objects';

type Narrow<T> = T extends gen.Message
  ? Message
  : T extends gen.Setting
    ? Setting
    : T extends readonly (infer Item)[]
      ? Narrow<Item>[]
      : T extends object
        ? { [K in keyof T]: Narrow<T[K]> }
        : T;

export type Methods = {
  [M in keyof gen.Methods]: { params: gen.Methods[M]['params']; result: Narrow<gen.Methods[M]['result']> };
};
export type Topics = { [T in keyof gen.Topics]: Narrow<gen.Topics[T]> };

/** What `chat.send` and `chat.regenerate` end with. */
export type Turn = Methods['chat.send']['result'];

/** The data of their first event. */
export interface TurnStarted extends Turn {
  job: string;
}
