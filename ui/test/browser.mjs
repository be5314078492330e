// SPDX-License-Identifier: AGPL-3.0-or-later
// The built page in a real Chromium against the mock daemon: what a person would notice. Each test has its
// own mock and its own browser profile; nothing waits for a time, everything for a state.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, open } from '../dev/browser.mjs';
import { serve } from '../dev/mock.mjs';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const missing = !existsSync(dist) ? 'run npm run build first' : !existsSync(process.env.CHROMIUM ?? '/usr/bin/chromium') ? 'no Chromium here' : false;
let browser;
before(async () => {
  if (!missing) browser = await launch();
});
after(() => browser?.close());

/** One test with a page; it fails on any exception, console error or refusal by the policy. */
function scene(name, options, act) {
  test(name, { skip: missing }, async () => {
    const mock = await serve({ port: 0, dist, speed: 20, ...options });
    const { page, context, problems } = await open(browser, mock.url + (options.path ?? '/'), options);
    page.setDefaultTimeout(10_000);
    try {
      await page.waitForSelector('#main');
      await act({ page, mock, context });
      assert.deepEqual(problems, []);
    } finally {
      await context.close();
      await mock.close();
    }
  });
}

const box = (page) => page.getByRole('textbox', { name: 'Message', exact: true });
const answers = (page) => page.locator('.answer');
async function ask(page, text) {
  await box(page).fill(text);
  await box(page).press('Enter');
}
async function until(condition) {
  for (let left = 500; left > 0; left--) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`never true: ${condition}`);
}
const idle = (page) => page.getByRole('button', { name: 'Send' }).waitFor();
const textOf = (locator) => locator.innerText().then((text) => text.trim());

scene('a question is answered, gets an address and a place in the list', {}, async ({ page }) => {
  await ask(page, 'How do tides work today?');
  await page.waitForURL(/\/t\/t\d+$/);
  await idle(page);
  assert.match(await textOf(answers(page)), /two pulls at once/);
  assert.equal(await page.locator('.row.here').innerText(), 'How do tides work today?');
  assert.match(await page.title(), /^How do tides work today\?/);
  assert.equal(await box(page).inputValue(), '');
});

scene('Markdown becomes elements, code is coloured, and no text of a model becomes markup', {}, async ({ page, mock }) => {
  const thread = mock.world.addThread({ title: 'Markup' });
  const text = '# Head\n\n<img src=x onerror="window.hit=1"> <script>window.hit=1</script>\n\n[bad](javascript:alert(1)) [good](https://example.org/x)\n\n![pixel](https://tracker.example/p.png)\n\n```js\nlet a = "<b>";\n```\n\n- [x] done\n\n| a |\n|---|\n| <i>b</i> |\n';
  mock.world.addMessage(thread, { role: 'assistant', model: 'kindling', parts: [{ type: 'text', text }] });
  await page.goto(`${mock.url}/t/${thread.id}`);
  await page.waitForSelector('.hl-keyword');
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.equal(await page.locator('.prose img, .prose script, .prose i').count(), 0);
  assert.deepEqual(await page.locator('.prose a').evaluateAll((all) => all.map((a) => a.href)), ['https://example.org/x', 'https://tracker.example/p.png']);
  assert.equal(await page.locator('.prose h3').innerText(), 'Head');
  assert.equal(await page.locator('.code code').innerText(), 'let a = "<b>";');
});

scene('finished blocks stay the same elements while the rest streams', { speed: 2 }, async ({ page }) => {
  await ask(page, 'tides');
  await page.waitForSelector('.prose.live h4, .prose.live h3');
  await page.evaluate(() => {
    window.first = document.querySelector('.prose > p');
    window.changes = 0;
    new MutationObserver((all) => (window.changes += all.length)).observe(window.first, { childList: true, characterData: true, subtree: true });
  });
  await idle(page);
  assert.deepEqual(await page.evaluate(() => [window.first === document.querySelector('.prose > p'), window.changes]), [true, 0]);
});

