/*
 * Clients do things in any order: connect, send in pieces, wait, pipeline, leave. In the end each client that stayed
 * has its whole answer, each request ran in its own context, and no place is lost.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { amount } from '../helpers/amount.js';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { chances } from '../helpers/chances.js';
import { assertUnharmed, atRest, CLASSES } from '../helpers/classes.js';
import { Gate, type Held } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

const CLIENTS = 120;
const SEEDS = amount({ suite: [1], long: [1, 2, 3, 4, 5, 6] });
const AT_ONCE = 30;
/** How many requests each of these hosts can serve at once, as far as this test asks. */
const PLACES = 2;
const OPTIONS: Readonly<Record<string, HostOptions>> = {
  sync: { workers: 2, requestBuffer: 5_000 },
  threaded: { workers: 1, threads: 2, requestBuffer: 5_000, keepAlive: 60_000 },
  async: { workers: 1, keepAlive: 60_000 },
};

interface Echo {
  readonly url: string;
  readonly found?: string;
  readonly kept: string;
  readonly bytes: number;
}

/** What one client does, and what it must have got. */
class Schedule {
  readonly #chance: () => number;
  readonly #name: string;

  constructor(name: string, chance: () => number) {
    this.#name = name;
    this.#chance = chance;
  }

  #one(below: number): number {
    return Math.floor(this.#chance() * below);
  }

  /** A request with the size of its body and its path. The last request of a connection says `close`. */
  #request(number: number, last: boolean): { bytes: string; body: number; path: string } {
    const path = `/${this.#one(5) === 0 ? 'early' : 'echo'}?n=${this.#name}.${number}&spin=${this.#one(3)}`;
    const body = this.#one(3) === 0 ? 0 : this.#one(4_000);
    const close = last ? 'Connection: close\r\n' : '';
    const head = `POST ${path} HTTP/1.1\r\nHost: test\r\n${close}Content-Length: ${body}\r\n\r\n`;
    return { bytes: head + 'x'.repeat(body), body, path };
  }

  async run(url: string, keeps: boolean): Promise<void> {
    const count = keeps ? 1 + this.#one(4) : 1;
    const requests = Array.from({ length: count }, (_, number) => this.#request(number, number === count - 1));
    const bytes = requests.map((request) => request.bytes).join('');
    const leaves = this.#one(5) === 0 ? this.#one(bytes.length) : Number.POSITIVE_INFINITY;
    const client = await ByteClient.connect(url);
    for (let at = 0; at < bytes.length; ) {
      const size = this.#one(4) === 0 ? bytes.length : 1 + this.#one(900);
      if (at + size > leaves) {
        if (this.#one(2) === 0) client.reset();
        else await client.finish().all();
        return;
      }
      client.send(bytes.slice(at, at + size));
      at += size;
      // Meanwhile another client is served, or the event loop just turns.
      if (this.#one(6) === 0) assert.equal((await get(`${url}/other`)).status, 200);
      else await new Promise(setImmediate);
    }
    this.#check(await client.all(), client.end, requests, keeps);
  }

  #check(received: string, end: string, requests: readonly { path: string; body: number }[], keeps: boolean): void {
    const answers = answersIn(received);
    const what = `${this.#name}: ${received.slice(0, 300)}`;
    // A thread may end a connection earlier; its last answer then says so. A client that sends without waiting, long
    // after its first answer, meets a reset if that answer was the last.
    if (answers.length > 1 || requests.length === 1) assert.notEqual(end, 'reset', what);
    const closed = answers.at(-1)?.headers.includes('connection: close');
    assert.ok(closed && answers.length >= 1 && answers.length <= requests.length, what);
    if (!keeps) assert.equal(answers.length, 1, what);
    for (const [index, { status, body }] of answers.entries()) {
      const { path, body: bytes } = requests[index] as { path: string; body: number };
      if (path.startsWith('/early')) {
        assert.deepEqual([status, body], [413, 'early'], what);
        continue;
      }
      const echo: Echo = JSON.parse(body);
      assert.deepEqual(
        [status, echo.url, echo.found, echo.kept, echo.bytes],
        [200, path, undefined, path, bytes],
        what,
      );
    }
  }
}

for (const workerClass of CLASSES) {
  for (const seed of SEEDS) {
    test(`schedules: whoever stays has its answer, ${workerClass}, seed ${seed}`, async (t) => {
      const gate = await Gate.open(t);
      const host = new Host(t, { workerClass, ...OPTIONS[workerClass], app: fixture('patience.js'), env: gate.env });
      const url = await host.ready();
      const chance = chances(seed);
      let next = 0;
      const some = async (): Promise<void> => {
        while (next < CLIENTS) await new Schedule(`c${next++}`, chance).run(url, workerClass !== 'sync');
      };
      await Promise.all(Array.from({ length: AT_ONCE }, some));
      await atRest(host);
      // No place is lost, since all can be taken in the end. They are taken one after another, since a request that
      // takes a place shuts the door behind it.
      const held: Held[] = [];
      while (held.length < PLACES) held.push(await gate.hold(`${url}/held`));
      for (const { arrival } of held) arrival.release();
      for (const { answer } of held) assert.equal((await answer).status, 200);
      assert.equal(host.of('worker:warning').length, 0, host.log);
      await assertUnharmed(host);
    });
  }
}
