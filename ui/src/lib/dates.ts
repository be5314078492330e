// SPDX-License-Identifier: AGPL-3.0-or-later
// Threads by day, as people remember them: today, yesterday, this week, this month, then month by month.

export interface Group<T> {
  label: string;
  items: T[];
}

const startOfDay = (ms: number) => new Date(ms).setHours(0, 0, 0, 0);

/** Calendar days between the two, right across changes of daylight saving time. */
function daysAgo(ms: number, now: number): number {
  return Math.round((startOfDay(now) - startOfDay(ms)) / 86_400_000);
}

export function labelOf(ms: number, now: number, locale?: string): string {
  const days = daysAgo(ms, now);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  if (days <= 7) return 'Previous 7 days';
  if (days <= 30) return 'Previous 30 days';
  const date = new Date(ms);
  const isThisYear = date.getFullYear() === new Date(now).getFullYear();
  return date.toLocaleDateString(locale, isThisYear ? { month: 'long' } : { month: 'long', year: 'numeric' });
}

/** Expects the newest first; pinned ones come in a group of their own, on top. */
export function groupByDate<T extends { updated_ms: number; is_pinned: boolean }>(
  items: readonly T[],
  now: number,
  locale?: string,
): Group<T>[] {
  const groups: Group<T>[] = [];
  const pinned = items.filter((item) => item.is_pinned);
  if (pinned.length) groups.push({ label: 'Pinned', items: pinned });
  for (const item of items) {
    if (item.is_pinned) continue;
    const label = labelOf(item.updated_ms, now, locale);
    const last = groups.at(-1);
    if (last && last.label === label) last.items.push(item);
    else groups.push({ label, items: [item] });
  }
  return groups;
}
