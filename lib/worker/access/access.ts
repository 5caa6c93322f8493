/*
 * Who was served, and what became of it: a line for each request, with the true client, and its id. Everything here is told by others when a request comes and ends; where neither
 * is asked for, there is nothing to tell.
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

/** How long a line may wait for others, and for a reader that is slow. Milliseconds. */
const PAUSE = 5;
const LONG_PAUSE = 100;
/** How long a process that ends tries to get rid of what still waits, and between two attempts of that. Milliseconds. */
const LAST = 100;
const LAST_PAUSE = 5;

/** What is known of a request that is to be served. */
export interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The accepted connection. */
  readonly socket: Socket;
  entry: Entry | undefined;
  id: string;
  /** When it began, of `performance.now()`; 0 before. */
  readonly began: number;
}

export class Access {
  readonly #lines: Lines | undefined;
  readonly #format: Format;
  readonly #ids: RequestIds | undefined;
  readonly #proxies: Proxies | undefined;
  /** Those that have no line yet. */
  #open: Entry | undefined;
  readonly #timer: NodeJS.Timeout;
  #isDue = false;
  /** Nobody takes what waits: it is tried again now and then, not with each line. */
  #isStuck = false;
  readonly #close = (entry: Entry, now: number): void => this.#write(entry, now);
  /** Whether it matters who has connected: to ask the system takes a call for each connection. */
  readonly #asksPeer: boolean;

  /** @param lines - undefined where there is no log, but ids. */
  constructor({ access, requestId }: WorkerSpec, lines: Lines | undefined, proxies: Proxies | undefined) {
    this.#lines = lines;
    this.#format = compileFormat(access?.format ?? 'common');
    this.#ids = requestId === undefined ? undefined : new RequestIds(requestId);
    this.#proxies = proxies;
    this.#asksPeer = proxies !== undefined || (lines !== undefined && asksClient(access?.format ?? 'common'));
    this.#timer = setTimeout(() => this.#isDue && this.flush(), PAUSE).unref();
  }

  /** @param find - the account of any connection, see {@link watchUnsent}. */
  watch(find: Parameters<typeof watchUnsent>[0]): void {
    if (!this.#lines) return;
    watchUnsent(find);
    watchInterim();
  }

  /**
   * The head of a request has come.
   *
   * @param connection - where it keeps what it knows of the connection.
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

  /** A connection is given to the application. Returns what is to be called when it closes. */
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
   * Something that is no request for the application, or no more, was answered with this status and no body. See {@link follow}.
   *
   * @param request - undefined where its head could not be read.
   */
  refused(socket: Socket, status: number, request?: IncomingMessage): void {
    if (!this.#lines) return;
    const entry = (request && this.entryOf(request)) ?? new Entry(request, peerOf(socket), this.#close);
    entry.sentBeside(status, 0);
  }

  /** What is written to this connection from now on, or when the answers under way there have ended, is none of theirs. To be called before it is. */
  follow(stream: Duplex): void {
    for (let entry = this.#open; entry; entry = entry.next) if (entry.account?.stream === stream) entry.isFollowed();
  }

  /** The entry of a request that has no line yet. It is looked for among all of them: to be asked of one that goes another way than most. */
  entryOf(request: IncomingMessage): Entry | undefined {
    let entry = this.#open;
    while (entry && entry.request !== request) entry = entry.next;
    return entry;
  }

  /** Clients have been answered in the place of a thread that hangs. */
  farewell(all: readonly Facts[]): void {
    for (const facts of all) this.#lines?.add(this.#format, facts);
    this.flush();
  }

  /** Writes what waits. */
  flush(): void {
    const lines = this.#lines;
    if (!lines) return;
    this.#isDue = false;
    const wasStuck = this.#isStuck;
    this.#isStuck = !lines.flush();
    if (this.#isStuck && !wasStuck) this.#tryAgain();
    tellLost(lines, QUIET);
  }

  /** This process, or thread, ends now: whatever is under way gets its line, and nothing waits any more: what nobody takes by then is lost. */
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

  /** Also one that does not stand there. */
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
    // One that has not begun says nothing of when.
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
