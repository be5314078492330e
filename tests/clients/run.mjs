// SPDX-License-Identifier: AGPL-3.0-or-later
// The clients that people use, against the real program: node tests/clients/run.mjs [NAME...]
import { fileURLToPath } from 'node:url';
import { runFiles } from '../lib/suite.mjs';

await runFiles(
  ['openai.test.mjs', 'sse.test.mjs'].map((name) => fileURLToPath(new URL(name, import.meta.url))),
  { timeout: 180_000, only: process.argv.slice(2) },
);
