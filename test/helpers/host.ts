import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ArbiterOptions, ArbiterStats, WorkerInfo } from 'prefork';
import { PACE } from './pace.js';
import { alive, kill } from './process.js';
import { DEADLINE, eventually, inTime } from './wait.js';
import { watchOver } from './warden.js';

export { alive, DEADLINE };

export interface HostEvent {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read payloads of every event.
  readonly args: any[];
}

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

/** Those of an Arbiter, as JSON can say them. */
export type HostOptions = Omit<ArbiterOptions, 'app' | 'workerClass'> & { app?: unknown; workerClass?: unknown };

export interface HostSettings {
  /** Which fixture is the entry script. @defaultValue `'host.js'` */
  readonly entry?: string;
  /** The entry script as node gets it, which then is no fixture. */
  readonly script?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly execPath?: string;
  readonly execArgv?: string[];
  /** Arguments of the entry script instead of the options. */
  readonly args?: string[];
  readonly cwd?: string;
}

/** A host process with an Arbiter in it. The test's end kills it and its workers, and a failed test prints its log. */
export class Host {
  readonly events: HostEvent[] = [];
  readonly child: ChildProcess;
  readonly #tls: boolean;
  readonly #log: string[] = [];
  readonly #pids = new Set<number>();
  readonly #ended = new Set<number>();
  readonly #calls = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  readonly #watchers = new Set<() => void>();
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;

  constructor(t: TestContext, options: HostOptions, settings: HostSettings = {}) {
    this.#tls = options.tls !== undefined;
    const all = { bind: '127.0.0.1:0', workers: 2, app: fixture('app.js'), ...options };
    this.child = fork(settings.script ?? fixture(settings.entry ?? 'host.js'), settings.args ?? [JSON.stringify(all)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A session, and so a process group, of its own: without a controlling terminal, as in a service.
      detached: true,
      execArgv: settings.execArgv ?? [],
      env: { ...PACE, ...process.env, ...settings.env },
      ...(settings.execPath && { execPath: settings.execPath }),
      ...(settings.cwd && { cwd: settings.cwd }),
    });
    const release = this.child.pid === undefined ? undefined : watchOver(this.child.pid);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#note(text));
    }
    this.child.on('message', (message: HostEvent & { id?: number; value?: unknown; error?: unknown }) =>
      this.#onMessage(message),
    );
    this.child.on('exit', (code, signal) => {
      release?.();
      this.#exit = { code, signal };
      this.#note(`host ended: code ${code}, signal ${signal}\n`);
      for (const { reject } of this.#calls.values())
        reject(new Error(`the host ended before it answered\n${this.log}`));
      this.#changed();
    });
    t.after(() => this.#clean(t));
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** All that the host and its workers printed, and the events in between. */
  get log(): string {
    return this.#log.join('');
  }

  /** Pids of all workers that were ever spawned. */
  get workerPids(): number[] {
    return [...this.#pids];
  }

  of(event: string): HostEvent[] {
    return this.events.filter((seen) => seen.event === event);
  }

  /** The first event of that name, past ones included, that satisfies the condition. */
  // biome-ignore lint/suspicious/noExplicitAny: see HostEvent.
  async event(name: string, condition: (...args: any[]) => boolean = () => true): Promise<any[]> {
    const find = (): HostEvent | undefined =>
      this.events.find((seen) => seen.event === name && condition(...seen.args));
    await this.until(() => find() !== undefined, `event '${name}'`);
    return find()?.args ?? [];
  }

  /** Waits until a condition on what is known of the host holds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#watchers.delete(check);
        reject(new Error(`waited ${DEADLINE} ms in vain for ${what}\n${this.log}`));
      }, DEADLINE);
      const check = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#watchers.delete(check);
        resolve();
      };
      this.#watchers.add(check);
    });
  }

  /** Waits until all workers are ready; returns `http://…` of the first address, or `https://…`. */
  async ready(): Promise<string> {
    await this.event('ready');
    const url = await this.url();
    return this.#tls ? url.replace('http:', 'https:') : url;
  }

  async url(): Promise<string> {
    const [address] = (await this.call('addresses')) as { address: string; port: number; family: string }[];
    if (!address) throw new Error('the host has no address');
    return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  }

  /** Calls a method of the Arbiter, or reads a property. Rejects when the host ends before it answers. */
  call(call: string, ...args: unknown[]): Promise<unknown> {
    const id = this.#calls.size + 1;
    const answer = new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.child.send({ id, call, args }, (error) => error && reject(error));
    });
    return inTime(answer, () => `the answer to '${call}'\n${this.log}`);
  }

  workers(): Promise<WorkerInfo[]> {
    return this.call('workers') as Promise<WorkerInfo[]>;
  }

  stats(): Promise<ArbiterStats> {
    return this.call('stats') as Promise<ArbiterStats>;
  }

  /** Waits until exactly so many requests are counted as finished; a worker may put that off for a moment. */
  async finished(requests: number): Promise<void> {
    let seen: number | undefined;
    await eventually(
      async () => {
        seen = (await this.stats()).totals.requests;
        return seen >= requests;
      },
      () => `${requests} finished requests, ${seen} seen`,
    );
    if (seen !== requests) throw new Error(`${seen} requests are counted, and ${requests} were sent`);
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  async exited(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    await this.until(() => this.#exit !== undefined, "the host's exit");
    return this.#exit as { code: number | null; signal: NodeJS.Signals | null };
  }

  #onMessage(message: HostEvent & { id?: number; value?: unknown; error?: unknown }): void {
    if (message.event !== undefined) {
      this.#note(`event ${message.event} ${JSON.stringify(message.args)}\n`);
      if (message.event === 'worker:spawn') this.#pids.add(message.args[0].pid);
      // Its pid may soon be another's.
      if (message.event === 'worker:exit') this.#ended.add(message.args[0].pid);
      this.events.push(message);
      this.#changed();
      return;
    }
    const waiting = this.#calls.get(message.id ?? 0);
    if (message.error !== undefined) waiting?.reject(Object.assign(new Error('the call was rejected'), message.error));
    else waiting?.resolve(message.value);
  }

  #note(text: string): void {
    this.#log.push(text);
    this.#changed();
  }

  #changed(): void {
    for (const check of [...this.#watchers]) check();
  }

  async #clean(t: TestContext): Promise<void> {
    // `passed` is known to hooks from Node 22 on; before, the runner prints the log through the error of `until`.
    if ((t as { passed?: boolean }).passed === false) console.error(`--- log of the host ${this.pid}\n${this.log}`);
    if (this.#exit === undefined) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
    for (const pid of this.#pids) if (!this.#ended.has(pid)) kill(pid);
  }
}