scene('Esc stops, keeps what is there and says so', { speed: 1 }, async ({ page }) => {
  await ask(page, 'slow tides');
  await page.waitForSelector('.prose.live strong');
  await page.keyboard.press('Escape');
  await page.getByText('Stopped here.').waitFor();
  assert.match(await textOf(answers(page)), /Tides are/);
  await idle(page);
});

scene('a reload in mid-answer follows the run to its end', { speed: 2 }, async ({ page }) => {
  await ask(page, 'slow tides');
  await page.waitForSelector('.prose.live strong');
  await page.reload();
  await page.waitForSelector('.prose.live strong');
  await page.getByText('Stopped', { exact: false }).waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await page.getByText('Stopped here.').waitFor();
  assert.match(await textOf(answers(page)), /Tides are the sea's answer/);
});

scene('answering again makes a branch and keeps the first', {}, async ({ page }) => {
  await ask(page, 'What can you do?');
  await idle(page);
  await answers(page).hover();
  await page.getByRole('button', { name: 'Answer again (keeps this one)' }).click();
  await page.getByLabel('Version 2 of 2').waitFor();
  await idle(page);
  await page.getByRole('button', { name: 'Previous version' }).click();
  await page.getByLabel('Version 1 of 2').waitFor();
  await page.reload();
  await page.getByLabel('Version 1 of 2').waitFor();
});

scene('editing a question makes a branch; Up in an empty box starts it', {}, async ({ page }) => {
  await ask(page, 'What can you do?');
  await idle(page);
  await box(page).press('ArrowUp');
  const editor = page.getByRole('textbox', { name: 'Edit your message' });
  assert.equal(await editor.inputValue(), 'What can you do?');
  await editor.fill('What can you really do?');
  await editor.press('Enter');
  await page.locator('.question').getByLabel('Version 2 of 2').waitFor();
  await idle(page);
  assert.equal(await page.locator('.question .text').innerText(), 'What can you really do?');
  await page.getByRole('button', { name: 'Previous version' }).click();
  await page.getByText('What can you do?', { exact: true }).last().waitFor();
});

scene('two tabs stay in sync, and a turn of the other one streams here', { speed: 2 }, async ({ page, mock, context }) => {
  await ask(page, 'What can you do?');
  await idle(page);
  const other = await context.newPage();
  await other.goto(page.url());
  await other.waitForSelector('.answer');
  await ask(page, 'slow tides');
  await other.waitForSelector('.prose.live strong');
  await page.keyboard.press('Escape');
  await other.getByText('Stopped here.').waitFor();
  assert.equal(await answers(other).count(), 2);
  await other.getByTitle('Rename', { exact: true }).click();
  await other.getByLabel('Title of the conversation').fill('Renamed there');
  await other.keyboard.press('Enter');
  await page.locator('.row.here', { hasText: 'Renamed there' }).waitFor();
  assert.equal(mock.world.messages.size > 0, true);
});

scene('deleting can be undone', {}, async ({ page }) => {
  await page.locator('a[data-row]', { hasText: 'Regex for ISO dates' }).click();
  await page.waitForSelector('.answer');
  await page.keyboard.press('Control+Shift+D');
  await page.locator('.toast', { hasText: 'Deleted “Regex for ISO dates”' }).waitFor();
  assert.equal(await page.locator('a[data-row]', { hasText: 'Regex for ISO dates' }).count(), 0);
  assert.equal(new URL(page.url()).pathname, '/');
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.locator('.row.here', { hasText: 'Regex for ISO dates' }).waitFor();
});

scene('a conversation is renamed from its menu, and Enter does not open the menu again', {}, async ({ page }) => {
  await ask(page, 'tides');
  await idle(page);
  for (const end of ['Enter', 'Escape']) {
    await page.locator('.row.here').hover();
    await page.locator('.row.here').getByRole('button', { name: /^Actions for/ }).click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await page.getByLabel('Title of the conversation').fill(`Renamed, then ${end}`);
    await page.keyboard.press(end);
    await page.getByLabel('Title of the conversation').waitFor({ state: 'detached' });
    await page.locator('.row.here', { hasText: 'Renamed, then Enter' }).waitFor();
    assert.equal(await page.getByRole('menuitem').count(), 0);
  }
});

scene('a failure is named, keeps its text and can be tried again', {}, async ({ page }) => {
  await ask(page, 'fail please');
  await page.getByRole('alert').waitFor();
  assert.match(await textOf(answers(page)), /Tides are[\s\S]*The engine stopped/);
  await page.getByRole('button', { name: 'Retry' }).click();
  await page.getByLabel('Version 2 of 2').waitFor();
});

scene('a question that was refused comes back to be sent again', {}, async ({ page }) => {
  await ask(page, 'refuse');
  await page.getByRole('alert').waitFor();
  assert.match(await page.getByRole('alert').innerText(), /1,310 tokens; Kindling holds 1,024/);
  assert.equal(await box(page).inputValue(), 'refuse');
});

scene('drafts belong to their conversation and survive a reload', {}, async ({ page }) => {
  await box(page).fill('for a new one');
  await page.locator('a[data-row]', { hasText: 'How tides work' }).click();
  await page.waitForSelector('.answer');
  assert.equal(await box(page).inputValue(), '');
  await box(page).fill('for the tides');
  await page.reload();
  await page.waitForSelector('.answer');
  assert.equal(await box(page).inputValue(), 'for the tides');
  await page.getByRole('button', { name: 'New conversation' }).first().click();
  await page.waitForSelector('.empty');
  assert.equal(await box(page).inputValue(), 'for a new one');
});

scene('back and forward go through conversations and pages', {}, async ({ page }) => {
  await page.locator('a[data-row]', { hasText: 'How tides work' }).click();
  await page.waitForSelector('.answer');
  await page.locator('a[data-row]', { hasText: 'SQL: gaps' }).click();
  await page.getByRole('heading', { level: 1, name: 'SQL: gaps and islands' }).waitFor();
  await page.getByRole('link', { name: 'Models', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Models' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { level: 1, name: 'SQL: gaps and islands' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { level: 1, name: 'How tides work' }).waitFor();
  await page.goForward();
  await page.getByRole('heading', { level: 1, name: 'SQL: gaps and islands' }).waitFor();
});

scene('a lost link is said, comes back by itself, and the answer goes on', { speed: 2 }, async ({ page, mock }) => {
  await ask(page, 'slow tides');
  await page.waitForSelector('.prose.live strong');
  mock.cut();
  // The run over there has a listener again: the page has come back and follows.
  const isFollowed = () => [...mock.world.jobs.values()].some((job) => job.listeners.size > 0);
  await until(() => !isFollowed());
  await until(isFollowed);
  await page.keyboard.press('Escape');
  await page.getByText('Stopped here.').waitFor();
});

scene('when Hearth is gone the page says so and keeps what is written', {}, async ({ page, mock }) => {
  await page.waitForSelector('.empty li');
  await mock.close();
  await page.getByText('Hearth is not answering').waitFor();
  await page.getByText('Sending works again').waitFor();
  await box(page).fill('kept');
  await box(page).press('Enter');
  assert.equal(await box(page).inputValue(), 'kept');
  assert.equal(await answers(page).count(), 0);
});

scene('a deleted conversation can be brought back by its address', {}, async ({ page, mock }) => {
  const thread = [...mock.world.threads.values()].find((one) => one.title === 'SQL: gaps and islands');
  thread.is_deleted = true;
  await page.goto(`${mock.url}/t/${thread.id}`);
  await page.getByRole('button', { name: 'Restore' }).click();
  await page.locator('.row.here', { hasText: 'SQL: gaps and islands' }).waitFor();
  await page.getByRole('alert').waitFor({ state: 'detached' });
});

scene('ten thousand messages open at the end and load on scrolling up', {}, async ({ page, mock }) => {
  const thread = mock.world.addThread({ title: 'Very long' });
  for (let i = 0; i < 10_000; i++) {
    mock.world.addMessage(thread, { role: i % 2 ? 'assistant' : 'user', model: 'kindling', parts: [{ type: 'text', text: `Message **${i}**` }], created_ms: 1e12 + i });
  }
  await page.goto(`${mock.url}/t/${thread.id}`);
  await page.getByText('Message 9999').waitFor();
  assert.ok((await page.locator('.question, .answer').count()) < 200);
  await page.locator('.scroll[role="region"]').hover();
  for (let i = 0; i < 40 && !(await page.getByText('Message 9861').count()); i++) await page.mouse.wheel(0, -2000);
  await page.getByText('Message 9861').waitFor({ state: 'attached' });
});

scene('Enter sends, Shift+Enter does not, and an input method owns its own Enter', {}, async ({ page }) => {
  await box(page).fill('one');
  await box(page).press('Shift+Enter');
  await box(page).pressSequentially('two');
  assert.equal(await box(page).inputValue(), 'one\ntwo');
  await box(page).evaluate((field) => field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true })));
  await box(page).evaluate((field) => field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true })));
  assert.equal(await answers(page).count(), 0);
  await box(page).press('Enter');
  await page.waitForSelector('.answer');
  assert.equal(await page.locator('.question .text').innerText(), 'one\ntwo');
});

