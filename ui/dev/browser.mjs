// SPDX-License-Identifier: AGPL-3.0-or-later
// Chromium for the development scripts and the browser tests, quiet: it talks to nobody but the page.
import { chromium } from 'playwright-core';

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });

/** A page that fails the script when anything is refused by the policy or thrown. */
export async function open(browser, url, { width = 1440, height = 900, theme = 'light', touch = false } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    hasTouch: touch,
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(`thrown: ${error.message}`));
  page.on('console', (message) => {
    // Losing the link is a case that is tried on purpose.
    if (message.type() === 'error' && !/WebSocket connection|ERR_CONNECTION_REFUSED/.test(message.text())) problems.push(`console: ${message.text()}`);
  });
  await page.goto(url);
  return { page, context, problems };
}
