// SPDX-License-Identifier: AGPL-3.0-or-later
// What the lexer leaves as it was written: character references, and addresses that nobody should follow.

const named: Record<string, string> = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '©', reg: '®', trade: '™',
  hellip: '…', mdash: '—', ndash: '–', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', laquo: '«', raquo: '»',
  times: '×', divide: '÷', plusmn: '±', deg: '°', micro: 'µ', middot: '·', bull: '•', sect: '§', para: '¶',
  larr: '←', rarr: '→', uarr: '↑', darr: '↓', harr: '↔', le: '≤', ge: '≥', ne: '≠', asymp: '≈', infin: '∞',
  euro: '€', pound: '£', yen: '¥', cent: '¢', frac12: '½', frac14: '¼', sup2: '²', sup3: '³', minus: '−',
  alpha: 'α', beta: 'β', gamma: 'γ', delta: 'δ', pi: 'π', sigma: 'σ', omega: 'ω', Delta: 'Δ', Omega: 'Ω', sum: '∑',
}; // prettier-ignore

export function decode(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));/g, (whole, dec, hex, name) => {
    if (name) return Object.hasOwn(named, name as string) ? named[name as string]! : whole;
    const code = dec ? Number(dec) : parseInt(hex as string, 16);
    const isScalar = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return isScalar ? String.fromCodePoint(code) : '\ufffd';
  });
}

/** The address of a link that may be followed, or null: the model's text chooses no other scheme. */
export function safeHref(href: string): string | null {
  const target = decode(href).trim();
  if (/^(https?:\/\/|mailto:)/i.test(target)) {
    try {
      return new URL(target).href;
    } catch {
      return null;
    }
  }
  return null;
}

/** The site that a link leads to, shown so that its text cannot pretend another. */
export function siteOf(href: string): string {
  try {
    const url = new URL(href);
    return url.protocol === 'mailto:' ? url.pathname : url.host;
  } catch {
    return href;
  }
}

/** A table as comma-separated values (RFC 4180). */
export function toCsv(rows: string[][]): string {
  const cell = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}
