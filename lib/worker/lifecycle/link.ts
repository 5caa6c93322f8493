import type { TlsOptions } from 'node:tls';
import type { Letter } from '../../protocol/mail.js';
import type { Said, UserText } from '../../protocol/messages.js';

/** The connection of a worker to what gives it orders: of a process to its master, of a thread to its process. */
export interface Link {
  /** Sends a message at once, so that what is sent right before an exit also arrives. */
  readonly tell: (message: Said) => void;
  /** Calls back with messages of the host as they arrive. In a worker with threads, the main thread gets them. */
  readonly onLetters: (act: (letters: readonly Letter[]) => void) => void;
  /**
   * In the main thread of a worker with threads: passes on a message of a thread. Calls back when the pipe has taken
   * it.
   */
  readonly forward: (message: UserText, onTaken: () => void) => void;
  /** Resolves with the `tls` options. They arrive only if the spec says so. */
  readonly tls: () => Promise<TlsOptions>;
  /** Calls back with new ticket keys, which replace those before. The callee overwrites them after use. */
  readonly onTicketKeys: (take: (keys: Uint8Array) => void) => void;
  /** Calls back when the master is gone. */
  readonly onGone: (act: () => void) => void;
  /** Calls back when another acceptor asks for help; see the duty roster, which says whose turn it is to accept. */
  readonly onWake: (act: () => void) => void;
  /**
   * Calls back when the master asks for the application's own metrics; the answer carries the number of the question.
   */
  readonly onNumbers: (act: (ask: number) => void) => void;
  /**
   * Resolves with the memory of that name, which all threads of this process share; undefined if the size cannot be
   * had.
   */
  readonly shared: (name: string, bytes: number) => Promise<SharedArrayBuffer | undefined>;
  /** To be called when the worker accepts no more: closes its listening sockets. */
  readonly leaveSockets: () => void;
  /** Registers what carries out the orders. */
  readonly onOrders: (orders: Orders) => void;
  /** Keeps the worker alive until it is told to end, even if it waits for nothing else. */
  readonly keepAlive: () => void;
}

/** The orders to a worker. */
export interface Orders {
  readonly drain: () => void;
  readonly quit: () => void;
  /**
   * Answers a worker that got TERM from outside: it is not meant for this worker alone. It serves on until an order.
   */
  readonly stay: () => void;
  /** A spare takes this slot. */
  readonly serve: (id: number) => unknown;
  /** Asks what the worker is doing; the answer carries that number. */
  readonly stacks: (ask: number) => void;
  /** Only for threads: a process knows by itself when its drain is nearly over. See {@link Servant.hurry}. */
  readonly hurry: (farewell: number) => void;
}
