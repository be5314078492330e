// SPDX-License-Identifier: AGPL-3.0-or-later
// Contrast of every pair of tokens that the page puts on each other, in both themes, computed from OKLCH:
// 4.5:1 for text, 3:1 for what a control is seen by (WCAG 2.2, 1.4.3 and 1.4.11).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import css from '../src/styles/tokens.css?raw';

type Rgb = [number, number, number];

/** OKLCH to linear sRGB (Ottosson 2020), clipped into the gamut as browsers do for such small excesses. */
function linear(l: number, c: number, h: number): Rgb {
  const [a, b] = [c * Math.cos((h * Math.PI) / 180), c * Math.sin((h * Math.PI) / 180)];
  const cube = (x: number) => x * x * x;
  const [L, M, S] = [cube(l + 0.3963377774 * a + 0.2158037573 * b), cube(l - 0.1055613458 * a - 0.0638541728 * b), cube(l - 0.0894841775 * a - 1.291485548 * b)];
  const clip = (x: number) => Math.min(1, Math.max(0, x));
  return [
    clip(4.0767416621 * L - 3.3077115913 * M + 0.2309699292 * S),
    clip(-1.2684380046 * L + 2.6097574011 * M - 0.3413193965 * S),
    clip(-0.0041960863 * L - 0.7034186147 * M + 1.707614701 * S),
  ];
}
const luminance = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

const tokens = new Map<string, [Rgb, Rgb]>();
const colour = String.raw`oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)`;
for (const [, name, ...numbers] of css.matchAll(new RegExp(String.raw`--([a-z-]+): light-dark\(${colour}, ${colour}\);`, 'g'))) {
  const [l1, c1, h1, l2, c2, h2] = numbers.map(Number) as [number, number, number, number, number, number];
  tokens.set(name!, [linear(l1, c1, h1), linear(l2, c2, h2)]);
}

function ratio(over: string, under: string, theme: 0 | 1): number {
  const [a, b] = [tokens.get(over), tokens.get(under)];
  assert.ok(a && b, `no token ${a ? under : over}`);
  const [x, y] = [luminance(a[theme]), luminance(b[theme])].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
}

const grounds = ['paper', 'surface', 'surface-raised', 'surface-sunken', 'surface-hover', 'surface-selected', 'surface-code'];
const text: [string, string[]][] = [
  ['text', [...grounds, 'mark', 'selection', 'danger-soft', 'warn-soft', 'accent-soft']],
  ['text-muted', [...grounds, 'danger-soft']],
  ['text-faint', ['paper', 'surface', 'surface-raised', 'surface-sunken']],
  ['accent-text', ['paper', 'surface', 'surface-raised', 'surface-hover', 'surface-selected', 'accent-soft']],
  ['danger-text', ['paper', 'surface-raised', 'surface-hover', 'danger-soft']],
  ['warn-text', ['warn-soft']],
  ['good-text', ['paper', 'surface', 'surface-raised']],
  ['on-accent', ['accent', 'accent-hover']],
  ...['keyword', 'string', 'number', 'title', 'type', 'comment'].map((name): [string, string[]] => [`code-${name}`, ['surface-code']]),
];
const controls: [string, string[]][] = [
  ['line-control', ['paper', 'surface-raised', 'surface']],
  ['accent', ['paper', 'surface', 'surface-raised']],
  ['focus', ['paper', 'surface', 'surface-raised', 'surface-hover']],
];

for (const [theme, name] of [[0, 'light'], [1, 'dark']] as const) {
  for (const [pairs, least, what] of [[text, 4.5, 'text'], [controls, 3, 'control']] as const) {
    for (const [over, unders] of pairs) {
      test(`${name}: ${what} ${over} on ${unders.join(', ')}`, () => {
        for (const under of unders) {
          const value = ratio(over, under, theme);
          assert.ok(value >= least, `${over} on ${under}: ${value.toFixed(2)}:1, needs ${least}:1`);
        }
      });
    }
  }
}

test('the arithmetic is right: black on white is 21:1, and a known middle grey', () => {
  tokens.set('black', [[0, 0, 0], [0, 0, 0]]);
  tokens.set('white', [linear(1, 0, 0), linear(1, 0, 0)]);
  tokens.set('grey', [linear(0.5999, 0, 0), linear(0.5999, 0, 0)]); // #808080
  assert.ok(Math.abs(ratio('black', 'white', 0) - 21) < 0.01);
  assert.ok(Math.abs(ratio('grey', 'white', 0) - 3.95) < 0.02);
});
