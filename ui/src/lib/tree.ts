// SPDX-License-Identifier: AGPL-3.0-or-later
// A thread is a tree of messages: an edited question or a second answer is a sibling, never an overwrite.
// What is shown is one path from a root to a leaf, named by the leaf.
import type { Message } from './objects';

export interface Branches {
  /** 1-based position among the siblings, for `‹ 2/3 ›`. */
  index: number;
  count: number;
  previous: string | null;
  next: string | null;
}

export class Tree {
  readonly messages: readonly Message[];
  #byId = new Map<string, Message>();
  #children = new Map<string | null, Message[]>();

  constructor(messages: readonly Message[]) {
    this.messages = messages;
    for (const message of messages) this.#byId.set(message.id, message);
    for (const message of messages) {
      const list = this.#children.get(this.parentOf(message));
      if (list) list.push(message);
      else this.#children.set(this.parentOf(message), [message]);
    }
    for (const list of this.#children.values()) list.sort(byAge);
  }

  get(id: string | null): Message | undefined {
    return id === null ? undefined : this.#byId.get(id);
  }

  /** A message whose parent is unknown here (deleted, not yet synced) counts as a root. */
  parentOf(message: Message): string | null {
    return message.parent !== null && this.#byId.has(message.parent) ? message.parent : null;
  }

  /** Root first. Without a usable head: the path to the newest message. */
  path(head: string | null): Message[] {
    let message = this.get(head) ?? this.#newest();
    const path: Message[] = [];
    const seen = new Set<string>();
    while (message && !seen.has(message.id)) {
      seen.add(message.id); // A damaged file may hold a cycle.
      path.push(message);
      message = this.get(this.parentOf(message));
    }
    return path.reverse();
  }

  branches(message: Message): Branches {
    const siblings = this.#children.get(this.parentOf(message)) ?? [message];
    const at = siblings.findIndex((other) => other.id === message.id);
    return {
      index: at + 1,
      count: siblings.length,
      previous: siblings[at - 1]?.id ?? null,
      next: siblings[at + 1]?.id ?? null,
    };
  }

  /** The leaf that is reached from here by always taking the newest child. */
  leaf(id: string): string {
    const seen = new Set<string>();
    let current = id;
    while (!seen.has(current)) {
      seen.add(current);
      const newest = this.#children.get(current)?.at(-1);
      if (!newest) break;
      current = newest.id;
    }
    return current;
  }

  #newest(): Message | undefined {
    return this.messages.reduce<Message | undefined>((best, m) => (!best || byAge(best, m) <= 0 ? m : best), undefined);
  }
}

/** Puts `message` in place of its older version, or at the end. */
export function upsert(messages: readonly Message[], message: Message): Message[] {
  const at = messages.findIndex((other) => other.id === message.id);
  return at < 0 ? [...messages, message] : messages.with(at, message);
}

export function textOf(message: Message, type: 'text' | 'reasoning' = 'text'): string {
  return message.parts
    .filter((part) => part.type === type)
    .map((part) => part.text)
    .join('');
}

function byAge(a: Message, b: Message): number {
  return a.created_ms - b.created_ms || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
