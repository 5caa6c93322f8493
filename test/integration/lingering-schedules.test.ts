/*
 * Uploading clients do things in any order: send in pieces, wait, break the rules, stop reading, go on behind the
 * answer, leave. In the end each client that stayed has its whole answer, and none was reset before that. The bytes of
 * one request are never another's, and nothing is left of any request.
 */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { BuiltInClass } from 'prefork';
import { amount } from '../helpers/amount.js';
import { answersIn, type WireAnswer } from '../helpers/byte-client.js';
import { type Certificate, certificate, noCertificates } from '../helpers/certificate.js';
import { chances } from '../helpers/chances.js';
import { atRest, CLASSES } from '../helpers/classes.js';
import { openSockets } from '../helpers/descriptors.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { StubbornClient } from '../helpers/stubborn-client.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const CLIENTS = amount({ suite: 48, long: 150 });
const SEEDS = amount({ suite: [1], long: [1, 2, 3, 5, 6, 7, 8] });
const AT_ONCE = 24;
/** A request holds a place once so much of its body has come. */
const BUFFER = 100_000;
const OPTIONS: Readonly<Record<BuiltInClass, HostOptions>> = {
  sync: { workers: 2, requestBuffer: BUFFER },
  // A handler that has read a part of the body leaves the rest until its keep-alive connection ends.
  threaded: { workers: 1, threads: 2, requestBuffer: BUFFER, keepAlive: 1_000 },
  async: { workers: 1, keepAlive: 1_000 },
};

const STATUS = { now: 413, throws: 500, first: 413, part: 413, reads: 413, all: 200 } as const;
type Kind = keyof typeof STATUS;
/** `endless`: the client sends until the answer is there, and goes on. */
type Framing = 'length' | 'chunks' | 'endless length' | 'endless chunks';
/**
 * What is wrong with the request. The client may end its side in the middle of the body. It may send more than it said,
 * or bytes behind the body that are no request. Or it may send a chunk that is none.
 */
type Fault = 'none' | 'short' | 'long' | 'nonsense' | 'bad chunk';
/** When the client reads: always, only after it has sent everything, or with a break. */
type Reads = 'always' | 'last' | 'breaks';
type Leaves = 'never' | 'reset' | 'end';

class Upload {
  readonly #chance: () => number;
  readonly #name: string;
  readonly #kind: Kind;
  readonly #version: '1.0' | '1.1';
  readonly #closes: boolean;
  readonly #framing: Framing;
  readonly #fault: Fault;
  readonly #expects: boolean;
  readonly #reads: Reads;
  readonly #leaves: Leaves;
  readonly #bytes: number;
  readonly #length: number;
  readonly #byte: number;
  readonly #workerClass: BuiltInClass;
  readonly #url: string;
  readonly #ca: string | undefined;
  #sent = 0;

  constructor(number: number, chance: () => number, workerClass: BuiltInClass, url: string, ca?: string) {
    this.#workerClass = workerClass;
    this.#chance = chance;
    this.#url = url;
    this.#ca = ca;
    this.#name = `c${number}.`;
    this.#byte = 97 + (number % 26);
    this.#kind = this.#of(['now', 'throws', 'first', 'part', 'reads', 'all']);
    this.#version = this.#of(['1.0', '1.1', '1.1', '1.1']);
    this.#closes = this.#below(2) === 0;
    this.#bytes = this.#of([0, this.#below(1_000), this.#below(BUFFER), this.#below(3_000_000)]);
    this.#fault =
      this.#bytes > 0 ? this.#of(['none', 'none', 'none', 'short', 'long', 'nonsense', 'bad chunk']) : 'none';
    this.#framing = this.#frame();
    this.#expects = this.#version === '1.1' && this.#below(5) === 0;
    const endless = this.#framing.startsWith('endless');
    this.#reads = endless || this.#expects ? 'always' : this.#of(['always', 'last', 'breaks']);
    this.#leaves = this.#of(['never', 'never', 'never', 'reset', 'end']);
    this.#length = this.#of([0, 0, this.#below(300_000)]);
  }

  #below(limit: number): number {
    return Math.floor(this.#chance() * limit);
  }

  #of<T>(some: readonly T[]): T {
    return some[this.#below(some.length)] as T;
  }

