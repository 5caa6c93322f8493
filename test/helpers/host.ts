import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ArbiterOptions, ArbiterStats, WorkerInfo } from 'prefork';
import { giveBack, keepsHosts, takeKept } from './kept.js';
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

/** The options of an Arbiter, as JSON can hold them. */
export type HostOptions = Omit<ArbiterOptions, 'app' | 'workerClass'> & { app?: unknown; workerClass?: unknown };

export interface HostSettings {
  /** Which fixture is the entry script. @defaultValue `'host.js'` */
  readonly entry?: string;
  /** The entry script as it is given to node, instead of a fixture. */
  readonly script?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly execPath?: string;
  readonly execArgv?: string[];
  /** Arguments of the entry script instead of the options. */
  readonly args?: string[];
  readonly cwd?: string;
  /** Whether the process of the host serves this test only, even in a file that keeps processes, see `keepHosts`. */
  readonly fresh?: boolean;
}

type FromHost = HostEvent & { id?: number; value?: unknown; error?: unknown };

/** The number of calls over all hosts, since a process that is kept may answer a call of the test before it late. */
let calls = 0;

/** A host process with an Arbiter in it. The test's end kills it and its workers, and a failed test prints its log. */
export class Host {
  readonly events: HostEvent[] = [];
  readonly child: ChildProcess;
  readonly #tls: boolean;
  /** For a process that may be one that is kept: what it must have been started with. */
  #kept: string | undefined;
  readonly #log: string[] = [];
  readonly #pids = new Set<number>();
  readonly #ended = new Set<number>();
  readonly #calls = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  readonly #watchers = new Set<() => void>();
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  /** What the host had counted when this test began. */
  #before: ArbiterStats['totals'] | undefined;
  /** How many requests are known to have finished, including those before this test. */
  #counted = 0;

