import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { Address } from './address.js';
import { answersIn } from './byte-client.js';
import { DEADLINE, eventually } from './wait.js';

/**
 * What became of a client: it got its answer, could not connect, lost its connection without an answer, or waited in
 * vain until the deadline.
 */
export type Outcome = 'answered' | 'refused' | 'reset' | 'hung';

/** How many clients are started in one turn of the loop, and how many may be under way, at most. */
const MOST_AT_ONCE = 20;
const MOST_OPEN = 500;

export function where(address: Address): NetConnectOpts {
  return typeof address === 'string' ? { path: address } : { host: address.address, port: address.port };
}

/**
 * Waits until nothing listens there any more. It tries to connect again and again; a connection that succeeds is
 * dropped without a request.
 */
export async function untilRefused(to: NetConnectOpts): Promise<void> {
  await eventually(async () => {
    const socket = connect(to);
    const refused = await once(socket, 'connect').then(
      () => false,
      () => true,
    );
    socket.destroy();
    return refused;
  }, 'a socket that is gone');
}

/** Clients that connect, send one request, and want an answer. Every client is counted. */
export class Connector {
  readonly counts: Record<Outcome, number> = { answered: 0, refused: 0, reset: 0, hung: 0 };
  /** What the clients that got no answer saw. */
  readonly failures: string[] = [];
  readonly #to: NetConnectOpts;
  readonly #path: string;
  readonly #open = new Set<Socket>();
  readonly #all: Promise<Outcome>[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(t: TestContext, to: NetConnectOpts, path = '/') {
    this.#to = to;
    this.#path = path;
    t.after(() => {
      this.stop();
      for (const socket of this.#open) socket.destroy();
    });
  }

  /** Starts one client. Resolves when it is connected (accepted, or in the accept queue), or could not be. */
  connect(): Promise<void> {
    return new Promise((resolve) => {
      this.#all.push(this.#run(resolve));
    });
  }

  /**
   * Starts this many clients per second from now on, as evenly as timers allow; fewer where the machine cannot serve
   * them. Delays are not made up for: otherwise this process would do nothing else, and would not hear when to stop.
   */
  begin(perSecond: number): void {
    let last = performance.now();
    let due = 0;
    this.#timer = setInterval(() => {
      const now = performance.now();
      due = Math.min(due + ((now - last) / 1_000) * perSecond, MOST_AT_ONCE, MOST_OPEN - this.#open.size);
      last = now;
      for (; due >= 1; due--) void this.connect();
    }, 1);
  }

  /** Starts no further clients. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Resolves when the outcome of each client is known. */
  async ended(): Promise<Record<Outcome, number>> {
    await Promise.all(this.#all);
    return this.counts;
  }

  async #run(onConnected: () => void): Promise<Outcome> {
    const outcome = await this.#talk(onConnected);
    this.counts[outcome]++;
    return outcome;
  }

  #talk(onConnected: () => void): Promise<Outcome> {
    return new Promise((resolve) => {
      const socket = connect(this.#to);
      this.#open.add(socket);
      let received = '';
      let connected = false;
      let failure = '';
      const deadline = setTimeout(() => {
        failure = 'nothing came';
        socket.destroy();
      }, DEADLINE);
      socket.setEncoding('latin1').on('data', (text: string) => {
        received += text;
      });
      socket.on('connect', () => {
        connected = true;
        onConnected();
        socket.write(`GET ${this.#path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`);
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        failure = error.code ?? error.message;
      });
      socket.on('close', () => {
        clearTimeout(deadline);
        this.#open.delete(socket);
        onConnected();
        if (isWhole(received)) return resolve('answered');
        this.failures.push(`${failure || 'it ended'} after ${JSON.stringify(received)}`);
        resolve(failure === 'nothing came' ? 'hung' : connected ? 'reset' : 'refused');
      });
    });
  }
}

function isWhole(received: string): boolean {
  const [answer, ...more] = received === '' ? [] : answersIn(received);
  const length = answer?.headers.find((line) => line.startsWith('content-length: '))?.split(': ')[1];
  return more.length === 0 && answer?.status === 200 && answer.body.length === Number(length);
}
