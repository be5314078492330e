// SPDX-License-Identifier: AGPL-3.0-or-later
// Runs files of node:test one after another and ends in `N passed, N failed, N skipped`.
import { run } from 'node:test';

export async function runFiles(files, { timeout, only } = {}) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const stream = run({ files, concurrency: 1, timeout, testNamePatterns: only?.length ? only : undefined });
  const ms = ({ duration_ms }) => `${(duration_ms / 1000).toFixed(1)} s`;
  stream.on('test:pass', ({ name, skip, todo, details, file }) => {
    if (details.type === 'suite' || name === file) return;
    if (only?.length && skip === 'test name does not match pattern') return;
    const isSkipped = skip !== undefined || todo !== undefined;
    totals[isSkipped ? 'skipped' : 'passed']++;
    console.log(`${isSkipped ? 'skipped ' : 'ok      '} ${name} (${ms(details)})${typeof skip === 'string' ? `: ${skip}` : ''}`);
  });
  stream.on('test:fail', ({ name, details, file }) => {
    const { error } = details;
    // A suite fails because a test in it did, which is counted already.
    if (error?.failureType === 'subtestsFailed' && (details.type === 'suite' || name === file)) return;
    totals.failed++;
    console.log(`FAILED   ${name} (${ms(details)})\n${error?.cause?.stack ?? error?.cause ?? error}\n`);
  });
  stream.on('test:stderr', ({ message }) => process.stderr.write(message));
  for await (const _event of stream);
  if (totals.passed + totals.failed + totals.skipped === 0) {
    console.log('no test ran');
    totals.failed++;
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  process.exitCode = totals.failed ? 1 : 0;
}
