import type net from 'node:net';
import { inspect } from 'node:util';

/** What a worker that accepts connections itself decides. */
export interface AcceptOptions {
  /** How many places there are: while all are taken, nothing is accepted. */
  readonly capacity: number;
  /** A connection has been accepted. It has a place until it closes. */
  readonly onConnection: (socket: net.Socket) => void;
  /** A connection has closed; its place is still taken. */
  readonly onClose?: ((socket: net.Socket) => void) | undefined;
  /**
   * @internal
   * Whether a connection that has a place will have closed before this turn of the event loop is over. For a client
   * that is served within {@link AcceptOptions.onConnection} the sockets need not be shut.
   */
  readonly isOver?: (socket: net.Socket) => boolean;
  /**
   * @internal All places are taken, perhaps for long: the class may make room, and call {@link Acceptor.look} to learn
   * whether a client waits.
   */
  readonly onFull?: () => void;
  /** Options of the connections, as of `net.createServer`. @defaultValue `{ noDelay: true, allowHalfOpen: true }` */
  readonly socket?:
    | Pick<net.ServerOpts, 'allowHalfOpen' | 'noDelay' | 'keepAlive' | 'keepAliveInitialDelay' | 'highWaterMark'>
    | undefined;
}

/**
 * Throws a `TypeError` for options with which an acceptor could never accept: its worker would be ready, and serve
 * nobody.
 */
export function checkAcceptOptions(name: string, options: Partial<AcceptOptions> = {}): void {
  const { capacity, onConnection } = options;
  const got = (value: unknown): string => inspect(value, { depth: 0 });
  if (capacity !== Number.POSITIVE_INFINITY && !(Number.isInteger(capacity) && (capacity as number) >= 1))
    throw new TypeError(`${name}: capacity: expected an integer of at least 1, got ${got(capacity)}`);
  if (typeof onConnection !== 'function')
    throw new TypeError(`${name}: onConnection of createAcceptor(): expected a function, got ${got(onConnection)}`);
}

/**
 * Returns what throws when the acceptor is opened before `run()` is called, or again. Before `run()`, a spare would
 * serve clients that nobody counts, and end without a drain.
 */
export function openCheck(name: string, runs: () => boolean): () => void {
  let isOpened = false;
  return () => {
    if (!runs())
      throw new Error(`${name}: open() of the acceptor was called before run(): a worker serves from run() on`);
    if (isOpened) throw new Error(`${name}: open() of the acceptor was called before: it is opened once`);
    isOpened = true;
  };
}

export interface AcceptorOptions extends AcceptOptions {
  /** How many listening sockets this process inherited: fd 0, then those of the further `bind`s. */
  readonly sockets: number;
  /** Which copy of the further sockets this acceptor uses: each thread has its own. */
  readonly copy: number;
  readonly backlog: number;
  /** Whether the worker was spawned without the shell, see {@link EntranceOptions.direct}. */
  readonly direct: boolean;
  /** Index of this acceptor on the duty roster. */
  readonly slot: number;
  /** Has `act` called when another acceptor wakes this one. */
  readonly onWake: (act: () => void) => void;
  /** How long it accepts nothing at first, once it is open. Milliseconds. */
  readonly rest: number;
  /** Throws where it may not be opened now. */
  readonly checkOpen: () => void;
  /** Listening again failed: the worker cannot go on. */
  readonly onError: (error: Error) => void;
  /** The indices of the threads of the same process on the duty roster. */
  readonly mates: readonly number[];
  /**
   * Until when to go on accepting what waits at the socket of this index in `bind`, in milliseconds of `monotonic()`; 0
   * where others will accept it. Asked once.
   */
  readonly lastCall: (index: number) => number;
  /** It accepts no more; its sockets may be closed. */
  readonly onLeft: () => void;
}