scene('a question longer than the window ends at its answer', { height: 600, empty: true }, async ({ page }) => {
  await ask(page, 'tides '.repeat(900));
  await idle(page);
  await page.waitForFunction(() => {
    const view = document.querySelector('[aria-label="Messages"]');
    return view.scrollHeight > 3 * view.clientHeight && view.scrollHeight - view.scrollTop - view.clientHeight < 40;
  });
  assert.equal(await page.getByRole('button', { name: 'Jump to latest' }).count(), 0);
});

scene('scrolling up lets go of the end; jump to latest takes hold again', { speed: 3, height: 600 }, async ({ page }) => {
  await ask(page, 'a long one');
  const scroller = page.locator('.scroll[role="region"]');
  await page.waitForFunction(() => document.querySelector('.scroll[role="region"]')?.scrollTop > 200);
  await scroller.hover();
  await page.mouse.wheel(0, -400);
  await page.getByRole('button', { name: 'Jump to latest' }).waitFor();
  const at = await scroller.evaluate((one) => one.scrollTop);
  await page.getByRole('heading', { name: 'Part 12' }).waitFor({ state: 'attached' });
  assert.ok((await scroller.evaluate((one) => one.scrollTop)) <= at + 1, 'the page moved under the reader');
  await page.getByRole('button', { name: 'Jump to latest' }).click();
  await idle(page);
  await page.waitForFunction(() => {
    const one = document.querySelector('.scroll[role="region"]');
    return one.scrollHeight - one.scrollTop - one.clientHeight < 40;
  });
});

