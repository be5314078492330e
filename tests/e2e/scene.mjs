// SPDX-License-Identifier: AGPL-3.0-or-later
// One test = one daemon on an empty folder, one browser profile, one page that is signed in. It fails on what nobody should see:
// an exception, a console error, a refusal by the policy, a request to anybody but the daemon.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { startDaemon } from '../lib/daemon.mjs';

const results = fileURLToPath(new URL('results', import.meta.url));
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const missing = existsSync(executablePath) ? false : `no Chromium at ${executablePath}`;
const LIMIT_MS = 20_000;

let browser;
before(async () => {
  if (missing) return;
  browser = await chromium.launch({
    executablePath,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(() => browser?.close());

/** Models of the echo engine, whose answers are known and as slow as a test needs them. */
const MODELS = { quick: {}, slow: { delay_ms: 20 } };

/** `options`: model (which one is loaded, and so chosen), path, width, height, theme, touch; `allows` matches what the console
 * may say because the test provokes it. */
export function scene(name, options, act) {
  test(name, { skip: missing }, async () => {
    const daemon = await startDaemon({ models: MODELS });
    const { width = 1440, height = 900, theme = 'light', touch = false, model = 'quick', path = '/' } = options;
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, hasTouch: touch, permissions: ['clipboard-read', 'clipboard-write'] });
    context.setDefaultTimeout(LIMIT_MS);
    const problems = [];
    const watched = { daemon, context, problems, isLinkLost: false, allows: options.allows };
    watch(context, watched);
    const page = await context.newPage();
    try {
      await daemon.rpc('inference.load', { model });
      await page.goto(await daemon.link());
      await page.waitForSelector('#main');
      assert.equal(page.url(), `${daemon.url}/`, 'the key stayed in the address');
      if (path !== '/') await page.goto(daemon.url + path);
      await act({ page, ...watched, watched });
      assert.deepEqual(problems, []);
    } catch (error) {
      await mkdir(results, { recursive: true });
      const picture = join(results, `${name.replaceAll(/\W+/g, '-')}.png`);
      await page.screenshot({ path: picture, timeout: 5000 }).catch(() => {});
      error.message += `\nseen: ${picture}\nproblems: ${JSON.stringify(problems)}\nthe daemon said: ${await daemon.log()}`;
      throw error;
    } finally {
      await context.close();
      await daemon.close();
    }
  });
}

function watch(context, watched) {
  const { daemon, problems } = watched;
  context.on('page', (page) => {
    page.on('pageerror', (error) => problems.push(`thrown: ${error.message}`));
    page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return;
      // A test that ends the daemon on purpose says so; the browser reports each attempt to come back.
      if (watched.isLinkLost && /WebSocket|ERR_CONNECTION_REFUSED|Failed to load resource/.test(message.text())) return;
      if (watched.allows?.test(message.text())) return;
      problems.push(`console: ${message.text()}`);
    });
  });
  context.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== new URL(daemon.url).origin && !['data:', 'blob:'].includes(protocol)) problems.push(`leaves: ${request.url()}`);
  });
}

export const box = (page) => page.getByRole('textbox', { name: 'Message', exact: true });
export const answers = (page) => page.locator('article.answer');
export const questions = (page) => page.getByRole('article', { name: 'You' });
export const idle = (page) => page.getByRole('button', { name: 'Send', exact: true }).waitFor();
export const row = (page, text) => page.locator('a[data-row]', { hasText: text });
/** Returns when the answer has begun. */
export async function ask(page, text) {
  const before = await answers(page).count();
  await box(page).fill(text);
  await box(page).press('Enter');
  await answers(page).nth(before).waitFor();
}
/** Waits until the last answer shows `text`. */
export const shows = (page, text) => answers(page).last().getByText(text).first().waitFor();
export const words = (count, word = 'word') => Array.from({ length: count }, (_, i) => `${word}${i}`).join(' ');
export const openRow = async (page, text) => {
  await row(page, text).click();
  await answers(page).first().waitFor();
};
