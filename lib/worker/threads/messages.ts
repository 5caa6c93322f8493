import type { TlsOptions } from 'node:tls';
import type { MessagePort } from 'node:worker_threads';
import type { Said } from '../../protocol/messages.js';

/** What a thread says to its process: what a worker says to its master, and a wish. */
export type ThreadMessage =
  | Said
  /** It accepts no more. */
  | { readonly type: 'left' }
  /** It has found out that descriptors are short. */
  | { readonly type: 'short' }
  /** It wants the buffer of that name, of so many bytes. */
  | { readonly type: 'share'; readonly name: string; readonly bytes: number };

/** What a process says to its thread. */
export type ThreadOrder =
  | { readonly type: 'drain' | 'quit' }
  /** The process is a spare no more: it has this slot. */
  | { readonly type: 'serve'; readonly id: number }
  /** The time of the drain is nearly over, see `Servant.hurry`. */
  | { readonly type: 'hurry'; readonly farewell: number }
  /** Say what you do; the answer has that number. */
  | { readonly type: 'stacks'; readonly ask: number }
  /** Accept, if nobody else does: see the duty roster. */
  | { readonly type: 'wake' }
  /** Tell the application's own numbers; the answer has that number. */
  | { readonly type: 'numbers'; readonly ask: number }
  /** Another thread has said so. */
  | { readonly type: 'short' }
  /** The process got USR1; signals come to its main thread alone. */
  | { readonly type: 'usr1' }
  /** Of the host, for the application: JSON each. */
  | { readonly type: 'messages'; readonly texts: readonly string[] }
  /** To be used from now on. */
  | { readonly type: 'tickets'; readonly keys: Uint8Array }
  | { readonly type: 'shared'; readonly name: string; readonly buffer: SharedArrayBuffer | undefined }
  /** From now on the access log is this descriptor; the thread says when it writes nothing to the one before any more. */
  | { readonly type: 'access'; readonly fd: number };

/** What a thread says to that, not to the pool. */
export type Moved = { readonly type: 'moved' };

/** The `workerData` of a thread. */
export interface ThreadData {
  readonly prefork: {
    readonly port: MessagePort;
    readonly tls: TlsOptions | undefined;
    /** Where the process has opened standard error, see `descriptor()`. */
    readonly log: number | undefined;
    /** Where it keeps the image of its slot: when it dies, its process stores it. */
    readonly slot: SharedArrayBuffer;
    /** Where it writes down its signs of life. */
    readonly vitals: SharedArrayBuffer;
    /** Where it notes the processes that it starts. */
    readonly offspring: SharedArrayBuffer;
    /** How much of what it sends waits, see `Allowance`. */
    readonly allowance: SharedArrayBuffer;
    /** How many messages of the application its process has taken on, see `SentCount`. */
    readonly sent: SharedArrayBuffer;
    /** Its lines of the access log that wait, which its process writes when it dies. */
    readonly lines: SharedArrayBuffer | undefined;
    /** How many requests all threads have finished, and at how many the process wants to be replaced. */
    readonly requests: { readonly count: Int32Array; readonly limit: number };
    /** How often one of them has found out that descriptors are short. */
    readonly shortages: Int32Array<SharedArrayBuffer>;
  };
}
