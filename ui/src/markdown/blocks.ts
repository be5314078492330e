// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Markdown that grows. Text of an answer arrives a few bytes at a time; parsing all of it again for every
// frame would cost more the longer the answer is, and drawing it again would make what one is reading
// jump. So the text is cut into top-level blocks, and a block that can no longer change is *settled*:
// its object is kept for good, and whoever draws it sees the same object again and does nothing.
//
// When can a block no longer change? When another block follows it whose first line is complete. The
// complete line matters: after a list, the unfinished line `2` is a paragraph, but `2. milk` one frame
// later is the list's next item. A link definition (`[x]: …`) may change anything; if the finished text
// has one, everything is parsed once more at the end.
import { Lexer, type Token, type Tokens } from 'marked';

export interface Block {
  /** Stable for the life of the stream: the key to draw by. */
  key: number;
  raw: string;
  token: Token;
}

const lex = (text: string) => new Lexer({ gfm: true }).lex(text);
const isBlank = (token: Token) => token.type === 'space';
const defines = (tokens: Token[]) => tokens.some((token) => token.type === 'def');

export class BlockStream {
  #settled: Block[] = [];
  #settledLength = 0;
  #text = '';
  #nextKey = 0;
  #hasDefinition = false;

  /** The blocks of `text`. Blocks that were settled by an earlier call are the same objects again. */
  update(text: string, isFinished: boolean): Block[] {
    if (!text.startsWith(this.#text)) this.#reset();
    this.#text = text;

    const tokens = lex(text.slice(this.#settledLength));
    this.#hasDefinition ||= defines(tokens);
    if (isFinished && this.#hasDefinition && this.#settledLength > 0) {
      this.#reset();
      this.#text = text;
      return this.#open(lex(text));
    }
    const settling = this.#countSettled(tokens);
    for (const token of tokens.slice(0, settling)) {
      this.#settledLength += token.raw.length;
      if (!isBlank(token)) this.#settled.push(this.#block(token));
    }
    return [...this.#settled, ...this.#open(tokens.slice(settling))];
  }

  #countSettled(tokens: Token[]): number {
    // From the end: the block that still grows, then the one that must stay open until this one has a line.
    let last = tokens.length - 1;
    while (last >= 0 && isBlank(tokens[last]!)) last--;
    if (last < 0) return 0;
    const tail = tokens.slice(last).reduce((raw, token) => raw + token.raw, '');
    if (tail.includes('\n')) return last;
    let previous = last - 1;
    while (previous >= 0 && isBlank(tokens[previous]!)) previous--;
    return Math.max(0, previous);
  }

  /** Open blocks keep the keys that they will have once settled, so that nothing is drawn anew then. */
  #open(tokens: Token[]): Block[] {
    let key = this.#nextKey;
    return tokens.filter((token) => !isBlank(token)).map((token) => ({ key: key++, raw: token.raw, token }));
  }

  #block(token: Token): Block {
    return { key: this.#nextKey++, raw: token.raw, token };
  }

  #reset(): void {
    this.#settled = [];
    this.#settledLength = 0;
    this.#text = '';
    this.#nextKey = 0;
    this.#hasDefinition = false;
  }
}

export type { Token, Tokens };
