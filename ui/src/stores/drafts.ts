// SPDX-License-Identifier: AGPL-3.0-or-later
// What was typed and not sent, per thread, over reloads. The oldest give way when there are many.

const prefix = 'hearth.draft.';
const cap_drafts = 50;
const cap_chars = 200_000;

const keyOf = (thread: string | null) => prefix + (thread ?? 'new');

export function readDraft(thread: string | null): string {
  try {
    return localStorage.getItem(keyOf(thread)) ?? '';
  } catch {
    return '';
  }
}

export function writeDraft(thread: string | null, text: string): void {
  try {
    const key = keyOf(thread);
    localStorage.removeItem(key);
    if (!text.trim() || text.length > cap_chars) return;
    const others = Object.keys(localStorage).filter((name) => name.startsWith(prefix));
    for (const name of others.slice(0, Math.max(0, others.length + 1 - cap_drafts))) localStorage.removeItem(name);
    localStorage.setItem(key, text);
  } catch {
    // Storage is closed or full: the draft lives as long as the page.
  }
}
