import type { TlsOptions } from 'node:tls';
import type { MessagePort } from 'node:worker_threads';
import type { Said } from '../../protocol/messages.js';

/** The messages of a thread to its process: those of a worker to its master, and some more. */
export type ThreadMessage =
  | Said
  /** The thread accepts no more. */
  | { readonly type: 'left' }
  /** The thread has found that file descriptors are short. */
  | { readonly type: 'short' }
  /** The thread asks for the shared buffer of that name, of so many bytes. */
  | { readonly type: 'share'; readonly name: string; readonly bytes: number };

/** The orders and messages of a process to its thread. */
export type ThreadOrder =
  | { readonly type: 'drain' | 'quit' }
  /** The process is no longer a spare: it has taken this slot. */
  | { readonly type: 'serve'; readonly id: number }
  /** The time of the drain is nearly over, see `Servant.hurry`. */
  | { readonly type: 'hurry'; readonly farewell: number }
  /** Asks what the thread is doing; the answer carries that number. */
  | { readonly type: 'stacks'; readonly ask: number }
  /** Asks the thread to accept if no other does: see the duty roster, which says whose turn it is. */
  | { readonly type: 'wake' }
  /** Asks for the application's own metrics; the answer carries that number. */
  | { readonly type: 'numbers'; readonly ask: number }
  /** Another thread has found that file descriptors are short. */
  | { readonly type: 'short' }
  /** The process got USR1. Node delivers signals to the main thread only. */
  | { readonly type: 'usr1' }
  /** Messages of the host for the application, each as JSON. */
  | { readonly type: 'messages'; readonly texts: readonly string[] }
  /** Keys of TLS session tickets, to be used from now on. */
  | { readonly type: 'tickets'; readonly keys: Uint8Array }
  | { readonly type: 'shared'; readonly name: string; readonly buffer: SharedArrayBuffer | undefined }
  /**
   * From now on, the access log goes to this descriptor. The thread answers once it no longer writes to the one
   * before.
   */
  | { readonly type: 'access'; readonly fd: number };

/** The answer of a thread to `access`. Its handle takes it; the pool does not see it. */
export type Moved = { readonly type: 'moved' };

/** The `workerData` of a thread. */
export interface ThreadData {
  readonly prefork: {
    readonly port: MessagePort;
    readonly tls: TlsOptions | undefined;
    /** The descriptor on which the process has opened standard error, see `descriptor()`. */
    readonly log: number | undefined;
    /** Where the thread keeps the image of its slot. When the thread dies, its process stores it on the scoreboard. */
    readonly slot: SharedArrayBuffer;
    /** Where the thread writes its signs of life. */
    readonly vitals: SharedArrayBuffer;
    /** Where the thread notes the child processes that it starts. */
    readonly offspring: SharedArrayBuffer;
    /** How many of its messages to the host wait, see `Allowance`. */
    readonly allowance: SharedArrayBuffer;
    /** How many messages of the application its process has accepted for sending, see `SentCount`. */
    readonly sent: SharedArrayBuffer;
    /** The lines of the access log that it has not written yet. When the thread dies, its process writes them. */
    readonly lines: SharedArrayBuffer | undefined;
    /** How many requests all threads have finished, and at how many the process asks to be replaced. */
    readonly requests: { readonly count: Int32Array; readonly limit: number };
    /** How often threads of the process have found that file descriptors are short. */
    readonly shortages: Int32Array<SharedArrayBuffer>;
  };
}
