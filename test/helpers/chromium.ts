import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { eventually, inTime } from './wait.js';

/** The command of a Chromium on this machine; undefined where there is none. */
export const CHROMIUM: string | undefined = [
  process.env['CHROMIUM'],
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  // The headless build, which needs half of the libraries.
  'chromium-headless-shell',
].find((name) => name !== undefined && spawnSync(name, ['--version'], { timeout: 30_000 }).status === 0);

// biome-ignore lint/suspicious/noExplicitAny: what the protocol sends is JSON.
type Data = any;

/** A page in a real browser, over its DevTools protocol. */
export class Page {
  /** The addresses of all requests, including those that the page's own policy refused. */
  readonly requests: string[] = [];
  /** What its console and its policy complain of. */
  readonly complaints: string[] = [];
  readonly #socket: WebSocket;
  readonly #calls = new Map<number, { resolve: (value: Data) => void; reject: (error: Error) => void }>();
  #session: string | undefined;
  #count = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (text) => this.#onMessage(JSON.parse(String(text))));
  }

  /**
   * A page that shares nothing with the pages of other tests. It has a browser context of its own, as a private window
   * has, in the one browser of this file.
   */
  static async open(t: TestContext): Promise<Page> {
    browser ??= start();
    const socket = new WebSocket(await browser.address);
    await inTime(once(socket, 'open'), 'the protocol of the browser');
    const page = new Page(socket);
    const { browserContextId } = await page.send('Target.createBrowserContext');
    const { targetId } = await page.send('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await page.send('Target.attachToTarget', { targetId, flatten: true });
    t.after(async () => {
      page.#session = undefined;
      await page.send('Target.disposeBrowserContext', { browserContextId });
      socket.close();
    });
    page.#session = sessionId;
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await page.send(`${domain}.enable`);
    return page;
  }

  send(method: string, params: object = {}): Promise<Data> {
    const id = ++this.#count;
    const answer = new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
    this.#socket.send(JSON.stringify({ id, method, params, ...(this.#session && { sessionId: this.#session }) }));
    return inTime(answer, method);
  }

  async goto(url: string): Promise<void> {
    await this.send('Page.navigate', { url });
    await eventually(async () => (await this.eval('document.readyState')) === 'complete', `the page ${url}`);
  }

  /** The value of an expression in the page. */
  async eval(expression: string): Promise<Data> {
    const options = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', options);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is true in the page. */
  async until(expression: string): Promise<void> {
    let text = '';
    await eventually(
      async () => {
        if ((await this.eval(expression)) === true) return true;
        text = await this.eval('document.body.innerText');
        return false;
      },
      () => `${expression}; complaints: ${this.complaints.join('\n')}; the page:\n${text}`,
    );
  }

  /** Presses a key, by the name that `KeyboardEvent.key` has for it. */
  async press(key: string, code: number, text?: string): Promise<void> {
    const event = { key, code: key, windowsVirtualKeyCode: code, ...(text && { text }) };
    await this.send('Input.dispatchKeyEvent', { type: text ? 'keyDown' : 'rawKeyDown', ...event });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  async type(text: string): Promise<void> {
    await this.send('Input.insertText', { text });
  }

  async resize(width: number, height: number): Promise<void> {
    const mobile = width < 500;
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile });
  }

  /** Sets preferences of the user, for example `{ 'prefers-color-scheme': 'dark' }`. */
  async prefer(features: Readonly<Record<string, string>>): Promise<void> {
    const list = Object.entries(features).map(([name, value]) => ({ name, value }));
    await this.send('Emulation.setEmulatedMedia', { features: list });
  }

  /** Saves a screenshot in the folder that SCREENSHOTS names; does nothing without it. */
  async screenshot(name: string): Promise<void> {
    const folder = process.env['SCREENSHOTS'];
    if (folder === undefined) return;
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: false });
    writeFileSync(`${folder}/${name}.png`, Buffer.from(data, 'base64'));
  }

  #onMessage({ id, result, error, method, params }: Data): void {
    if (id !== undefined) {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (error) call?.reject(new Error(error.message));
      else call?.resolve(result);
    } else if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url);
    else if (method === 'Log.entryAdded') this.complaints.push(`${params.entry.level}: ${params.entry.text}`);
    else if (method === 'Runtime.exceptionThrown') {
      const { exceptionDetails: details } = params;
      this.complaints.push(details.exception?.description ?? details.text);
    }
  }
}

interface Browser {
  readonly child: ChildProcess;
  readonly profile: string;
  readonly address: Promise<string>;
}

/** The one browser of this file, since starting one takes a second of CPU and more. */
let browser: Browser | undefined;

after(async () => {
  if (!browser) return;
  await end(browser.child);
  // Other processes of the browser may end a moment later, so the removal is repeated.
  rmSync(browser.profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

/** Starts a browser with an empty profile, which the end of the file removes. */
function start(): Browser {
  const profile = mkdtempSync(join(tmpdir(), 'prefork-chromium-'));
  const args = [
    ...['--headless=new', '--remote-debugging-port=0', `--user-data-dir=${profile}`, '--no-first-run'],
    ...['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', 'about:blank'],
  ];
  const child = spawn(CHROMIUM as string, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const told = (): string | undefined => /DevTools listening on (ws:\S+)/.exec(said)?.[1];
  const listens = eventually(
    () => told() !== undefined,
    () => `a browser\n${said}`,
  );
  return { child, profile, address: listens.then(() => told() as string) };
}

/** Kills the browser with all that it has started. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  process.kill(-child.pid, 'SIGKILL');
  await once(child, 'exit');
}
