// Uses the page of `writegate dev` as a developer does, in a real browser.
//
//   SYNC_URL=http://127.0.0.1:6060 CHROMIUM=/usr/bin/chromium node page.mjs
//
// The last line on standard output is JSON: what the page showed, and what the browser complained about.
import { chromium } from 'playwright-core';

const { SYNC_URL, CHROMIUM } = process.env;
const browser = await chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: process.getuid?.() !== 0 });
const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
const page = await context.newPage();
const complaints = [];
const asked = new Set();
const urls = [];
page.on('pageerror', (err) => complaints.push(err.message));
page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
page.on('request', (request) => {
  asked.add(new URL(request.url()).origin);
  urls.push(request.url());
});

const status = page.getByRole('status');
const shown = async (user) => {
  await status.filter({ hasText: `A token for ${user}.` }).waitFor();
  const token = await page.getByLabel('Token', { exact: true }).inputValue();
  return {
    token,
    endpoint: await page.getByLabel('Endpoint').inputValue(),
    header: JSON.parse(await page.locator('#header').textContent()),
    claims: JSON.parse(await page.locator('#claims').textContent())
  };
};
const copied = async (row) => {
  await page.locator('.copied').nth(row).getByRole('button', { name: 'Copy' }).click();
  await status.filter({ hasText: 'Copied.' }).waitFor();
  const text = await page.evaluate(() => navigator.clipboard.readText());
  await page.evaluate(() => navigator.clipboard.writeText(''));
  return text;
};
const ask = async (user) => {
  await page.getByLabel('User id').fill(user);
  await page.getByRole('button', { name: 'Get a token' }).click();
};

await page.goto(`${SYNC_URL}/dev`);
const first = await shown('developer');

const name = 'zoë <b>&"\u{1F680}';
await ask(name);
const second = { ...(await shown(name)), copied: { endpoint: await copied(0), token: await copied(1) } };
const markup = await page.locator('main b').count();

// Where pages may not write to the clipboard, as without HTTPS, the token is selected.
await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true }));
await page.locator('.copied').nth(1).getByRole('button', { name: 'Copy' }).click();
await status.filter({ hasText: 'Selected:' }).waitFor();
const selected = await page.evaluate(() => {
  const { value, selectionStart, selectionEnd } = document.activeElement;
  return value.slice(selectionStart, selectionEnd);
});

// The box can't hold more than the server takes, so a question that it refuses is made by hand.
await page.route('**/api/auth/token*', (route) => route.continue({ url: `${SYNC_URL}/api/auth/token?user_id=${'x'.repeat(300)}` }));
await ask('refused');
await status.filter({ hasText: 'No token:' }).waitFor();
const refused = { status: await status.textContent(), hidden: await page.locator('#given').isHidden() };

// A proxy's page is no token.
await page.unroute('**/api/auth/token*');
await page.route('**/api/auth/token*', (route) => route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }));
await ask('proxied');
await status.filter({ hasText: 'No token: status 502.' }).waitFor();

// Of two questions the last one counts, however late the first is answered.
await page.unroute('**/api/auth/token*');
let release;
const held = new Promise((resolve) => (release = resolve));
await page.route('**/api/auth/token?user_id=slow', async (route) => {
  await held;
  await route.continue();
});
await ask('slow');
await ask('fast');
const overtaken = await shown('fast');
const late = page.waitForResponse('**/api/auth/token?user_id=slow');
release();
await (await late).finished();
await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
const last = await page.getByLabel('Token', { exact: true }).inputValue();

console.log(JSON.stringify({
  first, second, refused, markup, selected, at: page.url(), pages: await page.evaluate(() => history.length),
  told: urls.some((url) => [first, second].some(({ token }) => url.includes(token.split('.')[2]))), overtaken: overtaken.token === last && overtaken.claims.sub === 'fast',
  complaints: complaints.filter((text) => !/ (400|502) /.test(text)), asked: [...asked]
}));
await browser.close();
