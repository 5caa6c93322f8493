/*
 * Who was served, and with what result: a line of the access log for each request, with the true client; and the id of
 * each request. The other wings call this when a request comes and when it ends. Where neither a log nor ids are
 * configured, nothing is called.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WorkerSpec } from '../../protocol/spec.js';
import { type Accounted, openAccount, watchUnsent } from './account.js';
import { type Proxies, peerOf } from './client.js';
import { countWrites, Entry } from './entry.js';
import { asksClient, compileFormat, type Facts, type Format } from './format.js';
import { watchInterim } from './interim.js';
import type { Lines } from './lines.js';
import { QUIET, tellLost } from './loss.js';
import { RequestIds } from './request-id.js';
import { followUpgrade } from './upgrade.js';

/** How long a line may wait for others; and how long to wait between attempts when the reader is slow. Milliseconds. */
const PAUSE = 5;
const LONG_PAUSE = 100;
/**
 * How long a process that ends tries to write what still waits, and how long it pauses between attempts. Milliseconds.
 */
const LAST = 100;
const LAST_PAUSE = 5;

/** A request that is to be served. */
export interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The accepted connection. */
  readonly socket: Socket;
  entry: Entry | undefined;
  id: string;
  /** When the request began, of `performance.now()`; 0 before. */
  readonly began: number;
}

export class Access {
  readonly #lines: Lines | undefined;
  readonly #format: Format;
  readonly #ids: RequestIds | undefined;
  readonly #proxies: Proxies | undefined;
  /** The first entry of a linked list of the requests that have no line yet. */
  #open: Entry | undefined;
  readonly #timer: NodeJS.Timeout;
  #isDue = false;
  /** Nobody takes what waits. A retry comes after each {@link LONG_PAUSE}, not with each line. */
  #isStuck = false;
  readonly #close = (entry: Entry, now: number): void => this.#write(entry, now);
  /** Whether the address of the peer is needed: to ask the system for it takes a call for each connection. */
  readonly #asksPeer: boolean;

  /** @param lines - undefined where there is no log, only ids. */
  constructor({ access, requestId }: WorkerSpec, lines: Lines | undefined, proxies: Proxies | undefined) {
    this.#lines = lines;
    this.#format = compileFormat(access?.format ?? 'common');
    this.#ids = requestId === undefined ? undefined : new RequestIds(requestId);
    this.#proxies = proxies;
    this.#asksPeer = proxies !== undefined || (lines !== undefined && asksClient(access?.format ?? 'common'));
    this.#timer = setTimeout(() => this.#isDue && this.flush(), PAUSE).unref();
  }

  /** @param find - finds the account of any connection, see {@link watchUnsent}. */
  watch(find: Parameters<typeof watchUnsent>[0]): void {
    if (!this.#lines) return;
    watchUnsent(find);
    watchInterim();
  }

  /**
   * The head of a request has come.
   *
   * @param connection - what is known of the connection, with a field for its account.
   */
  begin(visit: Visit, connection: Accounted): void {
    const { request, response, socket } = visit;
    let { account } = connection;
    if (account === undefined) {
      account = openAccount(socket, this.#asksPeer);
      connection.account = account;
    }
    if (this.#ids) visit.id = this.#ids.give(request, this.#proxies?.trusts(account.peer) === true);
    if (!this.#lines) return;
    const entry = new Entry(request, account.peer, this.#close, visit);
    entry.id = visit.id;
    visit.entry = entry;
    const { stream } = request as { stream?: Duplex };
    if (stream === undefined) entry.answerWith(response, request.socket, account);
    else {
      entry.response = response;
      countWrites(stream, entry);
    }
    this.#add(entry);
  }

  /** A connection is handed over to the application. Returns a function to be called when the connection closes. */
  give(request: IncomingMessage, socket: Socket, stream: Duplex): (() => void) | undefined {
    const peer = peerOf(socket);
    const id = this.#ids?.give(request, this.#proxies?.trusts(peer) === true) ?? '';
    if (!this.#lines) return undefined;
    this.follow(request.socket);
    const entry = new Entry(request, peer, this.#close);
    entry.id = id;
    this.#add(entry);
    followUpgrade(entry, request, stream);
    return () => entry.close();
  }

  /**
   * The worker has answered, with this status and no body, something that is not a request for the application, or not
   * any more. Call {@link follow} before the answer is written.
   *
   * @param request - undefined where its head could not be read.
   */
  refused(socket: Socket, status: number, request?: IncomingMessage): void {
    if (!this.#lines) return;
    const entry = (request && this.entryOf(request)) ?? new Entry(request, peerOf(socket), this.#close);
    entry.sentBeside(status, 0);
  }

  /**
   * Whatever is written to this connection from now on, or after the answers under way there, does not belong to those
   * answers. To be called before it is written.
   */
  follow(stream: Duplex): void {
    for (let entry = this.#open; entry; entry = entry.next) if (entry.account?.stream === stream) entry.isFollowed();
  }

  /**
   * The entry of a request that has no line yet. This searches all open entries, so it is meant for requests that take
   * an unusual path.
   */
  entryOf(request: IncomingMessage): Entry | undefined {
    let entry = this.#open;
    while (entry && entry.request !== request) entry = entry.next;
    return entry;
  }

  /** Adds lines for clients that were answered in place of a thread that hangs. */
  farewell(all: readonly Facts[]): void {
    for (const facts of all) this.#lines?.add(this.#format, facts);
    this.flush();
  }

  /** Writes the lines that wait. */
  flush(): void {
    const lines = this.#lines;
    if (!lines) return;
    this.#isDue = false;
    const wasStuck = this.#isStuck;
    this.#isStuck = !lines.flush();
    if (this.#isStuck && !wasStuck) this.#tryAgain();
    tellLost(lines, QUIET);
  }

  /**
   * This process or thread ends now. Whatever is under way gets its line. Lines that nobody takes within {@link LAST}
   * ms are lost.
   */
  leave(): void {
    const lines = this.#lines;
    if (!lines) return;
    for (let entry = this.#open; entry; entry = this.#open) {
      this.#remove(entry);
      entry.close();
    }
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; !lines.flush() && waited < LAST; waited += LAST_PAUSE) Atomics.wait(pause, 0, 0, LAST_PAUSE);
    lines.drop();
    tellLost(lines);
  }

  #add(entry: Entry): void {
    entry.next = this.#open;
    if (this.#open) this.#open.previous = entry;
    this.#open = entry;
  }

  /** Removes an entry; it need not be in the list. */
  #remove(entry: Entry): void {
    const { previous, next } = entry;
    if (previous) previous.next = next;
    else if (this.#open === entry) this.#open = next;
    if (next) next.previous = previous;
    entry.previous = undefined;
    entry.next = undefined;
  }

  #tryAgain(): void {
    setTimeout(() => {
      if (!this.#isStuck) return;
      this.flush();
      if (this.#isStuck) this.#tryAgain();
    }, LONG_PAUSE).unref();
  }

  #write(entry: Entry, now: number): void {
    this.#remove(entry);
    // A request that has never begun has no start time, so its duration is 0.
    entry.duration = now - (entry.came || entry.visit?.began || now);
    entry.time = Date.now();
    entry.client = this.#proxies?.clientOf(entry.peer, entry.request?.rawHeaders ?? []) ?? entry.peer;
    const isMuch = this.#lines?.add(this.#format, entry);
    if (this.#isStuck) return;
    if (isMuch) this.flush();
    else if (!this.#isDue) {
      this.#isDue = true;
      this.#timer.refresh();
    }
  }
}
