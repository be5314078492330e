// SPDX-License-Identifier: AGPL-3.0-or-later
// Bundles test/*.test.ts (Vite is here anyway; no second TypeScript runner is needed), runs them under
// node:test and, with --browser, the browser suites after them. The last line adds everything up.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const names = (await readdir(join(root, 'test'))).filter((name) => name.endsWith('.test.ts')).sort();
// Inside node_modules, so that the bundles find the packages they leave outside.
const out = await mkdtemp(join(root, 'node_modules', '.hearth-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };

try {
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    build: {
      ssr: true,
      outDir: out,
      emptyOutDir: false,
      rollupOptions: {
        input: Object.fromEntries(names.map((name) => [name.replace('.ts', ''), join(root, 'test', name)])),
        output: { entryFileNames: '[name].mjs', chunkFileNames: 'chunk-[hash].mjs' },
      },
    },
  });
  const files = names.map((name) => join(out, name.replace('.ts', '.mjs')));
  await node(files, 60_000);
  if (process.argv.includes('--browser')) {
    await node([join(root, 'test', 'browser.mjs'), join(root, 'test', 'axe.mjs')], 300_000);
  }
} finally {
  await rm(out, { recursive: true, force: true });
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed ? 1 : 0;

async function node(files, timeout) {
  const stream = run({ files, concurrency: 1, timeout });
  stream.on('test:pass', ({ name, skip, todo, details, file }) => {
    if (details.type === 'suite' || name === file) return;
    if (skip !== undefined || todo !== undefined) totals.skipped++;
    else totals.passed++;
    if (process.env.VERBOSE) console.log(`${Math.round(details.duration_ms)} ms  ${name}`);
  });
  stream.on('test:fail', ({ name, details, file }) => {
    const { error } = details;
    // A suite fails because a test in it did, which is counted already.
    if (details.type === 'suite' && error?.failureType === 'subtestsFailed') return;
    if (name === file && error?.failureType === 'subtestsFailed') return;
    totals.failed++;
    console.log(`FAILED ${name}\n${error?.cause?.stack ?? error?.cause ?? error}\n`);
  });
  stream.on('test:stderr', ({ message }) => process.stderr.write(message));
  for await (const _event of stream);
}
