// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { highlight } from '../src/markdown/highlight';
import { decode, safeHref, toCsv } from '../src/markdown/text';
import { bytes, duration, parameters, seconds } from '../src/lib/format';
import { score } from '../src/lib/fuzzy';

test('character references are decoded, unknown and impossible ones are left or replaced', () => {
  assert.equal(decode('a &amp; b &lt;c&gt; &#65;&#x42; &mdash; &nope; &'), 'a & b <c> AB — &nope; &');
  assert.equal(decode('&#xD800; &#1114112; &#0;'), '\ufffd \ufffd \ufffd');
  assert.equal(decode('&constructor;'), '&constructor;');
});

test('only web and mail addresses may be followed', () => {
  assert.equal(safeHref('https://example.org/a b'), 'https://example.org/a%20b');
  assert.equal(safeHref('mailto:ada@example.org'), 'mailto:ada@example.org');
  for (const href of ['javascript:alert(1)', 'java&#115;cript:alert(1)', ' JaVaScRiPt:x', 'data:text/html,x', 'file:///etc/passwd', '/rpc', '//example.org', 'https://', 'vbscript:x', 'blob:x']) {
    assert.equal(safeHref(href), null, href);
  }
});

test('a table becomes values that a spreadsheet reads', () => {
  assert.equal(toCsv([['a', 'b,c'], ['say "x"', '1\n2']]), 'a,"b,c"\r\n"say ""x""","1\n2"\r\n');
});

test('highlighting keeps every character and finds what it should', () => {
  const code = 'def f(x):\n    """<b>"""\n    return "&amp;" + str(x)  # done\n';
  const runs = highlight(code, 'python')!;
  assert.equal(runs.map((run) => run.text).join(''), code);
  assert.ok(runs.some((run) => run.className === 'hl-keyword' && run.text === 'def'));
  assert.equal(highlight('x', 'no-such-language'), null);
  assert.equal(highlight('x'.repeat(70_000), 'python'), null);
});

test('numbers read well', () => {
  assert.deepEqual([bytes(0), bytes(999), bytes(8_100_000), bytes(5_030_000_000), bytes(-1)], ['0 B', '999 B', '8.1 MB', '5.0 GB', '–']);
  assert.deepEqual([seconds(840), seconds(9340), seconds(125_000)], ['840 ms', '9.3 s', '2 min 5 s']);
  assert.deepEqual([duration(40_000), duration(3_600_000), duration(200_000_000)], ['40 s', '1 h 0 min', '2 days']);
  assert.deepEqual([parameters(7_200_000), parameters(8_190_000_000), parameters(null)], ['7.2 M', '8.2 B', null]);
});

test('a search finds words, starts and abbreviations, and not mere letters in order', () => {
  assert.ok(score('tide', 'How tides work') > 900);
  assert.ok(score('nc', 'New conversation') > 0);
  assert.equal(score('tide', 'Dinner with what is in the fridge'), 0);
  assert.ok(score('set', 'Settings') > score('set', 'Reset everything'));
});
