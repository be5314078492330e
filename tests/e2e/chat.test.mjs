// SPDX-License-Identifier: AGPL-3.0-or-later
// What somebody does with Hearth: ask, watch, stop, come back, look from two tabs, tidy up.
import assert from 'node:assert/strict';
import { until } from '../lib/daemon.mjs';
import { answers, ask, box, idle, openRow, questions, row, scene, shows, words } from './scene.mjs';

scene('the one-time address signs this browser in, once', {}, async ({ page, daemon, context, watched }) => {
  const link = await daemon.link();
  const cookies = await context.cookies();
  const session = cookies.find((cookie) => cookie.name.startsWith('hearth_session'));
  assert.ok(session.httpOnly && session.sameSite === 'Strict', JSON.stringify(session));
  await page.reload();
  await box(page).waitFor();
  // A stranger with a used link stays outside.
  const fresh = await context.browser().newContext();
  try {
    const used = await fresh.newPage();
    await used.goto(link);
    await box(used).waitFor();
    const other = await context.browser().newContext();
    const late = await other.newPage();
    await late.goto(link);
    await late.getByRole('heading', { name: 'Open Hearth from your terminal' }).waitFor();
    await other.close();
  } finally {
    await fresh.close();
  }
  watched.problems.length = 0;
});

scene('a question is answered, gets an address, a title and a place in the list', {}, async ({ page }) => {
  await ask(page, 'How do tides work today?');
  await page.waitForURL(/\/t\/[0-9A-Z]{26}$/);
  await shows(page, 'How do tides work today?');
  await idle(page);
  assert.equal(await questions(page).count(), 1);
  assert.equal(await row(page, 'How do tides work today?').getAttribute('aria-current'), 'page');
  assert.equal(await box(page).inputValue(), '');
  assert.match(await page.title(), /tides/);
});

scene('an answer streams word by word', { model: 'slow' }, async ({ page }) => {
  await ask(page, words(80));
  const lengths = new Set();
  await until(async () => {
    lengths.add((await answers(page).last().innerText().catch(() => '')).length);
    return (await page.getByRole('button', { name: 'Send', exact: true }).count()) > 0 && lengths.size > 1;
  }, 'the answer ended');
  assert.ok(lengths.size > 5, `it came in ${lengths.size} pieces`);
  await shows(page, 'word79');
});

scene('Esc stops, keeps what is there, says so, and frees the model', { model: 'slow' }, async ({ page, daemon }) => {
  await ask(page, words(900));
  await shows(page, 'word5');
  await page.keyboard.press('Escape');
  await page.getByText('Stopped here.').waitFor();
  await idle(page);
  assert.equal(await daemon.busy('slow'), 0);
  const text = await answers(page).last().innerText();
  await page.reload();
  await page.getByText('Stopped here.').waitFor();
  assert.equal(await answers(page).last().innerText(), text);
  assert.doesNotMatch(text, /word899/);
});