  #frame(): Framing {
    if (this.#fault === 'bad chunk') return this.#version === '1.0' ? 'length' : 'chunks';
    if (this.#version === '1.0') return 'length';
    if (this.#kind === 'all' || this.#fault !== 'none' || this.#bytes === 0) return this.#of(['length', 'chunks']);
    return this.#of(['length', 'chunks', 'endless length', 'endless chunks']);
  }

  get #chunked(): boolean {
    return this.#framing.endsWith('chunks');
  }

  async run(): Promise<void> {
    const client = await StubbornClient.connect(this.#url, this.#ca);
    if (this.#reads === 'always') client.read();
    await client.send(this.#head());
    if (this.#expects) await client.until((received) => received !== '');
    const left = await this.#body(client);
    if (left) return this.#checkLeft(client);
    await this.#rest(client);
    client.read();
    // If the server keeps the connection, the client ends it.
    await client.until(() => this.#answers(client).length > 0);
    if (this.#isKept(client)) client.finish();
    await client.until(() => false);
    client.finish();
    await client.over();
    this.#check(client);
  }

  #head(): string {
    const path = `/${this.#kind}?n=${this.#name}&byte=${this.#byte}&part=${this.#below(50_000)}&length=${this.#length}`;
    const length = this.#framing === 'endless length' ? 2 ** 40 : this.#bytes;
    return [
      `POST ${path} HTTP/${this.#version}`,
      'Host: test',
      ...(this.#closes ? ['Connection: close'] : []),
      ...(this.#expects ? ['Expect: 100-continue'] : []),
      this.#chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`,
      '\r\n',
    ].join('\r\n');
  }

  /** Returns whether the client has left. */
  async #body(client: StubbornClient): Promise<boolean> {
    const endless = this.#framing.startsWith('endless');
    const total = endless ? Number.POSITIVE_INFINITY : this.#bytes - (this.#fault === 'short' ? 1 : 0);
    const leavesAt = this.#leaves === 'never' ? Number.POSITIVE_INFINITY : this.#below(this.#bytes);
    const breaksAt = this.#below(this.#bytes);
    // After the answer, a client with an endless body goes on for a while.
    let more = this.#below(20);
    while (this.#sent < total && !client.isOver) {
      const size = Math.min(total - this.#sent, 1 + this.#below(this.#of([1_000, 100_000])));
      if (this.#sent + size > leavesAt) {
        if (this.#leaves === 'reset') client.leave();
        else client.finish();
        return true;
      }
      if (this.#reads === 'breaks') this.#sent > breaksAt ? client.read() : client.stopReading();
      await client.send(this.#piece(size));
      this.#sent += size;
      if (endless && this.#answers(client).length > 0 && more-- === 0) break;
      await this.#pause(client);
    }
    return false;
  }

  #piece(size: number): Buffer {
    const bytes = Buffer.alloc(size, this.#byte);
    return this.#chunked ? Buffer.concat([Buffer.from(`${size.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]) : bytes;
  }

  /** Sends the end of the body, and what is wrong with it. */
  async #rest(client: StubbornClient): Promise<void> {
    const endless = this.#framing.startsWith('endless');
    if (this.#fault === 'short' || endless) {
      client.finish();
      return;
    }
    if (this.#fault === 'bad chunk' && this.#chunked)
      await client.send(`no chunk\r\n${'x'.repeat(this.#below(300_000))}`);
    else if (this.#chunked) await client.send('0\r\n\r\n');
    if (this.#fault === 'long') await client.send(Buffer.alloc(1 + this.#below(300_000), this.#byte));
    if (this.#fault === 'nonsense') await client.send(`no request\r\n\r\n${'x'.repeat(this.#below(300_000))}`);
  }

  /**
   * Meanwhile another client is served, or the event loop just turns. A client that may hold a place must not wait for
   * another one.
   */
  async #pause(client: StubbornClient): Promise<void> {
    const free = this.#sent < BUFFER / 2 || this.#answers(client).length > 0;
    if (free && this.#below(12) === 0) assert.equal((await get(`${this.#url}/other`, this.#ca)).status, 200);
    else if (this.#below(2) === 0) await new Promise(setImmediate);
  }

  /** The answers that are whole. */
  #answers({ received }: StubbornClient): WireAnswer[] {
    const answers = received === '' || !received.includes('\r\n\r\n') ? [] : answersIn(received);
    return answers.filter(({ status, headers, body }) => {
      const length = headers.find((line) => line.startsWith('content-length: '))?.slice(16);
      return status >= 200 && (length === undefined || body.length === Number(length));
    });
  }

  #isKept(client: StubbornClient): boolean {
    return !this.#answers(client).at(-1)?.headers.includes('connection: close');
  }

  #checkOne({ status, body }: WireAnswer, what: string): void {
    assert.equal(status, STATUS[this.#kind], what);
    if (this.#kind === 'throws') return;
    const { name, kept, found, bytes } = JSON.parse(body.slice(0, body.indexOf('\n')));
    assert.deepEqual([name, kept, found], [this.#name, this.#name, undefined], what);
    assert.equal(body, body.slice(0, body.indexOf('\n') + 1).padEnd(this.#length, this.#name), what);
    assert.ok(bytes <= this.#sent, what);
    if (this.#kind === 'all') assert.equal(bytes, this.#sent, what);
  }

  /** For a client that has left: each answer that it has received is its own. */
  async #checkLeft(client: StubbornClient): Promise<void> {
    if (this.#leaves === 'end') {
      client.read();
      await client.over();
    }
    for (const answer of this.#answers(client)) if (answer.status !== 400) this.#checkOne(answer, `${this} ${client}`);
  }

  #check(client: StubbornClient): void {
    const what = `${this} ${client}`;
    const answers = this.#answers(client);
    // After a whole request that took less than a millisecond, the connection ends at once. What the client sends
    // behind the request is its own risk.
    const isBehind = this.#fault === 'long' || this.#fault === 'nonsense';
    const isRisky = isBehind && (this.#workerClass !== 'async' || this.#closes || this.#version === '1.0');
    if (!isRisky) assert.equal(client.error, undefined, what);
    else if (answers.length === 0) return;
    const [first, second] = answers;
    assert.ok(first && answers.length <= 2, what);
    const broken = this.#fault !== 'none' && (this.#fault !== 'bad chunk' || this.#chunked);
    // The server says 400 instead of the answer. If the answer was not to the broken part, it says so behind the
    // answer.
    const bodyIsBroken = this.#fault === 'short' || (this.#fault === 'bad chunk' && this.#chunked);
    if (first.status === 400 && broken) assert.equal(answers.length, 1, what);
    else this.#checkOne(first, what);
    if (second) assert.deepEqual([broken && !bodyIsBroken, second.status], [true, 400], what);
    assert.ok(client.received.endsWith(answers.at(-1)?.body ?? ''), what);
  }

  toString(): string {
    const parts = [this.#name, this.#kind, this.#version, this.#closes ? 'close' : 'keep', this.#framing, this.#fault];
    return [...parts, this.#expects ? 'expects' : '', this.#reads, this.#leaves, this.#bytes, this.#sent].join(' ');
  }
}

async function run(t: TestContext, workerClass: BuiltInClass, seed: number, pair?: Certificate): Promise<void> {
  const tls = pair && { tls: { cert: pair.cert, key: pair.key } };
  const host = new Host(t, { workerClass, ...OPTIONS[workerClass], ...tls, app: fixture('takes-uploads.js') });
  const url = await host.ready();
  for (let count = 0; count < 4; count++) await get(`${url}/first`, pair?.cert);
  await atRest(host);
  const sockets = (): number[] => host.workerPids.map(openSockets);
  const before = sockets();
  const chance = chances(seed);
  let next = 0;
  const wrong: string[] = [];
  const some = async (): Promise<void> => {
    while (next < CLIENTS) {
      const upload = new Upload(next++, chance, workerClass, url, pair?.cert);
      await upload.run().catch(({ message }: Error) => wrong.push(message));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
  assert.deepEqual(wrong, []);
  await atRest(host);
  // A socket of the first requests may still have been about to close when the sockets were counted.
  await eventually(
    () => sockets().every((count, index) => count <= (before[index] as number)),
    () => `sockets as before, ${before}: ${sockets()}`,
  );
  assert.equal((await get(`${url}/last`, pair?.cert)).status, 200);
  assert.doesNotMatch(host.log, /foreign/);
  const harm = ['worker:warning', 'worker:error', 'worker:exit', 'thread:exit'].flatMap((name) => host.of(name));
  assert.deepEqual(harm, [], host.log);
}

for (const workerClass of CLASSES) {
  for (const seed of SEEDS) {
    test(`uploads in any order: who stays has its answer, ${workerClass}, seed ${seed}`, async (t) => {
      await run(t, workerClass, seed);
    });
  }

  test(`uploads in any order: with TLS, ${workerClass}`, { skip: noCertificates }, async (t) => {
    await run(t, workerClass, 4, certificate());
  });
}
