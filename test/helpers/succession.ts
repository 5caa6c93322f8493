import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ArbiterStats } from 'prefork';
import { fixture, type HostOptions } from './host.js';
import { PACE } from './pace.js';
import { temporaryFolder } from './place.js';
import { alive, allPids, type Child, commandOf, gone } from './process.js';
import { Program } from './program.js';
import { DEADLINE, eventually } from './wait.js';

/** An event that a host has printed. */
export interface Said {
  readonly pid: number;
  /** The name of the Arbiter. */
  readonly name?: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read payloads of every event.
  readonly args: any[];
}

/** How the script of the hosts to come behaves, see the fixture `succession-host`. */
export type Deployed =
  | ''
  | 'throws'
  | 'exits'
  | 'hangs'
  | 'omits'
  | 'binds'
  | 'moves'
  | 'adds'
  | 'precedes'
  | 'ends'
  | 'ends at INT';

export interface SuccessionSettings {
  readonly env?: NodeJS.ProcessEnv;
  /** The program and its arguments; the options are added. @defaultValue node and the fixture */
  readonly command?: readonly string[];
  readonly cwd?: string;
  /** The descriptors that the first host gets, from 3 on. */
  readonly descriptors?: readonly number[];
}

/**
 * A host and all hosts that succeed it by upgrades. The hosts are in one process group, which is killed at the end of
 * the test. Their workers and guards are not in it, and end with the hosts. All these processes have a folder in their
 * PATH that no other process has, so a test can see which are left.
 */
export class Succession {
  readonly said: Said[] = [];
  readonly program: Program;
  readonly #mark: string;
  readonly #deployed: string;
  readonly #controls: Map<number, Socket>;
  #calls = 0;
  #rest = '';

  private constructor(program: Program, mark: string, controls: Map<number, Socket>) {
    this.program = program;
    this.#mark = mark;
    this.#deployed = join(mark, 'deployed');
    this.#controls = controls;
    program.child.stdout?.on('data', (text: string) => this.#read(text));
  }

  static async start(
    t: TestContext,
    arbiters: readonly HostOptions[],
    { env, command, cwd, descriptors = [] }: SuccessionSettings = {},
  ): Promise<Succession> {
    const controls = new Map<number, Socket>();
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (pid) => controls.set(Number(pid), socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.close();
      for (const socket of controls.values()) socket.destroy();
    });
    const mark = temporaryFolder(t);
    const deployed = join(mark, 'deployed');
    writeFileSync(deployed, '');
    const defaults = { bind: '127.0.0.1:0', workers: 2, app: fixture('deploy.js') };
    const options = JSON.stringify({ arbiters: arbiters.map((own) => ({ ...defaults, ...own })), deployed });
    const [file = '', ...args] = command ?? [process.execPath, fixture('succession-host.js')];
    const program = new Program(t, file, [...args, options], {
      env: {
        ...{ ...PACE, ...process.env, ...env, CONTROL: String((server.address() as AddressInfo).port) },
        // PATH is the only variable that a guard has.
        PATH: `${process.env['PATH']}:${mark}`,
      },
      stdio: ['ignore', 'pipe', 'pipe', ...descriptors],
      ...(cwd && { cwd }),
    });
    const succession = new Succession(program, mark, controls);
    t.after(() => {
      if ((t as { passed?: boolean }).passed === false) console.error(`--- output of the hosts\n${program.output}`);
    });
    return succession;
  }

  /** The pids of all hosts that have started, in order. */
  get hosts(): number[] {
    return this.said.filter(({ event }) => event === 'host').map(({ pid }) => pid);
  }

  get newest(): number {
    return this.hosts.at(-1) as number;
  }

  get output(): string {
    return this.program.output;
  }

  deploy(code: Deployed): void {
    writeFileSync(this.#deployed, code);
  }

  of(event: string, pid?: number): Said[] {
    return this.said.filter((said) => said.event === event && (pid === undefined || said.pid === pid));
  }

  /** Waits until a host has reported an event this many times; returns the last of these. */
  async event(event: string, pid: number, count = 1): Promise<Said> {
    await this.until(() => this.of(event, pid).length >= count, `'${event}' of ${pid}, ${count} times`);
    return this.of(event, pid)[count - 1] as Said;
  }

  async until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
    await eventually(holds, () => `${what}\n${this.output}`);
  }

  /** Waits until the first host serves; returns its pid. */
  async ready(arbiters = 1): Promise<number> {
    await this.until(() => this.hosts.length > 0, 'a host');
    await this.event('ready', this.newest, arbiters);
    return this.newest;
  }

  /** Calls a method of an Arbiter of a host, or reads a property. */
  // biome-ignore lint/suspicious/noExplicitAny: of every member.
  async call(pid: number, call: string, args: readonly unknown[] = [], index = 0, limit = DEADLINE): Promise<any> {
    const id = ++this.#calls;
    await this.until(() => this.#controls.has(pid), `the control of ${pid}`);
    this.#controls.get(pid)?.write(`${JSON.stringify({ id, index, call, args })}\n`);
    const find = (): Said | undefined => this.of('answer', pid).find((said) => said.args[0] === id);
    await eventually(
      () => find() !== undefined,
      () => `the answer to '${call}' of ${pid}\n${this.output}`,
      limit,
    );
    const [, value, error] = find()?.args ?? [];
    if (error) throw Object.assign(new Error(error.message), error);
    return value;
  }

  stats(pid: number): Promise<ArbiterStats> {
    return this.call(pid, 'stats');
  }

  async url(pid: number, index = 0): Promise<string> {
    const [{ address, port }] = await this.call(pid, 'addresses', [], index);
    return `http://${address}:${port}`;
  }

  /** USR2 to a host; resolves with the pid of its successor when that serves. */
  async upgrade(pid: number): Promise<number> {
    const count = this.of('upgrade', pid).length;
    process.kill(pid, 'SIGUSR2');
    return (await this.event('upgrade', pid, count + 1)).args[0];
  }

  /** TERM, or another signal, to a host; resolves when it has ended. */
  async end(pid: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    process.kill(pid, signal);
    await gone(pid);
  }

  /** All processes of these hosts that run. */
  living(): Child[] {
    return allPids()
      .filter((pid) => this.#owns(pid) && alive(pid))
      .map((pid) => ({ pid, command: commandOf(pid) }));
  }

  #owns(pid: number): boolean {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`:${this.#mark}\0`);
    } catch {
      // It has ended.
      return false;
    }
  }

  /** Waits until no process is left. */
  async extinct(): Promise<void> {
    await eventually(
      () => this.living().length === 0,
      () => `the end of ${JSON.stringify(this.living())}\n${this.output}`,
    );
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() as string;
    for (const line of lines) if (line.startsWith('{"pid":')) this.said.push(JSON.parse(line));
  }
}