scene('the keyboard reaches everything: palette, list, rename, shortcuts', {}, async ({ page }) => {
  await page.keyboard.press('Control+k');
  await page.keyboard.type('gaps');
  await page.getByRole('option', { name: 'SQL: gaps and islands' }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'SQL: gaps and islands' }).waitFor();
  await page.keyboard.press('Control+Shift+E');
  await page.keyboard.type('Islands');
  await page.keyboard.press('Enter');
  await page.locator('.row.here', { hasText: 'Islands' }).waitFor();
  await page.keyboard.press('Control+b');
  await page.locator('aside.list').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+b');
  await page.locator('aside.list').waitFor();
  await page.locator('#main').focus();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main', 'the focus comes back');
  await page.keyboard.press('/');
  await page.waitForFunction(() => document.activeElement.getAttribute('aria-label') === 'Search conversations');
});

scene('the starter model says what it is, and where a bigger one comes from', { empty: true }, async ({ page }) => {
  await page.getByText('Kindling is a tiny starter model').waitFor();
  await page.getByText('Your conversations will be listed here').waitFor();
  await page.getByRole('link', { name: 'Get a bigger one' }).click();
  await page.getByRole('heading', { name: 'Get a bigger model' }).waitFor();
  await page.getByLabel('Path of a GGUF file').fill('models/x.gguf');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByText('Give the full path').waitFor();
  await page.getByLabel('Path of a GGUF file').fill('"/home/ada/models/Big-8B.gguf"');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByRole('article', { name: 'Big-8B' }).waitFor();
});

