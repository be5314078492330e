// SPDX-License-Identifier: AGPL-3.0-or-later
// What both text boxes of the conversation share.
import type { Action } from 'svelte/action';
import { prefs } from '../stores/prefs.svelte';

/** An IME that is choosing a word owns its Enter; 229 is how some browsers say so. */
export function isSendKey(event: KeyboardEvent): boolean {
  if (event.key !== 'Enter' || event.isComposing || event.keyCode === 229) return false;
  const hasMod = event.ctrlKey || event.metaKey;
  return prefs.values.sendWith === 'enter' ? !event.shiftKey && !event.altKey : hasMod;
}

/** Grows with its text; max-block-size of the element is where it starts to scroll. */
export const autosize: Action<HTMLTextAreaElement, string> = (field) => {
  const fit = () => {
    field.style.height = 'auto';
    field.style.height = `${field.scrollHeight}px`;
  };
  requestAnimationFrame(fit);
  addEventListener('resize', fit);
  return {
    update: () => requestAnimationFrame(fit),
    destroy: () => removeEventListener('resize', fit),
  };
};