scene('a reload in mid-answer follows the same run to its end', { model: 'slow' }, async ({ page, daemon }) => {
  await ask(page, words(150));
  await shows(page, 'word5');
  await page.waitForURL(/\/t\//);
  await page.reload();
  await shows(page, 'word6');
  assert.equal((await daemon.rpc('chat.running')).turns.length, 1, 'the run went on');
  await idle(page);
  await shows(page, words(150));
  assert.equal(await answers(page).count(), 1);
});

scene('closing the page does not end the answer', { model: 'slow' }, async ({ page, daemon, context }) => {
  await ask(page, words(60));
  await shows(page, 'word3');
  await page.waitForURL(/\/t\//);
  const url = page.url();
  await page.close();
  await until(async () => (await daemon.rpc('chat.running')).turns.length === 0, 'it ends by itself');
  const again = await context.newPage();
  await again.goto(url);
  await shows(again, words(60));
});

scene('conversations are there after the daemon was stopped and started', {}, async ({ page, daemon, watched }) => {
  await ask(page, 'Remember the marmalade');
  await shows(page, 'Remember the marmalade');
  await idle(page);
  watched.isLinkLost = true;
  assert.equal(await daemon.stop(), 0);
  await page.getByText('Hearth is not answering').waitFor();
  await daemon.start();
  await page.getByText('Hearth is not answering').waitFor({ state: 'detached' });
  await page.reload();
  await shows(page, 'Remember the marmalade');
  await row(page, 'Remember the marmalade').waitFor();
  await ask(page, 'and go on');
  await shows(page, 'and go on');
});

scene('an answer that was cut by a kill is called interrupted', { model: 'slow' }, async ({ page, daemon, watched }) => {
  await ask(page, words(900));
  await shows(page, 'word60');
  watched.isLinkLost = true;
  await daemon.stop('SIGKILL');
  await daemon.start();
  await page.getByText('Interrupted', { exact: false }).waitFor();
  await page.reload();
  await page.getByText('Interrupted', { exact: false }).waitFor();
  await answers(page).last().getByText('word1').waitFor();
});

scene('a second tab sees everything live', { model: 'slow' }, async ({ page, context }) => {
  await ask(page, 'hello there');
  await idle(page);
  const other = await context.newPage();
  await other.goto(page.url());
  await shows(other, 'hello there');
  await ask(page, words(200));
  await shows(other, 'word5');
  await other.keyboard.press('Escape');
  await page.getByText('Stopped here.').waitFor();
  await other.getByTitle('Rename', { exact: true }).click();
  await other.getByLabel('Title of the conversation').fill('Renamed over there');
  await other.keyboard.press('Enter');
  await row(page, 'Renamed over there').waitFor();
});

scene('renaming survives a reload', {}, async ({ page }) => {
  await ask(page, 'name me');
  await idle(page);
  await page.keyboard.press('Control+Shift+E');
  await page.getByLabel('Title of the conversation').fill('A better name');
  await page.keyboard.press('Enter');
  await row(page, 'A better name').waitFor();
  await page.reload();
  await row(page, 'A better name').waitFor();
  await page.getByRole('heading', { level: 1, name: 'A better name' }).waitFor();
});

scene('deleting can be undone, and without undo stays', {}, async ({ page }) => {
  await ask(page, 'Throw me away');
  await idle(page);
  await page.keyboard.press('Control+Shift+D');
  await page.locator('.toast', { hasText: 'Deleted' }).waitFor();
  await row(page, 'Throw me away').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo' }).click();
  await openRow(page, 'Throw me away');
  await page.keyboard.press('Control+Shift+D');
  await row(page, 'Throw me away').waitFor({ state: 'detached' });
  await page.reload();
  await box(page).waitFor();
  assert.equal(await row(page, 'Throw me away').count(), 0);
});

scene('answering again makes a version beside the first; both stay', {}, async ({ page }) => {
  await ask(page, 'Say it twice');
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

scene('editing a question makes a version of it', {}, async ({ page }) => {
  await ask(page, 'What can you do?');
  await idle(page);
  await box(page).press('ArrowUp');
  const editor = page.getByRole('textbox', { name: 'Edit your message' });
  await editor.fill('What can you really do?');
  await editor.press('Enter');
  await questions(page).getByLabel('Version 2 of 2').waitFor();
  await shows(page, 'What can you really do?');
});

scene('the model picker changes who answers, and Kindling answers', { model: 'quick' }, async ({ page }) => {
  await page.getByRole('button', { name: 'Model: quick' }).click();
  await page.locator('.picker').getByRole('button', { name: /^Kindling/ }).click();
  await page.getByRole('button', { name: 'Model: Kindling' }).waitFor();
  await ask(page, 'Hello! Who are you?');
  await page.getByRole('article', { name: 'Kindling' }).getByText('Kindling').first().waitFor();
  await idle(page);
  const text = await page.locator('article.answer .prose').innerText();
  assert.ok(text.trim().length > 10, text);
});

scene('search finds what was said', {}, async ({ page }) => {
  for (const text of ['zebra crossing the road', 'giraffes are tall']) {
    await page.getByRole('button', { name: 'New conversation' }).first().click();
    await ask(page, text);
    await shows(page, text);
    await idle(page);
  }
  await page.getByLabel('Search conversations').fill('zebra');
  await page.getByText('zebra crossing').first().waitFor();
  await row(page, 'giraffes').waitFor({ state: 'detached' });
});

scene('a failing engine is named, and the question can be asked again', {}, async ({ page }) => {
  await ask(page, '@echo {"crash_after":3}\none two three four five');
  await page.getByRole('alert').waitFor();
  await shows(page, 'one two three');
  await page.getByRole('button', { name: 'Retry' }).waitFor();
  await ask(page, 'well again');
  await shows(page, 'well again');
});

scene('Markdown becomes elements and no text of a model becomes markup', {}, async ({ page }) => {
  await ask(page, '# Head\n\n<img src=x onerror="window.hit=1"> <script>window.hit=1</script>\n\n[bad](javascript:alert(1))\n\n![pixel](https://tracker.example/p.png)\n\n```js\nlet a = "<b>";\n```');
  await idle(page);
  await answers(page).locator('code', { hasText: 'let a' }).waitFor();
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.equal(await page.locator('.prose img, .prose script').count(), 0);
  assert.equal(await page.locator('a[href^="javascript"]').count(), 0);
});
