// SPDX-License-Identifier: AGPL-3.0-or-later
// Everything that can be done by name. The keyboard, the palette and the `?` sheet read this one table.
import { copyText } from '../lib/clipboard';
import { textOf } from '../lib/tree';
import { conversation } from './conversation.svelte';
import { prefs } from './prefs.svelte';
import { router } from './router.svelte';
import { threads } from './threads.svelte';
import { toasts } from './toasts.svelte';

export interface Command {
  id: string;
  title: string;
  group: 'Conversation' | 'Go to' | 'Look' | 'Help';
  /** `mod` is Ctrl, and Cmd on a Mac. */
  keys?: string;
  /** Also while a text field has the focus. */
  isGlobal?: boolean;
  isEnabled?: () => boolean;
  run: () => void;
}

export const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

/** What is open above the page. One at a time. */
class Overlay {
  shown = $state<'palette' | 'shortcuts' | null>(null);
  isDrawerOpen = $state(false);
  /** Bumped to put the caret into the composer. */
  focusComposer = $state(0);
  focusSearch = $state(0);

  compose(): void {
    this.focusComposer++;
  }
}
export const overlay = new Overlay();

const narrow = matchMedia('(max-width: 900px)');
const hasThread = () => router.route.page === 'chat' && router.route.thread !== null;

export function toggleList(): void {
  if (narrow.matches) overlay.isDrawerOpen = !overlay.isDrawerOpen;
  else prefs.set({ isListOpen: !prefs.values.isListOpen });
}

export function newChat(): void {
  router.go({ page: 'chat' });
  overlay.isDrawerOpen = false;
  overlay.compose();
}

function step(by: 1 | -1): void {
  const id = threads.neighbour(by);
  if (id) router.go({ thread: id });
}

async function copyLastAnswer(): Promise<void> {
  const answer = conversation.path.findLast((message) => message.role === 'assistant');
  if (answer && (await copyText(textOf(answer)))) toasts.add('Copied the last answer.');
}

async function copyLink(): Promise<void> {
  if (await copyText(location.href)) toasts.add('Copied the address of this conversation.');
}

function setTheme(theme: 'light' | 'dark' | 'system'): () => void {
  return () => prefs.set({ theme });
}

export const commands: Command[] = [
  { id: 'palette', title: 'Find anything', group: 'Go to', keys: 'mod+k', isGlobal: true, run: () => (overlay.shown = overlay.shown === 'palette' ? null : 'palette') },
  { id: 'new', title: 'New conversation', group: 'Conversation', keys: 'mod+shift+o', isGlobal: true, run: newChat },
  { id: 'stop', title: 'Stop the answer', group: 'Conversation', keys: 'escape', isGlobal: true, isEnabled: () => conversation.isRunning, run: () => void conversation.stop() },
  { id: 'rename', title: 'Rename conversation', group: 'Conversation', keys: 'mod+shift+e', isGlobal: true, isEnabled: hasThread, run: () => (threads.renaming = router.route.thread) },
  { id: 'pin', title: 'Pin or unpin conversation', group: 'Conversation', isEnabled: hasThread, run: () => void threads.pin(router.route.thread!, !conversation.thread?.is_pinned) },
  { id: 'delete', title: 'Delete conversation', group: 'Conversation', keys: 'mod+shift+d', isGlobal: true, isEnabled: hasThread, run: () => void threads.remove(router.route.thread!) },
  { id: 'copy-answer', title: 'Copy the last answer', group: 'Conversation', isEnabled: hasThread, run: () => void copyLastAnswer() },
  { id: 'copy-link', title: 'Copy address of this conversation', group: 'Conversation', isEnabled: hasThread, run: () => void copyLink() },
  { id: 'previous', title: 'Previous conversation', group: 'Conversation', keys: 'mod+shift+arrowup', isGlobal: true, run: () => step(-1) },
  { id: 'next', title: 'Next conversation', group: 'Conversation', keys: 'mod+shift+arrowdown', isGlobal: true, run: () => step(1) },
  { id: 'compose', title: 'Write a message', group: 'Go to', keys: 'shift+escape', isGlobal: true, run: () => { router.go(router.route.page === 'chat' ? router.route : { page: 'chat' }); overlay.compose(); } },
  { id: 'search', title: 'Search conversations', group: 'Go to', keys: '/', run: () => { router.go(router.route.page === 'chat' ? router.route : { page: 'chat' }); if (narrow.matches) overlay.isDrawerOpen = true; else prefs.set({ isListOpen: true }); overlay.focusSearch++; } },
  { id: 'chat', title: 'Chat', group: 'Go to', run: () => router.go({ page: 'chat', thread: conversation.id }) },
  { id: 'models', title: 'Models', group: 'Go to', run: () => router.go({ page: 'models' }) },
  { id: 'plugins', title: 'Plugins', group: 'Go to', run: () => router.go({ page: 'plugins' }) },
  { id: 'monitor', title: 'Monitor', group: 'Go to', run: () => router.go({ page: 'monitor' }) },
  { id: 'settings', title: 'Settings', group: 'Go to', keys: 'mod+,', isGlobal: true, run: () => router.go({ page: 'settings' }) },
  { id: 'list', title: 'Show or hide the list', group: 'Look', keys: 'mod+b', isGlobal: true, run: toggleList },
  { id: 'light', title: 'Light theme', group: 'Look', run: setTheme('light') },
  { id: 'dark', title: 'Dark theme', group: 'Look', run: setTheme('dark') },
  { id: 'system', title: 'Theme of the system', group: 'Look', run: setTheme('system') },
  { id: 'shortcuts', title: 'Keyboard shortcuts', group: 'Help', keys: '?', run: () => (overlay.shown = 'shortcuts') },
]; // prettier-ignore

const symbols: Record<string, string> = { arrowup: '↑', arrowdown: '↓', escape: 'Esc', enter: 'Enter', shift: isMac ? '⇧' : 'Shift', mod: isMac ? '⌘' : 'Ctrl' };

export const keyNames = (keys: string): string[] => keys.split('+').map((key) => symbols[key] ?? key.toUpperCase());

function matches(event: KeyboardEvent, keys: string): boolean {
  const parts = keys.split('+');
  const key = parts.at(-1)!;
  const wantsMod = parts.includes('mod');
  const hasMod = isMac ? event.metaKey : event.ctrlKey;
  if (wantsMod !== hasMod || event.altKey) return false;
  // `?` and `/` need Shift on some keyboards and not on others.
  if (key.length > 1 || wantsMod) if (parts.includes('shift') !== event.shiftKey) return false;
  return event.key.toLowerCase() === key;
}

/** What still makes sense while a dialog or the drawer is open. */
const aboveDialogs = ['palette', 'list', 'new'];

/** True when the key was somebody's shortcut. */
export function handleKey(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing) return false;
  const target = event.target as HTMLElement | null;
  const isTyping = !!target?.closest('input:not([type="checkbox"], [type="radio"]), textarea, select, [contenteditable="true"]');
  // Asked of the document, not of `overlay`: a dialog is gone for its user before its close event has run.
  const isModal = document.querySelector('dialog[open]') !== null;
  if (event.key === 'Escape' && (isModal || document.querySelector('[popover]:popover-open'))) return false;
  for (const command of commands) {
    if (!command.keys || (isTyping && !command.isGlobal) || !matches(event, command.keys)) continue;
    if (isModal && !aboveDialogs.includes(command.id)) continue;
    if (command.isEnabled && !command.isEnabled()) continue;
    event.preventDefault();
    command.run();
    return true;
  }
  return false;
}
