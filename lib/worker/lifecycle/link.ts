import type { TlsOptions } from 'node:tls';
import type { Letter } from '../../protocol/mail.js';
import type { Said, UserText } from '../../protocol/messages.js';

/** What a worker hears from above and says: a process from and to its master, a thread from and to its process. */
export interface Link {
  /** Says it at once: also the last words before an exit arrive. */
  readonly tell: (message: Said) => void;
  /** Messages of the host, as they come; of a worker with threads, to its main thread. */
  readonly onLetters: (act: (letters: readonly Letter[]) => void) => void;
  /** In the main thread of a worker with threads: a message of one of them. Calls back when the pipe has taken it. */
  readonly forward: (message: UserText, onTaken: () => void) => void;
  /** Comes only where the spec says so. */
  readonly tls: () => Promise<TlsOptions>;
  /** Calls back with ticket keys that are to be used instead of those before; who takes them overwrites them. */
  readonly onTicketKeys: (take: (keys: Uint8Array) => void) => void;
  /** Calls back when whoever gives the orders is gone. */
  readonly onGone: (act: () => void) => void;
  /** Calls back when another acceptor asks for help, see the duty roster. */
  readonly onWake: (act: () => void) => void;
  /** Calls back when the master wants to know the application's own numbers; the answer has the number of the question. */
  readonly onNumbers: (act: (ask: number) => void) => void;
  /** The memory of that name that all threads of this process share. */
  readonly shared: (name: string, bytes: number) => Promise<SharedArrayBuffer | undefined>;
  /** It accepts no more: what it has of the listening sockets is closed. */
  readonly leaveSockets: () => void;
  /** Takes orders from now on. */
  readonly onOrders: (orders: Orders) => void;
  /** The worker lives until it is told to end, whatever else it waits for. */
  readonly keepAlive: () => void;
}

/** What a worker is told to do. */
export interface Orders {
  readonly drain: () => void;
  readonly quit: () => void;
  /** Somebody has sent TERM, and it is not meant for this worker alone: the order will come. */
  readonly stay: () => void;
  /** A spare takes this slot. */
  readonly serve: (id: number) => unknown;
  /** Say what is being done; the answer has that number. */
  readonly stacks: (ask: number) => void;
  /** In a thread: its process knows how late it is. See {@link Servant.hurry}. */
  readonly hurry: (farewell: number) => void;
}
