// SPDX-License-Identifier: AGPL-3.0-or-later
// What this browser remembers about how the page looks. What belongs to the person or the daemon is a
// setting over there, not here.

export interface Prefs {
  theme: 'system' | 'light' | 'dark';
  density: 'comfortable' | 'compact';
  sendWith: 'enter' | 'mod-enter';
  isListOpen: boolean;
  wrapCode: boolean;
  /** The model for a new conversation. */
  model: string | null;
}

const key = 'hearth.prefs';
const defaults: Prefs = {
  theme: 'system',
  density: 'comfortable',
  sendWith: 'enter',
  isListOpen: true,
  wrapCode: false,
  model: null,
};

function read(): Prefs {
  try {
    return { ...defaults, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Prefs>) };
  } catch {
    return { ...defaults };
  }
}

class PrefsStore {
  values = $state.raw<Prefs>(read());

  constructor() {
    addEventListener('storage', (event) => {
      if (event.key !== key) return;
      this.values = read();
      this.apply();
    });
  }

  set(change: Partial<Prefs>): void {
    this.values = { ...this.values, ...change };
    try {
      localStorage.setItem(key, JSON.stringify(this.values));
    } catch {
      // Storage is closed or full: the choice holds for this page only.
    }
    this.apply();
  }

  apply(): void {
    const root = document.documentElement;
    if (this.values.theme === 'system') delete root.dataset.theme;
    else root.dataset.theme = this.values.theme;
    root.dataset.density = this.values.density;
  }
}

export const prefs = new PrefsStore();
