// SPDX-License-Identifier: AGPL-3.0-or-later
// The lazily loaded half of code blocks: highlight.js and the languages that people ask for most. It hands
// out runs of text with a class, not HTML, so that what a model wrote never passes through a parser.
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import dockerfile from 'highlight.js/lib/languages/dockerfile';
import go from 'highlight.js/lib/languages/go';
import ini from 'highlight.js/lib/languages/ini';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import kotlin from 'highlight.js/lib/languages/kotlin';
import lua from 'highlight.js/lib/languages/lua';
import makefile from 'highlight.js/lib/languages/makefile';
import markdown from 'highlight.js/lib/languages/markdown';
import php from 'highlight.js/lib/languages/php';
import python from 'highlight.js/lib/languages/python';
import ruby from 'highlight.js/lib/languages/ruby';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import swift from 'highlight.js/lib/languages/swift';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';

const languages = {
  bash, c, cpp, csharp, css, diff, dockerfile, go, ini, java, javascript, json, kotlin, lua, makefile,
  markdown, php, python, ruby, rust, sql, swift, typescript, xml, yaml,
}; // prettier-ignore
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language);
hljs.registerAliases(['toml', 'conf'], { languageName: 'ini' });
hljs.registerAliases(['console', 'shell', 'sh', 'zsh'], { languageName: 'bash' });
hljs.registerAliases(['svelte', 'vue', 'html', 'svg'], { languageName: 'xml' });

export interface Run {
  text: string;
  className: string;
}

/** Beyond this, colour is not worth the wait. */
const cap_chars = 60_000;

interface ScopeNode {
  scope?: string;
  language?: string;
  children: (ScopeNode | string)[];
}

/** Null when the language is unknown: plain text is more honest than a guess. */
export function highlight(text: string, language: string): Run[] | null {
  if (!language || text.length > cap_chars || !hljs.getLanguage(language)) return null;
  const result = hljs.highlight(text, { language, ignoreIllegals: true });
  const root = (result._emitter as unknown as { rootNode?: ScopeNode }).rootNode;
  if (!root) return null;
  const runs: Run[] = [];
  flatten(root, '', runs);
  return runs;
}

function flatten(node: ScopeNode, inherited: string, runs: Run[]): void {
  const className = node.scope ? `hl-${node.scope.split('.')[0]}` : inherited;
  for (const child of node.children) {
    if (typeof child !== 'string') flatten(child, className, runs);
    else if (runs.at(-1)?.className === className) runs.at(-1)!.text += child;
    else runs.push({ text: child, className });
  }
}
