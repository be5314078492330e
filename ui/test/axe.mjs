// SPDX-License-Identifier: AGPL-3.0-or-later
// axe-core over every page, in both themes: no violation of WCAG 2.2 A and AA and of its best practices.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, open } from '../dev/browser.mjs';
import { serve } from '../dev/mock.mjs';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const missing = !existsSync(dist) ? 'run npm run build first' : !existsSync(process.env.CHROMIUM ?? '/usr/bin/chromium') ? 'no Chromium here' : false;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser;
before(async () => {
  if (!missing) browser = await launch();
});
after(() => browser?.close());

const row = (page) => page.locator('a[data-row]', { hasText: 'How tides work' }).click();
const pages = {
  'the start': { ready: '.empty li' },
  'a conversation': { act: row, ready: '.answer .hl-keyword' },
  'the model picker': { act: (page) => page.getByRole('button', { name: /^Model:/ }).click(), ready: '.picker' },
  'the palette': { act: (page) => page.keyboard.press('Control+k'), ready: '.palette .entry' },
  models: { path: '/models', ready: '.card' },
  plugins: { path: '/plugins', ready: 'summary' },
  monitor: { path: '/monitor', ready: 'td' },
  settings: { path: '/settings', ready: '.control' },
  'the door': { signedOut: true, ready: '.signed-out' },
  'a conversation on a phone': { act: async (page) => { await page.getByRole('button', { name: 'Show the list' }).click(); await row(page); }, ready: '.answer', width: 390, height: 844, touch: true },
}; // prettier-ignore

for (const [name, scene] of Object.entries(pages)) {
  for (const theme of ['light', 'dark']) {
    test(`axe: ${name}, ${theme}`, { skip: missing }, async () => {
      const mock = await serve({ port: 0, dist, speed: 20, ...scene });
      const { page, context } = await open(browser, mock.url + (scene.path ?? '/'), { ...scene, theme });
      try {
        await page.waitForSelector('#main');
        await scene.act?.(page);
        await page.waitForSelector(scene.ready);
        // What is on its way is not what is read: let the transitions end.
        await page.evaluate(() => Promise.all(document.getAnimations().filter((one) => one.effect?.getTiming().iterations !== Infinity).map((one) => one.finished)));
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`), []);
      } finally {
        await context.close();
        await mock.close();
      }
    });
  }
}
