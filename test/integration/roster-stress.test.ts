import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { ArbiterOptions, WorkerInfo } from 'prefork';
import { amount } from '../helpers/amount.js';
import { Gate } from '../helpers/gate.js';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate, type LoadGate } from '../helpers/load-gate.js';
import { RosterHost } from '../helpers/roster.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

interface Shape {
  readonly options: Partial<ArbiterOptions>;
  /** Of each worker. */
  readonly acceptors: number;
  /**
   * How many workers are killed at once. The same ones are not killed again soon, since their substitutes would come
   * late.
   */
  readonly victims: number;
}

const SHAPES: Readonly<Record<string, Shape>> = {
  'sync workers': { options: { workers: 6 }, acceptors: 1, victims: 3 },
  threads: { options: { workers: 2, workerClass: 'threaded', threads: 3 }, acceptors: 3, victims: 1 },
};

/** Rounds of clients that come and go: beside a change, and without one. */
const ROUNDS = amount({ suite: { alone: 40, beside: 12 }, long: { alone: 100, beside: 20 } });

/** 0 to n - 1. */
const random = (n: number): number => Math.floor(Math.random() * n);

/**
 * Clients whose requests last until the test ends them. There are never more clients than acceptors, so an idle
 * acceptor has to take each of them at once. Meanwhile no acceptor checks the queue by itself, so a client that is
 * forgotten stays forgotten.
 */
class Stress {
  /** How many workers there should be. */
  #workers: number;
  readonly #host: RosterHost;
  readonly #gate: Gate;
  readonly #loading: LoadGate;
  readonly #url: string;
  readonly #shape: Shape;
  /** Requests that the test has not ended, by path; below, the answers of those that it has ended. */
  readonly #open = new Map<string, Promise<void>>();
  readonly #ending: Promise<void>[] = [];
  #clients = 0;
  #broken = 0;

  private constructor(host: RosterHost, gates: [Gate, LoadGate], url: string, shape: Shape) {
    this.#host = host;
    [this.#gate, this.#loading] = gates;
    this.#url = url;
    this.#shape = shape;
    this.#workers = shape.options.workers as number;
  }

  static async start(t: TestContext, shape: Shape): Promise<Stress> {
    const [gate, loading] = [await Gate.open(t), await createLoadGate(t)];
    loading.open();
    const env = { ...gate.env, LOAD_GATE: loading.env.GATE, PREFORK_ROSTER: 'force' };
    const host = new RosterHost(t, { ...shape.options, app: fixture('gated-after-load.js') }, env);
    return new Stress(host, [gate, loading], await host.ready(), shape);
  }

  /** Waits until all requests have ended, no worker boots, and all acceptors are on the roster. */
  async settle(): Promise<void> {
    for (const path of this.#open.keys()) this.#end(path);
    await Promise.all(this.#ending);
    await this.#host.until(() => this.#ready().length === this.#workers, `${this.#workers} workers`);
    await this.#host.settle(this.#workers * this.#shape.acceptors);
  }

  /** Has clients come and go; `workers` of the workers are not about to end. */
  async load(rounds: number, workers = this.#workers): Promise<void> {
    const limit = workers * this.#shape.acceptors;
    for (let round = 0; round < rounds; round++) {
      const count = [0, limit, random(limit + 1)][random(3)] as number;
      // Sometimes the next clients come only when all those that were to go have gone.
      while (this.#open.size > count) this.#end([...this.#open.keys()][random(this.#open.size)] as string);
      if (random(2) === 0) await Promise.all(this.#ending.splice(0));
      while (this.#open.size < count) this.#come();
      const left = (): string[] => [...this.#open.keys()].filter((path) => !this.#arrived(path));
      await eventually(() => left().length === 0, `a worker for one of ${this.#open.size} clients`);
    }
  }

  /** Kills some workers under load. Their substitutes load only after it. */
  async kill(): Promise<void> {
    this.#loading.close();
    const victims = this.#ready().slice(0, this.#shape.victims);
    const left = this.#workers - victims.length;
    const load = this.load(ROUNDS.beside * 2, left);
    for (const { pid } of victims) {
      const clients = this.#clients + random(4);
      await eventually(() => this.#clients > clients, 'the next client');
      process.kill(pid as number, 'SIGKILL');
    }
    await load;
    assert.ok(this.#broken <= 2 * victims.length * this.#shape.acceptors, `${this.#broken} connections broke`);
    this.#broken = 0;
    this.#loading.open();
  }

  /** One worker more or less, under load. */
  async scale(signal: 'SIGTTIN' | 'SIGTTOU'): Promise<void> {
    const workers = this.#workers;
    this.#workers += signal === 'SIGTTIN' ? 1 : -1;
    const load = this.load(ROUNDS.beside, Math.min(workers, this.#workers));
    this.#host.kill(signal);
    await load;
    await this.#host.event('scale', (to) => to === this.#workers);
    assert.equal(this.#broken, 0);
  }

  #come(): void {
    const path = `/${++this.#clients}`;
    const answer = get(`${this.#url}${path}`).then(
      ({ status }) => assert.equal(status, 200),
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNRESET') throw error;
        this.#open.delete(path);
        this.#broken++;
      },
    );
    this.#open.set(path, answer);
  }

  #end(path: string): void {
    this.#ending.push(this.#open.get(path) as Promise<void>);
    this.#open.delete(path);
    this.#arrived(path)?.release();
  }

  #arrived(path: string): Gate['arrivals'][number] | undefined {
    return this.#gate.arrivals.find(({ url }) => url === path);
  }

  /** The workers that serve, oldest first. */
  #ready(): WorkerInfo[] {
    const ended = new Set(this.#host.of('worker:exit').map(({ args }) => args[0].age));
    return this.#host
      .of('worker:ready')
      .map(({ args }) => args[0] as WorkerInfo)
      .filter(({ age }) => !ended.has(age))
      .sort((a, b) => a.age - b.age);
  }
}

for (const [name, shape] of Object.entries(SHAPES)) {
  test(`roster_finds_no_lost_wakeup: ${name}`, {
    skip: process.platform !== 'linux' && 'it looks into /proc',
  }, async (t) => {
    const stress = await Stress.start(t, shape);
    for (const act of ['load', 'kill', 'SIGTTIN', 'kill', 'SIGTTOU', 'load'] as const) {
      await stress.settle();
      if (act === 'load') await stress.load(ROUNDS.alone);
      else if (act === 'kill') await stress.kill();
      else await stress.scale(act);
    }
    await stress.settle();
  });
}
