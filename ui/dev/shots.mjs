// SPDX-License-Identifier: AGPL-3.0-or-later
// Takes pictures of every page of the built UI against the mock: three widths, light and dark, into build/shots/.
// Look at them; that is what they are for.   npm run build && npm run shots [-- name-part]
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launch, open } from './browser.mjs';
import { serve } from './mock.mjs';

const only = process.argv[2] ?? '';
const sizes = [
  { name: '1440', width: 1440, height: 900 },
  { name: '900', width: 900, height: 760 },
  { name: '390', width: 390, height: 844, touch: true },
];
const ask = async (page, text) => {
  await page.getByRole('textbox', { name: 'Message' }).fill(text);
  await page.keyboard.press('Enter');
};
const scenes = {
  empty: async (page) => page.waitForSelector('.empty li'),
  thread: async (page) => {
    await page.evaluate(() => history.replaceState(null, '', '/'));
    const row = page.locator('a[data-row]', { hasText: 'How tides work' });
    if (!(await row.isVisible())) await page.getByRole('button', { name: 'Show the list' }).click();
    await row.click();
    await page.waitForSelector('.answer .prose');
    await page.waitForTimeout(250);
    await page.locator('.answer').first().hover();
  },
  streaming: async (page) => {
    await ask(page, 'think: how do tides work?');
    await page.waitForSelector('.prose.live table', { timeout: 60_000 });
  },
  first: async (page) => page.getByText('tiny starter model').waitFor(),
  thought: async (page) => {
    await ask(page, 'think: what can you do?');
    await page.getByText('Thought for').click({ timeout: 20_000 });
    await page.getByRole('button', { name: 'Send' }).waitFor();
    await page.locator('.answer').hover();
    await page.waitForTimeout(200);
  },
  edit: async (page) => {
    await ask(page, 'What can you do?');
    await page.getByRole('button', { name: 'Send' }).waitFor({ timeout: 20_000 });
    await page.getByRole('textbox', { name: 'Message', exact: true }).press('ArrowUp');
    await page.waitForSelector('.editor');
  },
  deleted: async (page) => {
    await scenes.thread(page);
    await page.keyboard.press('Control+Shift+D');
    await page.waitForSelector('.toast');
    await page.waitForTimeout(250);
  },
  lost: async (page, mock) => {
    await scenes.thread(page);
    await mock.close();
    await page.getByText('Hearth is not answering').first().waitFor();
    await page.waitForTimeout(900);
  },
  status: async (page) => {
    const button = page.getByRole('button', { name: 'Show the list' });
    if (await button.isVisible()) await button.click();
    await page.getByText('Nothing has left this machine').click();
    await page.waitForSelector('.facts');
  },
  door: async (page) => page.waitForSelector('.signed-out'),
  add: async (page) => {
    await visit(page, 'Models', '.card');
    await page.locator('#add').scrollIntoViewIfNeeded();
    await page.locator('main').evaluate((one) => one.scrollTo(0, one.scrollHeight));
  },
  behaviour: async (page) => {
    await visit(page, 'Settings', '.row');
    await page.locator('main').evaluate((one) => one.scrollTo(0, one.scrollHeight));
  },
  loading: async (page) => {
    await ask(page, 'What can you do?');
    await page.waitForSelector('.phase');
    await page.waitForTimeout(300);
  },
  failed: async (page) => {
    await ask(page, 'fail please');
    await page.waitForSelector('.error', { timeout: 20_000 });
  },
  list: async (page) => {
    const button = page.getByRole('button', { name: 'Show the list' });
    if (await button.isVisible()) await button.click();
    await page.waitForSelector('a[data-row]');
    await page.getByLabel('Search conversations').fill('tides');
    await page.waitForSelector('.hit');
  },
  picker: async (page) => {
    await page.getByRole('button', { name: /^Model:/ }).click();
    await page.waitForSelector('.picker');
  },
  palette: async (page) => {
    await page.keyboard.press('Control+k');
    await page.keyboard.type('tide');
    await page.waitForTimeout(400);
  },
  shortcuts: async (page) => {
    await page.locator('#main').focus();
    await page.keyboard.press('?');
    await page.waitForSelector('.sheet');
  },
  models: (page) => visit(page, 'Models', '.card'),
  plugins: (page) => visit(page, 'Plugins', 'details'),
  monitor: (page) => visit(page, 'Monitor', 'td'),
  settings: (page) => visit(page, 'Settings', '.row'),
};
async function visit(page, name, selector) {
  await page.getByRole('link', { name, exact: true }).click();
  await page.waitForSelector(selector);
  await page.waitForTimeout(300);
}

const folder = fileURLToPath(new URL('../../build/shots', import.meta.url));
await mkdir(folder, { recursive: true });
const browser = await launch();
let failures = 0;
for (const [scene, act] of Object.entries(scenes)) {
  for (const size of sizes) {
    for (const theme of ['light', 'dark']) {
      const name = `${scene}-${size.name}-${theme}`;
      if (!name.includes(only)) continue;
      const mock = await serve({ port: 0, dist: 'dist', speed: scene === 'loading' ? 1 : 4, empty: ['first', 'loading', 'thought', 'edit'].includes(scene), signedOut: scene === 'door' });
      const { page, context, problems } = await open(browser, mock.url, { ...size, theme });
      try {
        await page.waitForSelector('#main');
        await act(page, mock);
        await page.screenshot({ path: `${folder}/${name}.png` });
      } catch (error) {
        problems.push(error.message.split('\n')[0]);
        await page.screenshot({ path: `${folder}/${name}-FAILED.png` });
      }
      if (problems.length) {
        failures++;
        console.log(`${name}: ${problems.join('; ')}`);
      }
      await context.close();
      await mock.close();
    }
  }
}
await browser.close();
console.log(failures ? `${failures} scenes with problems` : 'all scenes clean');
process.exitCode = failures ? 1 : 0;
