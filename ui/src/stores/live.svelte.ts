// SPDX-License-Identifier: AGPL-3.0-or-later
// An answer while it is being written. Pieces come as often as the engine makes them; the page is told once
// per frame, and not at all by frames while the tab is hidden.
import type { RpcEvent } from '../lib/rpc';

export interface Phase {
  text: string;
  /** 0..1, or null when nobody knows. */
  share: number | null;
}

/** What a `reset` brings when the run's first events are no longer kept. */
interface Snapshot {
  text: string;
  reasoning: string;
  progress: { done: number; total: number; text: string } | null;
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
      this.#note(event);
      return;
    } else if (event.kind === 'reset') {
      const snapshot = (event.data ?? {}) as Partial<Snapshot>;
      this.#text = snapshot.text ?? '';
      this.#reasoning = snapshot.reasoning ?? '';
      if (this.#text) this.#noteText();
      else if (snapshot.progress) this.#note(snapshot.progress);
    } else return;
    this.#schedule();
  }

  /** Before a replay from the beginning. What is shown stays until the first piece of the replay. */
  rewind(): void {
    this.#text = '';
    this.#reasoning = '';
  }

  #note({ done = 0, total = 0, text }: { done?: number; total?: number; text?: string }): void {
    if (this.#text) return;
    this.phase = { text: text || 'Reading the conversation', share: total ? Math.min(1, done / total) : null };
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