  constructor(t: TestContext, options: HostOptions, settings: HostSettings = {}) {
    this.#tls = options.tls !== undefined;
    const all = { bind: '127.0.0.1:0', workers: 2, app: fixture('app.js'), ...options };
    this.#kept = keptFor(settings);
    const kept = this.#kept === undefined ? undefined : takeKept(this.#kept);
    this.child = kept ?? start(all, settings, this.#kept === undefined ? [] : ['kept']);
    // If the process has just ended, its `'exit'` tells that, so the error of the send is ignored.
    kept?.send({ start: all, env: environment(settings), cwd: settings.cwd ?? process.cwd() }, () => undefined);
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', this.#note);
    this.child.on('message', this.#onMessage).on('exit', this.#onExit);
    t.after(() => this.#clean(t));
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** All that the host and its workers printed, and the events in between. */
  get log(): string {
    return this.#log.join('');
  }

  /** Pids of all workers that were ever spawned, or were there when this test began. */
  get workerPids(): number[] {
    return [...new Set(this.of('worker:spawn').map(({ args }) => args[0].pid))];
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
    const id = ++calls;
    const answer = new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.child.send({ id, call, args }, (error) => error && reject(error));
    });
    return inTime(answer, () => `the answer to '${call}'\n${this.log}`);
  }

  workers(): Promise<WorkerInfo[]> {
    return this.call('workers') as Promise<WorkerInfo[]>;
  }

  async stats(): Promise<ArbiterStats> {
    const stats = (await this.call('stats')) as ArbiterStats;
    const before = this.#before;
    if (!before) return stats;
    const names = Object.keys(before) as (keyof typeof before)[];
    const since = names.map((name) => [name, stats.totals[name] - before[name]]);
    return { ...stats, totals: Object.fromEntries(since) };
  }

  /** Waits until exactly this number of requests is counted as finished; a worker may count one a moment late. */
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
    this.#counted = requests + (this.#before?.requests ?? 0);
  }

  /**
   * Prepares the host for the next test that shares it: what has happened is forgotten, as if the host had just booted
   * with the workers that it has now. Returns whether it has finished exactly the requests that {@link Host.finished}
   * was asked about.
   */
  async forget(): Promise<boolean> {
    const { totals, workers } = (await this.call('stats')) as ArbiterStats;
    const living = new Set(workers.map(({ pid }) => pid));
    const kept = this.events.filter(
      ({ event, args }) =>
        /^(?:listening|ready)$/.test(event) || (/^worker:(?:spawn|ready)$/.test(event) && living.has(args[0].pid)),
    );
    this.events.splice(0, this.events.length, ...kept);
    this.#log.length = 0;
    this.#before = totals;
    return totals.requests === this.#counted;
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  async exited(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    // Nothing but the channel keeps the process of a kept host alive, so it is told to leave.
    if (this.#kept !== undefined && this.child.connected) this.child.send({ leave: true }, () => undefined);
    this.#kept = undefined;
    await this.until(() => this.#exit !== undefined, "the host's exit");
    return this.#exit as { code: number | null; signal: NodeJS.Signals | null };
  }

  readonly #onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
    this.#exit = { code, signal };
    this.#note(`host ended: code ${code}, signal ${signal}\n`);
    for (const { reject } of this.#calls.values()) reject(new Error(`the host ended before it answered\n${this.log}`));
    this.#changed();
  };

  readonly #onMessage = (message: FromHost): void => {
    if (message.event !== undefined) {
      this.#note(`event ${message.event} ${JSON.stringify(message.args)}\n`);
      if (message.event === 'worker:spawn') this.#pids.add(message.args[0].pid);
      // The pid of a worker that has ended may soon belong to another process.
      if (message.event === 'worker:exit') this.#ended.add(message.args[0].pid);
      this.events.push(message);
      this.#changed();
      return;
    }
    const waiting = this.#calls.get(message.id ?? 0);
    this.#calls.delete(message.id ?? 0);
    if (message.error !== undefined) waiting?.reject(Object.assign(new Error('the call was rejected'), message.error));
    else waiting?.resolve(message.value);
  };

  readonly #note = (text: string): void => {
    this.#log.push(text);
    this.#changed();
  };

  #changed(): void {
    for (const check of [...this.#watchers]) check();
  }

  async #clean(t: TestContext): Promise<void> {
    // `passed` is known to hooks from Node 22 on; before, the runner prints the log through the error of `until`.
    if ((t as { passed?: boolean }).passed === false) console.error(`--- log of the host ${this.pid}\n${this.log}`);
    this.child.off('message', this.#onMessage);
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.off('data', this.#note);
    if (this.#kept !== undefined && (await giveBack(this.child, this.#kept))) {
      this.child.off('exit', this.#onExit);
      // No answer to these calls comes any more, and a pending one would keep the process of the tests alive.
      for (const { reject } of this.#calls.values()) reject(new Error('the test is over'));
      return;
    }
    if (this.#exit === undefined) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
    for (const pid of this.#pids) if (!this.#ended.has(pid)) kill(pid);
  }
}

function start(options: object, settings: HostSettings, more: readonly string[]): ChildProcess {
  const args = settings.args ?? [JSON.stringify(options), ...more];
  const child = fork(settings.script ?? fixture(settings.entry ?? 'host.js'), args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A session, and so a process group, of its own: without a controlling terminal, as in a service.
    detached: true,
    execArgv: settings.execArgv ?? [],
    env: environment(settings),
    ...(settings.execPath && { execPath: settings.execPath }),
    ...(settings.cwd && { cwd: settings.cwd }),
  });
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8');
  if (child.pid !== undefined) child.once('exit', watchOver(child.pid));
  return child;
}

function environment(settings: HostSettings): NodeJS.ProcessEnv {
  return { ...PACE, ...process.env, ...settings.env };
}

/** What a kept process must have been started with to run this host; undefined where the host needs a new process. */
function keptFor({ entry, script, args, execPath, fresh, env, execArgv }: HostSettings): string | undefined {
  if (!keepsHosts() || fresh || (entry ?? script ?? args ?? execPath) !== undefined) return undefined;
  // All other variables can be changed later in a kept process, since nothing has read them yet.
  const fixed = Object.entries(env ?? {}).filter(([name]) => /^(?:DEBUG|NODE_|PREFORK_)/.test(name));
  return JSON.stringify([fixed, execArgv]);
}
