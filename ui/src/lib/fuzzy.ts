// SPDX-License-Identifier: AGPL-3.0-or-later
// Scores a title against what was typed: every letter must occur in order; word starts and runs count more.

export function score(query: string, title: string): number {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return 1;
  const text = title.toLowerCase();
  const whole = text.indexOf(wanted);
  if (whole >= 0) return 1000 - whole - text.length / 100 + (whole === 0 || text[whole - 1] === ' ' ? 200 : 0);
  let total = 0;
  let at = -1;
  for (const letter of wanted) {
    if (letter === ' ') continue;
    const found = text.indexOf(letter, at + 1);
    if (found < 0) return 0;
    if (found === at + 1) total += 3;
    else if (found === 0 || text[found - 1] === ' ') total += 5;
    else total += 1;
    at = found;
  }
  // Letters that only happen to stand in order somewhere are no match.
  return total >= 2.5 * wanted.length ? total : 0;
}
