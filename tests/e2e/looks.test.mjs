// SPDX-License-Identifier: AGPL-3.0-or-later
// Widths, themes and accessibility of every page with real data, and the headers that it came with.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { answers, ask, idle, scene, shows, words } from './scene.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PAGES = ['Models', 'Plugins', 'Monitor', 'Settings', 'Chat'];
const LONG = `${words(120)}\n\n\`\`\`\n${'x'.repeat(400)}\n\`\`\`\n\n| a | b |\n|---|---|\n| ${'y'.repeat(300)} | c |\n\n${'unbroken'.repeat(60)}`;

for (const width of [390, 900, 1440]) {
  scene(`at ${width} px nothing is wider than the window`, { width, height: width < 600 ? 844 : 800, touch: width < 600 }, async ({ page }) => {
    await ask(page, LONG);
    await idle(page);
    await shows(page, 'word119');
    for (const name of PAGES) {
      await page.getByRole('link', { name, exact: true }).click();
      await page.locator('#main h1, #main h2, #main textarea').first().waitFor();
      const [scroll, inner, main] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth, document.querySelector('#main').scrollWidth]);
      assert.ok(scroll <= inner && main <= inner, `${name}: ${scroll} and ${main} px in ${inner}`);
    }
  });
}

scene('the dark theme follows the system and the setting, and stays', { theme: 'dark' }, async ({ page }) => {
  const paper = (isLight) =>
    page.waitForFunction((wanted) => {
      const canvas = document.createElement('canvas').getContext('2d');
      canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
      return wanted ? r + g + b > 600 : r + g + b < 200;
    }, isLight);
  await paper(false);
  await page.getByRole('link', { name: 'Settings', exact: true }).click();
  await page.getByRole('radio', { name: 'Light' }).check({ force: true });
  await paper(true);
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await paper(true);
});

for (const theme of ['light', 'dark']) {
  scene(`axe finds nothing, ${theme}`, { theme }, async ({ page }) => {
    const check = async (name) => {
      await page.evaluate(() => Promise.all(document.getAnimations().filter((one) => one.effect?.getTiming().iterations !== Infinity).map((one) => one.finished)));
      // Not an injected <script>: the policy of the page forbids those, as it should.
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
      assert.deepEqual(violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`), []);
    };
    await check('start');
    await ask(page, LONG);
    await idle(page);
    await answers(page).first().waitFor();
    await check('conversation');
    for (const name of PAGES.slice(0, 4)) {
      await page.getByRole('link', { name, exact: true }).click();
      await page.getByRole('heading', { level: 1, name }).waitFor();
      await check(name);
    }
  });
}

scene('the page comes with a policy that allows only its own origin', { allows: /Content Security Policy/ }, async ({ page, daemon }) => {
  const { headers } = await fetch(daemon.url, { headers: { accept: 'text/html' } });
  const policy = headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'|default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe-inline[^;]*;?.*script|unsafe-eval|\*/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.equal(headers.get('access-control-allow-origin'), null);
  const blocked = await page.evaluate(() =>
    new Promise((told) => {
      document.addEventListener('securitypolicyviolation', (event) => told(event.effectiveDirective));
      const script = document.createElement('script');
      script.textContent = 'window.injected = 1';
      document.head.append(script);
      setTimeout(() => told('nothing'), 2000);
    }),
  );
  assert.match(blocked, /script-src/);
  assert.equal(await page.evaluate(() => window.injected), undefined);
});
