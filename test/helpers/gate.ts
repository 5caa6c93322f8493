import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { type Answer, get } from './http.js';
import { inTime } from './wait.js';

/**
 * Holds requests. The handler of the fixture `gated` connects to the gate, and answers its client when the test lets
 * it. So a test knows which worker holds which request, and decides when the request ends.
 */
export class Gate {
  /** Every request that came, in order. */
  readonly arrivals: Arrival[] = [];
  /** The most requests that one worker, or thread of one, held at the same time. */
  most = 0;
  readonly #server: Server;
  readonly #arrived: (() => void)[] = [];
  #taken = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** A gate that closes with the test. */
  static async open(t: TestContext): Promise<Gate> {
    const gate = await Gate.#listening();
    t.after(() => {
      gate.#server.close();
      for (const arrival of gate.arrivals) arrival.cut();
    });
    return gate;
  }

  /**
   * The gate for tests of a file that share a host, see `shared.ts`: empty for each of them, and always at the same
   * port.
   */
  static async shared(t: TestContext): Promise<Gate> {
    common ??= Gate.#listening();
    const gate = await common;
    // The server of the gate ends with the file.
    gate.#server.unref();
    gate.arrivals.length = 0;
    gate.#arrived.length = 0;
    gate.#taken = 0;
    gate.most = 0;
    t.after(() => {
      for (const arrival of gate.arrivals) arrival.cut();
    });
    return gate;
  }

  static async #listening(): Promise<Gate> {
    const server = createServer();
    const gate = new Gate(server);
    server.on('connection', (socket) => gate.#greet(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return gate;
  }

  /** What the workers must have in their environment. */
  get env(): Record<string, string> {
    return { GATE: String((this.#server.address() as AddressInfo).port) };
  }

  /** The next request that arrives. Each request is returned once. */
  async next(): Promise<Arrival> {
    const index = this.#taken++;
    if (index >= this.arrivals.length) {
      await inTime(new Promise<void>((resolve) => this.#arrived.push(resolve)), `request ${index + 1} at the gate`);
    }
    return this.arrivals[index] as Arrival;
  }

  /** Sends a request, and resolves when a worker holds it. */
  async hold(url: string, ca?: string): Promise<Held> {
    const answer = get(url, ca);
    // A test may end before the request is answered.
    answer.catch(() => undefined);
    return { arrival: await this.next(), answer };
  }

  #greet(socket: Socket): void {
    let text = '';
    const onData = (chunk: string): void => {
      text += chunk;
      if (!text.endsWith('\n')) return;
      socket.off('data', onData);
      const arrival = new Arrival(socket, JSON.parse(text));
      this.arrivals.push(arrival);
      const together = this.arrivals.filter((other) => other.held && other.holder === arrival.holder);
      this.most = Math.max(this.most, together.length);
      this.#arrived.shift()?.();
    };
    socket.setEncoding('utf8').on('data', onData);
    // A worker that is killed resets its connection.
    socket.on('error', () => undefined);
  }
}

export interface Held {
  readonly arrival: Arrival;
  readonly answer: Promise<Answer>;
}

let common: Promise<Gate> | undefined;

/** A request that waits at the gate. */
export class Arrival {
  readonly pid: number;
  /** The number of the thread that holds it; 0 in a worker without threads. */
  readonly thread: number;
  readonly url: string;
  held = true;
  readonly #socket: Socket;

  constructor(socket: Socket, { pid, thread, url }: Pick<Arrival, 'pid' | 'thread' | 'url'>) {
    this.#socket = socket;
    this.pid = pid;
    this.thread = thread;
    this.url = url;
    socket.once('close', () => {
      this.held = false;
    });
  }

  /** What holds the request: a process, or a thread of one. */
  get holder(): string {
    return `${this.pid}.${this.thread}`;
  }

  /** Lets the handler answer. */
  release(): void {
    this.held = false;
    this.#socket.write('.');
  }

  /**
   * Resolves when the worker has acted on all that had happened to it before. Its event loop has turned twice by then,
   * since it may have been in the middle of the first turn.
   */
  async settle(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      this.#socket.write('?');
      await inTime(once(this.#socket, 'data'), `an echo of ${this.pid}`);
    }
  }

  cut(): void {
    this.#socket.destroy();
  }
}
