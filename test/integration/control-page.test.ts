import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { CHROMIUM, Page } from '../helpers/chromium.js';
import { ask } from '../helpers/control.js';
import { figuresOf, serveFigures } from '../helpers/figures.js';
import { Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const browser = { skip: CHROMIUM === undefined ? 'there is no Chromium' : false };
const TOKEN = 'correct-horse-battery';
const [TAB, ENTER, ESCAPE, SPACE] = [
  ['Tab', 9],
  ['Enter', 13, '\r'],
  ['Escape', 27],
  [' ', 32, ' '],
] as const;
const [RIGHT, END] = [
  ['ArrowRight', 39],
  ['End', 35],
] as const;

interface Opened {
  readonly host: Host;
  readonly page: Page;
  readonly url: string;
  readonly control: string;
}

async function open(t: TestContext, options: HostOptions = {}, hash = `#token=${TOKEN}`): Promise<Opened> {
  const host = new Host(t, { control: { port: 0, token: TOKEN }, ...options });
  const [url, page] = await Promise.all([host.ready(), Page.open(t)]);
  const [{ port }] = await host.event('control');
  const control = `http://127.0.0.1:${port}`;
  await page.resize(1280, 900);
  await page.goto(`${control}/${hash}`);
  if (hash !== '') await page.until(`document.querySelector('#link').dataset.link === 'live'`);
  return { host, page, url, control };
}

const boxes = `[...document.querySelectorAll('.worker')]`;
const focused = `(document.activeElement.id || document.activeElement.getAttribute('aria-label') || document.activeElement.textContent)`;

/** Asserts that the page has asked nobody else, and that its security policy has reported nothing. */
function isClean({ page, control }: Pick<Opened, 'page' | 'control'>): void {
  assert.ok(page.requests.length > 0);
  for (const request of page.requests) {
    assert.ok(request.startsWith(`${control}/`) || request.startsWith('data:') || request === 'about:blank', request);
    assert.equal(request.includes(TOKEN) && !request.includes('#'), false, request);
  }
  assert.deepEqual(page.complaints, []);
}

test('the page: workers as they are, live, and nothing from another host', browser, async (t) => {
  const opened = await open(t);
  const { host, page, url } = opened;
  assert.equal(await page.eval('location.hash'), '', 'the token is not in the address any more');
  await page.until(`${boxes}.length === 2 && ${boxes}.every((box) => box.dataset.state === 'ready')`);
  const pids = (await host.workers()).map(({ pid }) => `pid ${pid}`);
  assert.deepEqual(await page.eval(`${boxes}.map((box) => box.querySelector('.place span').textContent)`), pids);
  for (let sent = 0; sent < 20; sent++) await get(url);
  await page.until(`document.querySelector('#figures').textContent.includes('requests20')`);
  await page.until(`/99 % within[\\d.]+ m?s/.test(document.querySelector('#figures').textContent)`);
  await host.call('scale', 3);
  await page.until(`${boxes}.length === 3`);
  await page.screenshot('two-workers');
  isClean(opened);
});

test('the page: a hang has its stack there, as text', browser, async (t) => {
  const opened = await open(t, { timeout: 500, workers: 2 });
  const { host, page, url } = opened;
  await get(`${url}/spin?<img src=x onerror=alert(1)>`.replaceAll(' ', '%20')).catch(() => undefined);
  await host.event('worker:timeout');
  await page.until(`document.querySelector('#lines').textContent.includes('timed out')`);
  const details = `[...document.querySelectorAll('#lines details')].find((each) => each.textContent.includes('timed out'))`;
  const text = await page.eval(`${details}.querySelector('pre').textContent`);
  assert.match(text, /at .*app\.js:\d+/);
  assert.match(text, /GET \/spin\?<img%20src=x%20onerror=alert\(1\)>|GET \/spin\?/);
  assert.equal(await page.eval(`document.querySelectorAll('img').length`), 0);
  await page.eval(`${details}.open = true`);
  await eventually(
    async () => (await host.workers()).filter(({ state }) => state === 'ready').length === 2,
    'two workers',
  );
  await page.screenshot('after-a-hang');
  // The details stay open when more happens.
  await host.call('reload');
  await page.eval(`document.querySelector('#all').click()`);
  await page.until(`document.querySelector('#lines').textContent.includes('reloaded: generation 2')`);
  assert.equal(await page.eval(`${details}.open`), true);
  isClean(opened);
});

test('the page: 64 workers, in a window and on a phone', browser, async (t) => {
  // This master has only the figures: 64 processes would show nothing more.
  const control = await serveFigures(t, figuresOf(64));
  const page = await Page.open(t);
  await page.resize(1280, 900);
  await page.goto(`${control}/#token=${TOKEN}`);
  await page.until(`${boxes}.length === 64`);
  assert.equal(await page.eval(`document.body.classList.contains('many')`), true);
  const fits = 'document.documentElement.scrollWidth <= innerWidth';
  assert.equal(await page.eval(fits), true);
  // The page needs two looks to show a rate.
  await page.until(`document.querySelector('.worker dd').textContent !== '–'`);
  await page.screenshot('64-workers');
  await page.prefer({ 'prefers-color-scheme': 'dark' });
  await page.screenshot('64-workers-dark');
  await page.resize(360, 740);
  assert.equal(await page.eval(fits), true);
  await page.screenshot('64-workers-phone');
  isClean({ page, control });
});

test('the page: one worker with threads, on a phone, dark, without motion', browser, async (t) => {
  const opened = await open(t, { workers: 1, workerClass: 'threaded', threads: 3 });
  const { page } = opened;
  await page.resize(360, 740);
  await page.prefer({ 'prefers-color-scheme': 'dark', 'prefers-reduced-motion': 'reduce' });
  await page.until(`${boxes}.length === 1 && document.querySelectorAll('.threads li').length === 3`);
  assert.equal(
    await page.eval('document.documentElement.scrollWidth <= innerWidth'),
    true,
    'nothing is wider than the screen',
  );
  const small = `[...document.querySelectorAll('button')].filter((b) => b.offsetParent && b.getBoundingClientRect().height < 44).length`;
  assert.equal(await page.eval(small), 0, 'a finger finds each button');
  assert.equal(await page.eval(`getComputedStyle(document.querySelector('.link'), '::before').animationName`), 'none');
  await page.screenshot('phone');
  isClean(opened);
});

test('the page: by keyboard alone', browser, async (t) => {
  const opened = await open(t, { workers: 3 });
  const { host, page } = opened;
  await page.until(`${boxes}.length === 3`);
  const order: string[] = [];
  for (let step = 0; step < 6; step++) {
    await page.press(...TAB);
    order.push(await page.eval(focused));
  }
  assert.deepEqual(order, ['Skip to what has happened', 'reload', 'fewer', 'more', 'Restart worker #1…', 'all']);
  // All workers together are one tab stop; the arrow keys go on from there.
  await page.eval(`document.querySelector('.restart').focus()`);
  await page.press(...RIGHT);
  assert.equal(await page.eval(focused), 'Restart worker #2…');
  await page.press(...END);
  assert.equal(await page.eval(focused), 'Restart worker #3…');
  await page.press(...RIGHT);
  assert.equal(await page.eval(focused), 'Restart worker #1…');

  await page.press(...ENTER);
  assert.equal(
    await page.eval(`document.querySelector('#ask').open && document.querySelector('#ask-title').textContent`),
    'Restart worker #1?',
  );
  await page.press(...ESCAPE);
  assert.equal(await page.eval(`document.querySelector('#ask').open`), false);
  assert.equal(host.of('worker:exit').length, 0, 'nothing was done');
  assert.equal(await page.eval(focused), 'Restart worker #1…');

  await page.press(...SPACE);
  await page.press(...TAB);
  assert.equal(await page.eval(focused), 'yes');
  await page.screenshot('confirm');
  await page.press(...ENTER);
  await page.until(`document.querySelector('#said').textContent === 'worker #1 is another one now'`);
  assert.equal(host.of('worker:exit').length, 1);
  isClean(opened);
});

test('the page: a reload, with both generations', browser, async (t) => {
  const opened = await open(t, { workers: 4 });
  const { host, page } = opened;
  await page.until(`${boxes}.length === 4`);
  await page.eval(`document.querySelector('#reload').click()`);
  await page.eval(`document.querySelector('#yes').click()`);
  await page.until(
    `!document.querySelector('#rollout').hidden && document.querySelectorAll('#generations span').length === 2`,
  );
  await page.screenshot('reload');
  await page.until(`document.querySelector('#said').textContent.startsWith('reloaded: generation 2')`);
  await page.until(`document.querySelector('#rollout').hidden`);
  assert.equal((await host.stats()).generation, 2);
  isClean(opened);
});

test('the page asks for a token that it has not got, and says when the master is gone', browser, async (t) => {
  const { host, page } = await open(t, { workers: 1 }, '');
  await page.until(`document.querySelector('#door').open`);
  // The page knows nothing of the master, so its buttons do nothing.
  await page.eval(`for (const id of ['reload', 'fewer', 'more']) document.getElementById(id).click()`);
  assert.equal(await page.eval(`document.querySelector('#ask').open`), false);
  assert.doesNotMatch(page.complaints.join('\n'), /TypeError/);
  await page.type('wrong-wrong-wrong-wrong');
  await page.press(...ENTER);
  await page.until(`document.querySelector('#door').open && document.querySelector('#token').value === ''`);
  await page.screenshot('token');
  await page.type(TOKEN);
  await page.press(...ENTER);
  await page.until(`document.querySelector('#link').dataset.link === 'live' && ${boxes}.length === 1`);
  assert.deepEqual(await page.eval(`['reload', 'fewer', 'more'].map((id) => document.getElementById(id).disabled)`), [
    ...[false, true, false],
  ]);
  assert.ok(page.requests.every((request) => !request.includes(TOKEN)));
  await host.call('stop');
  await page.until(`document.querySelector('#link').dataset.link === 'lost'`);
});

test('the page has a name and a role for all that one can do, and says what changes', browser, async (t) => {
  const opened = await open(t, { workers: 1 });
  const { page } = opened;
  await page.until(`${boxes}.length === 1`);
  const { nodes } = await page.send('Accessibility.getFullAXTree');
  const named = (nodes as { role?: { value: string }; name?: { value: string } }[]).map(
    ({ role, name }) => `${role?.value}: ${name?.value.trim()}`,
  );
  for (const wanted of [
    ...['button: Reload…', 'button: One worker fewer…', 'button: One worker more…', 'button: Restart worker #1…'],
    ...['heading: prefork', 'heading: Workers', 'heading: What has happened', 'checkbox: all of it'],
    ...['meter: Busy, percent of the time'],
  ]) {
    assert.ok(named.includes(wanted), `${wanted} is missing in\n${named.join('\n')}`);
  }
  assert.equal(await page.eval(`document.querySelector('#said').getAttribute('aria-live')`), 'polite');
  // Each text stands out from what is behind it as WCAG 2 asks for, 4.5 : 1, in both schemes.
  for (const scheme of ['light', 'dark']) {
    await page.prefer({ 'prefers-color-scheme': scheme });
    assert.deepEqual(await page.eval(CONTRAST), [], scheme);
  }
  isClean(opened);
});

/** Runs in the page, and returns the texts that are too faint. */
const CONTRAST = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = channels(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll('body *')) {
    if (!node.offsetParent || node.disabled || ![...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim())) continue;
    const [one, other] = [light(channels(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) faint.push(node.className + ' ' + node.textContent.slice(0, 30) + ' ' + ratio.toFixed(2));
  }
  return faint;
})()`;

test('the page is served where nobody has a token, and knows nothing', async (t) => {
  const host = new Host(t, { control: { port: 0, token: TOKEN }, workers: 1 });
  const [{ address, port }] = await host.event('control');
  const { status, text, headers } = await ask({ host: address, port }, '/');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/html; charset=utf-8');
  assert.doesNotMatch(text, /(?:src|href)="(?!#|data:)/);
  assert.doesNotMatch(text, /@import|url\(|<!-- \S+ -->/);
  assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/);
  assert.ok(text.length < 100_000, `${text.length} characters`);
});
