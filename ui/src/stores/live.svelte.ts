// SPDX-License-Identifier: AGPL-3.0-or-later
// An answer while it is being written. Pieces come as often as the engine makes them; the page is told once
// per frame, and not at all by frames while the tab is hidden.
import type { RpcEvent } from '../lib/rpc';

export interface Phase {
  text: string;
  /** 0..1, or null when nobody knows. */
  share: number | null;
}

interface Snapshot {
  text?: string;
  reasoning?: string;
  parts?: { type: string; text: string }[];
  message?: { parts?: { type: string; text: string }[] };
}

export class Live {
  text = $state('');
  reasoning = $state('');
  phase = $state.raw<Phase | null>(null);
  /** When the first piece of the thought and of the answer came; for "Thought for 12 s". */
  thoughtSince_ms = $state<number | null>(null);
  thoughtFor_ms = $state<number | null>(null);
  #text = '';
  #reasoning = '';
  #isScheduled = false;

  accept(event: RpcEvent): void {
    if (event.kind === 'text') {
      this.#text += event.text ?? '';
      this.#noteText();
    } else if (event.kind === 'reasoning') {
      this.#reasoning += event.text ?? '';
      this.thoughtSince_ms ??= Date.now();
      this.phase = null;
    } else if (event.kind === 'progress') {
      const share = event.total ? Math.min(1, (event.done ?? 0) / event.total) : null;
      if (!this.#text) this.phase = { text: event.text || 'Reading the conversation', share };
      return;
    } else if (event.kind === 'reset') {
      const snapshot = (event.data ?? {}) as Snapshot;
      const parts = snapshot.parts ?? snapshot.message?.parts;
      this.#text = snapshot.text ?? join(parts, 'text');
      this.#reasoning = snapshot.reasoning ?? join(parts, 'reasoning');
      if (this.#text) this.#noteText();
    } else return;
    this.#schedule();
  }

  /** Before a replay from the beginning. What is shown stays until the first piece of the replay. */
  rewind(): void {
    this.#text = '';
    this.#reasoning = '';
  }

  #noteText(): void {
    this.phase = null;
    if (this.thoughtSince_ms !== null) this.thoughtFor_ms ??= Date.now() - this.thoughtSince_ms;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const show = () => {
      this.#isScheduled = false;
      this.text = this.#text;
      this.reasoning = this.#reasoning;
    };
    if (document.hidden) setTimeout(show, 250);
    else requestAnimationFrame(show);
  }
}

function join(parts: { type: string; text: string }[] | undefined, type: string): string {
  return (parts ?? []).filter((part) => part.type === type).map((part) => part.text).join('');
}
