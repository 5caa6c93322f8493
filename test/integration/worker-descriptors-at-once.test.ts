import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ArbiterOptions } from 'prefork';
import { classes } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { limitedNode } from '../helpers/limited-node.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { passing } from '../helpers/passing.js';
import { eventually } from '../helpers/wait.js';

/*
 * A worker whose application takes all file descriptors in one moment. Until the worker checks the next time, libuv
 * closes each connection that it accepts, and with it all others that wait; the guide says when there is such a time.
 */

const linuxOnly = { skip: process.platform !== 'linux' && 'the limit is found in /proc' };
const CLIENTS = 10;
/** For how long all descriptors are gone: the worker checks several times meanwhile. Milliseconds. */
const TAKEN = 1_500;

function taking(t: TestContext, options: Partial<ArbiterOptions>, env: NodeJS.ProcessEnv = {}): Host {
  const all = { app: fixture('takes-descriptors.js'), workers: 2, ...options };
  return new Host(t, all, { execPath: limitedNode(t, 250), env });
}

/** Clients that ask again and again, each on a connection of its own. */
class Crowd {
  /** How often each client has been reset. */
  readonly lost: number[] = new Array(CLIENTS).fill(0);
  answered = 0;
  #over = false;
  readonly #clients: Promise<void>[];

  /**
   * @param pause - Milliseconds that each client waits after each of its requests, and each one a little longer than
   * the one before.
   */
  constructor(url: string, pause = 0) {
    this.#clients = this.lost.map((_, index) => this.#ask(url, index, pause + index));
  }

  async #ask(url: string, index: number, pause: number): Promise<void> {
    while (!this.#over) {
      const answered = await get(`${url}/`).then(
        () => true,
        ({ code }) => code !== 'ECONNRESET',
      );
      if (answered) this.answered++;
      else this.lost[index] = (this.lost[index] ?? 0) + 1;
      await delay(pause);
    }
  }

  /** Waits until so many more requests have been answered. */
  async more(count: number): Promise<void> {
    const goal = this.answered + count;
    await eventually(
      () => this.answered >= goal,
      () => `${goal} answers: ${this.answered}, and ${this.lost} lost`,
    );
  }

  async end(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#clients);
  }
}

/** The moments of a handler at which the worker notices the loss before it accepts anybody else. */
const SEEN: Readonly<Record<string, readonly string[]>> = {
  sync: ['at-once', 'with-the-answer', 'in-between'],
  async: ['at-once', 'with-the-answer'],
};

for (const { name, options } of classes()) {
  test(`worker_descriptors: what a handler takes loses nobody, again and again: ${name}`, {
    skip: linuxOnly.skip || (SEEN[name] === undefined && 'other threads accept meanwhile'),
  }, async (t) => {
    const host = taking(t, options);
    const url = await host.ready();
    const crowd = new Crowd(url);
    for (const moment of SEEN[name] ?? []) {
      for (let round = 0; round < 4; round++) {
        await get(`${url}/take/${moment}/100`);
        await crowd.more(3 * CLIENTS);
      }
    }
    await crowd.end();
    assert.deepEqual(crowd.lost, new Array(CLIENTS).fill(0));
    await host.event('worker:error');
  });

  test(
    `worker_descriptors: what is taken behind its back loses those who wait in one moment, and no more: ${name}`,
    linuxOnly,
    async (t) => {
      const gate = await createLoadGate(t);
      gate.open();
      const host = taking(t, options, { LOAD_GATE: gate.env.GATE });
      const url = await host.ready();
      // No replacement loads from now on: a worker that has told once does the same each time.
      gate.close();
      // If the moment lasted too long, each client would meet it several times.
      const crowd = new Crowd(url, 20);
      const rounds = 2;
      for (let round = 0; round < rounds; round++) {
        await get(`${url}/take/background/${TAKEN}`);
        // The next round finds that they have been given back.
        await passing(host, TAKEN);
        await crowd.more(3 * CLIENTS);
      }
      await crowd.end();
      gate.open();
      const most = rounds * (options.threads ?? 1);
      assert.ok(
        crowd.lost.every((lost) => lost <= most),
        `${crowd.lost} of ${crowd.answered}, at most ${most} each`,
      );
      await host.event('worker:error');
    },
  );
}

for (const { name, options } of classes()) {
  test(
    `worker_descriptors: in the last call, one without any leaves those who wait to its sibling: ${name}`,
    linuxOnly,
    async (t) => {
      const gate = await Gate.open(t);
      const load = await createLoadGate(t);
      load.open();
      // A single thread, or a single connection of the async worker, so that one request keeps a worker from accepting.
      const single = { sync: {}, threaded: { threads: 1 }, async: { workerConnections: 1 } }[name];
      const host = taking(t, { ...options, ...single, drainDelay: 0 }, { ...gate.env, LOAD_GATE: load.env.GATE });
      const url = await host.ready();
      load.close();
      const taken = Number((await get(`${url}/take/and-keeps-on/0`)).body);
      await host.event('worker:error');
      const { arrival, answer } = await gate.hold(`${url}/gated`);
      assert.notEqual(arrival.pid, taken);
      const waiting = Array.from({ length: CLIENTS }, () => get(`${url}/`));
      await eventually(() => load.waiting > 0, 'the replacement');
      host.kill('SIGTERM');
      await host.event('stop');
      await arrival.settle();
      arrival.release();
      const answers = await Promise.all([answer, ...waiting]);
      assert.deepEqual(new Set(answers.map(({ body }) => Number.parseInt(body, 10))), new Set([arrival.pid]));
      assert.deepEqual(await host.exited(), { code: 0, signal: null });
    },
  );
}
