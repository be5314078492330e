// SPDX-License-Identifier: AGPL-3.0-or-later
// One polite voice for screen readers: it says what is finished, never each piece.

class Announcer {
  text = $state('');

  say(text: string): void {
    this.text = text.length > 1500 ? text.slice(0, 1500) + '…' : text;
  }
}

export const announcer = new Announcer();
