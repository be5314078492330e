// SPDX-License-Identifier: AGPL-3.0-or-later

export interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

class Toasts {
  items = $state.raw<Toast[]>([]);
  #next = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  add(text: string, action?: Toast['action'], stay_ms = action ? 9000 : 5000): void {
    const id = this.#next++;
    this.items = [...this.items.slice(-2), { id, text, ...(action && { action }) }];
    this.#timers.set(id, setTimeout(() => this.remove(id), stay_ms));
  }

  remove(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.items = this.items.filter((toast) => toast.id !== id);
  }

  /** A toast that somebody is about to act on must not vanish under the pointer. */
  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
  }

  release(id: number): void {
    this.#timers.set(id, setTimeout(() => this.remove(id), 4000));
  }
}

export const toasts = new Toasts();
