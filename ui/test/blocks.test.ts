// SPDX-License-Identifier: AGPL-3.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lexer } from 'marked';
import { BlockStream, type Block } from '../src/markdown/blocks';

const whole = (text: string) =>
  new Lexer({ gfm: true })
    .lex(text)
    .filter((token) => token.type !== 'space')
    .map((token) => [token.type, token.raw]);
const shape = (blocks: Block[]) => blocks.map((block) => [block.token.type, block.raw]);

const samples: Record<string, string> = {
  'paragraphs and a heading': '# Title\n\nFirst paragraph\nof two lines.\n\nSecond one.\n',
  'a list that a number line could end': 'Shop:\n\n1. bread\n\n2. milk\n\n10. a dozen eggs\n\nDone.',
  'a nested list with code': '- a\n  - b\n\n    ```js\n    let x = 1;\n    ```\n- c\n\nafter',
  'a heading underlined later': 'Title\n=====\n\ntext\n-\n\nmore\n- item\n',
  'a table': 'Before\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n| 3 | 4 |\n\nafter',
  'code with fences and blank lines': 'See:\n\n```python\ndef f():\n\n    return 1\n```\n\nand\n\n~~~\nopen',
  'quotes and rules': '> one\n> two\nlazy\n\n---\n\n***\n\nend',
  'link definitions': 'See [the tides][t] first.\n\nAnother paragraph.\n\n[t]: https://example.org/tides\n\nLast.',
  'raw html': 'a\n\n<details>\n<summary>x</summary>\n\ntext\n\n</details>\n\nb',
  'carriage returns': 'one\r\n\r\ntwo\r\n\r\n- a\r\n- b\r\n',
  'indented code': 'x\n\n    code\n\n    more\n\ny',
};

for (const [name, text] of Object.entries(samples)) {
  for (const step of [1, 3, 7]) {
    test(`${name}: ${step} characters at a time end like the whole`, () => {
      const stream = new BlockStream();
      for (let end = step; end < text.length; end += step) stream.update(text.slice(0, end), false);
      const flat = text.replace(/\r\n/g, '\n');
      assert.deepEqual(shape(stream.update(text, true)).map(([type, raw]) => [type, raw!.replace(/\r\n/g, '\n')]), whole(flat));
    });
  }
}

test('a finished block is the same object ever after', () => {
  const text = samples['paragraphs and a heading']! + '\nThird.\n\nFourth.';
  const stream = new BlockStream();
  const first = new Map<number, Block>();
  for (let end = 1; end <= text.length; end++) {
    const blocks = stream.update(text.slice(0, end), false);
    // Everything but the last two is settled.
    for (const block of blocks.slice(0, -2)) {
      const before = first.get(block.key);
      if (before) assert.equal(block, before, `block ${block.key} was made anew at ${end}`);
      else first.set(block.key, block);
    }
  }
  assert.ok(first.size >= 3);
});

test('a block keeps its key while it grows and when it settles', () => {
  const stream = new BlockStream();
  const keyOf = (blocks: Block[], raw: string) => blocks.find((block) => block.raw.startsWith(raw))?.key;
  const open = keyOf(stream.update('One.\n\nTw', false), 'Tw');
  const grown = keyOf(stream.update('One.\n\nTwo words', false), 'Two');
  const settled = keyOf(stream.update('One.\n\nTwo words\n\nThree\n\n', false), 'Two');
  assert.deepEqual([grown, settled], [open, open]);
});

test('keys are unique at every step', () => {
  for (const text of Object.values(samples)) {
    const stream = new BlockStream();
    for (let end = 1; end <= text.length; end++) {
      const keys = stream.update(text.slice(0, end), end === text.length).map((block) => block.key);
      assert.equal(new Set(keys).size, keys.length);
    }
  }
});

test('a definition that comes last reaches the paragraphs before it', () => {
  const text = samples['link definitions']!;
  const stream = new BlockStream();
  for (let end = 1; end < text.length; end++) stream.update(text.slice(0, end), false);
  const [first] = stream.update(text, true);
  const link = (first!.token as { tokens?: { type: string; href?: string }[] }).tokens?.find((token) => token.type === 'link');
  assert.equal(link?.href, 'https://example.org/tides');
});

test('another text starts over', () => {
  const stream = new BlockStream();
  stream.update('One.\n\nTwo.\n\nThree.\n\nFour.', false);
  assert.deepEqual(shape(stream.update('Else.', false)), [['paragraph', 'Else.']]);
});

test('work per step stays with the tail', () => {
  // 400 settled paragraphs must not be parsed again for one more word.
  const text = 'A paragraph of words.\n\n'.repeat(400);
  const stream = new BlockStream();
  stream.update(text, false);
  const before = Lexer.prototype.lex;
  let parsed = 0;
  Lexer.prototype.lex = function (this: Lexer, source: string) {
    parsed += source.length;
    return before.call(this, source);
  };
  try {
    stream.update(text + 'More', false);
  } finally {
    Lexer.prototype.lex = before;
  }
  assert.ok(parsed < 200, `parsed ${parsed} characters`);
});