scene('a model loads with progress and unloads; the first question shows the loading', { speed: 2 }, async ({ page }) => {
  await page.getByRole('link', { name: 'Models', exact: true }).click();
  const card = page.getByRole('article', { name: 'Kindling' });
  await card.getByRole('button', { name: 'Load' }).click();
  await card.getByRole('progressbar').waitFor();
  await card.getByRole('button', { name: 'Unload' }).click();
  await card.getByRole('button', { name: 'Load' }).waitFor();
  await card.getByRole('button', { name: 'Chat' }).click();
  await ask(page, 'What can you do?');
  await page.getByText(/Loading Kindling \d+/).waitFor();
  await idle(page);
});

scene('without a session the page says how to come in', { signedOut: true }, async ({ page }) => {
  await page.getByRole('heading', { name: 'Open Hearth from your terminal' }).waitFor();
  assert.equal(await page.locator('textarea').count(), 0);
});

scene('settings are drawn from their schema; a refusal is shown and taken back', { path: '/settings' }, async ({ page, mock }) => {
  const field = page.getByLabel('Keep a model loaded');
  await field.fill('700');
  await field.press('Tab');
  await page.getByText('At most 600 minutes.').waitFor();
  assert.equal(await field.inputValue(), '10');
  await field.fill('25');
  await field.press('Tab');
  await page.getByRole('button', { name: 'Back to the default (10)' }).click();
  await page.waitForFunction(() => document.querySelectorAll('button[aria-label^="Back to the default (10)"]').length === 0);
  assert.equal(mock.world.settings[0].value, 10);
  await page.getByRole('radio', { name: 'Dark' }).check({ force: true });
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark');
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
});

scene('a setting that names a model offers those there are; a long text has room', { path: '/settings' }, async ({ page, mock }) => {
  const value = (key) => mock.world.settings.find((setting) => setting.key === key).value;
  await page.getByLabel('Usual model').selectOption('kindling');
  await until(() => value('chat.model') === 'kindling');
  await page.getByLabel('System prompt').fill('One line.\nAnother.');
  await page.keyboard.press('Tab');
  await until(() => value('chat.system_prompt') === 'One line.\nAnother.');
  await page.reload();
  assert.equal(await page.getByLabel('System prompt').inputValue(), 'One line.\nAnother.');
  assert.equal(await page.getByLabel('Usual model').inputValue(), 'kindling');
});

scene('a plugin tells what it is, wants and holds', { path: '/plugins' }, async ({ page }) => {
  await page.locator('summary', { hasText: 'store-folder' }).click();
  await page.getByText('threads.read, to tell the model what was said before').waitFor();
  assert.match(await textOf(page.locator('details[open]')), /Open handles\s+7\b/);
});

scene('the monitor asks for samples only while it is looked at', { path: '/monitor' }, async ({ page, mock }) => {
  await page.getByRole('cell', { name: 'Kindling' }).waitFor();
  const watchers = () => [...mock.world.watchers].filter((one) => one.topics.includes('monitor.sampled')).length;
  assert.equal(watchers(), 1);
  await page.getByRole('link', { name: 'Chat', exact: true }).click();
  await page.waitForSelector('textarea');
  await until(() => watchers() === 0);
});

scene('at 390 px nothing is wider than the window', { width: 390, height: 844, touch: true, path: '/' }, async ({ page }) => {
  for (const name of ['Models', 'Plugins', 'Monitor', 'Settings', 'Chat']) {
    await page.getByRole('link', { name, exact: true }).click();
    await page.waitForSelector('#main h1, #main h2');
    const [scroll, width] = await page.evaluate(() => [document.querySelector('#main').scrollWidth, innerWidth]);
    assert.ok(scroll <= width, `${name}: ${scroll} px`);
  }
});
