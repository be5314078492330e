// SPDX-License-Identifier: AGPL-3.0-or-later
// The page of the real program in a real Chromium: node tests/e2e/run.mjs [NAME...]
// A test that fails leaves a picture of what was on the screen in tests/e2e/results/.
import { fileURLToPath } from 'node:url';
import { runFiles } from '../lib/suite.mjs';

await runFiles(
  ['chat.test.mjs', 'looks.test.mjs'].map((name) => fileURLToPath(new URL(name, import.meta.url))),
  { timeout: 600_000, only: process.argv.slice(2) },
);
