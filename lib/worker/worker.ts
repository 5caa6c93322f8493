import { setImmediate as turn } from 'node:timers/promises';
import type { TlsOptions } from 'node:tls';
import { inspect } from 'node:util';
import type { WorkerKind } from '../options/worker-class.js';
import type { TimedOutRequest } from '../protocol/activity.js';
import { type Said, userText } from '../protocol/messages.js';
import type { ServingOptions, WorkerSpec } from '../protocol/spec.js';
import type { WarningCode } from '../protocol/warning.js';
import { serializeError } from '../serialized-error.js';
import { type AcceptOptions, checkAcceptOptions, openCheck } from './accept/accept-options.js';
import { Acceptor } from './accept/acceptor.js';
import { departure } from './drain-signal.js';
import { lastCall } from './vitals/board.js';
import { descriptors } from './vitals/descriptors.js';
import type { Pulse } from './vitals/pulse.js';
import type { Slot } from './vitals/slot.js';

/**
 * What a worker is given when it is made. Pass it on to the constructor of the base class; it has nothing else to say.
 */
export interface WorkerContext {
  /** @internal */
  readonly spec: WorkerSpec;
  /** @internal */
  readonly slot: Slot;
  /** @internal */
  readonly pulse: Pulse;
  /** @internal Ends this process, or this thread, with the error as the reason. */
  readonly fail: (error: unknown) => void;
  /** @internal */
  readonly tell: (message: Said) => void;
  /** @internal Tells the operator something that ends nothing, see `'worker:warning'`. */
  readonly warn: (code: WarningCode, message: string) => void;
  /** @internal */
  readonly onWake: (act: () => void) => void;
  /** @internal Whether {@link Worker.run} has been called: nothing is accepted before. */
  readonly runs: () => boolean;
  /** @internal Closes the sockets; called when the acceptor accepts no more. */
  readonly leaveSockets: () => void;
  /** @internal */
  readonly tls: TlsOptions | undefined;
  /** @internal `take` is called with each set of TLS ticket keys, to be used from then on. */
  readonly onTicketKeys: (take: (keys: Uint8Array) => void) => void;
}

/** What a worker that has exceeded its time limit has done about it, and what it still does. */
export interface Timeout {
  /** Whether a client gets an answer. */
  readonly answered: boolean;
  readonly request?: Pick<TimedOutRequest, 'method' | 'url' | 'id' | 'remoteAddress'>;
  /** Resolves when the worker may end. */
  readonly ended: Promise<unknown>;
}

/** Throws a `TypeError` for what the scoreboard cannot name. */
function checkWork(name: string, method: unknown, url: unknown): void {
  if (typeof method === 'string' && typeof url === 'string') return;
  const [what, got] = typeof method === 'string' ? ['url', url] : ['method', method];
  throw new TypeError(`${name}: ${what} of begin(): expected a string, got ${inspect(got, { depth: 0 })}`);
}

/** The workers that have an acceptor. */
const accepting = new WeakSet<object>();

/**
 * The life of a worker inside its process (of a threaded one: inside its thread). `init` and `run` are called before
 * the worker is reported as ready. Then it serves until `stop`, after which the process exits. In a spare, hours may
 * lie between `init` and `run`, and a spare that is never needed gets neither `run` nor `stop`. What these steps throw
 * ends the worker, with the error as the reason.
 *
 * Subclass it for work that is not HTTP; {@link HttpWorker} and the built-in classes for HTTP.
 *
 * @typeParam App - what the worker serves: the type of `app`.
 */
export abstract class Worker<App = unknown> {
  /**
   * Where a worker of this class serves: in the main thread of its process, or in threads that the main thread
   * supervises.
   */
  static readonly kind: WorkerKind = 'process';
  /** The application: what `app` is in the inline form, what the module exports in the module form. */
  readonly app: App;
  /** @internal */
  protected readonly context: WorkerContext;

  constructor(context: WorkerContext, app: App) {
    this.context = context;
    this.app = app;
  }

  /**
   * The stable slot, 1..n. In a spare it is 0 until the spare takes a slot, so also in `init`; in `run` it is known.
   */
  get id(): number {
    return this.context.spec.id;
  }

  /** The number of this worker among all workers that were ever spawned. */
  get age(): number {
    return this.context.spec.age;
  }

  /** The generation of this worker. Generations are counted from 1; each reload makes the next one. */
  get generation(): number {
    return this.context.spec.generation;
  }

  /** The number of this thread, from 1; 0 in a worker without threads. */
  get thread(): number {
    return this.context.spec.thread ?? 0;
  }

  /** Those options of the Arbiter that are about serving. */
  get options(): ServingOptions {
    return this.context.spec.serving;
  }

  /**
   * Fires when the drain of this worker begins, before {@link Worker.stop} is called; see {@link OwnWorker.signal},
   * which is the same.
   */
  get signal(): AbortSignal {
    return departure.signal;
  }

  /** Prepares what the worker needs before it serves: connections, caches, data. */
  init(): void | Promise<void> {}

  /**
   * @internal For a spare, which may wait for hours afterwards: does all that can be done before it serves. Returns
   * what must be closed if it never gets to serve.
   */
  standBy(): Promise<{ readonly close?: (() => unknown) | undefined } | undefined> {
    return Promise.resolve(undefined);
  }

  /** Begins to serve; returns, or resolves, once the worker serves. */
  abstract run(): void | Promise<void>;

  /** Takes no more work; resolves when what is under way has ended. It has `gracefulTimeout` to do so. */
  abstract stop(): void | Promise<void>;

  /**
   * Called after an uncaught exception: tells those clients that can still be told, and resolves soon, since the state
   * of this process is unknown. It has a second.
   */
  crash(): void | Promise<void> {}

  /**
   * Called when a request of this worker has exceeded {@link ArbiterOptions.timeout} while the event loop still turns:
   * the worker ends, and the client gets a 504. Undo here what the request may have left outside of this process. It
   * has a second. Gunicorn: `worker_abort`.
   */
  abort(): void | Promise<void> {}

  /** @internal */
  timeOut(): Timeout {
    const abort = async (): Promise<void> => {
      // The report and the answers go out first, in case `abort()` does not return.
      await turn();
      await this.abort();
    };
    return { answered: false, ended: abort() };
  }

  /** @internal The time of the drain is nearly over: ends what is under way within `_farewell` milliseconds. */
  hurry(_farewell: number): void {}

  /**
   * @internal The application has called `process.exit()`: this process, or thread, ends now, whatever is under way.
   */
  lastWords(_status: 500 | 503): void {}

  /**
   * Sends a message to the Arbiter, which emits it as `'worker:message'`; see {@link OwnWorker.send}, which is the
   * same.
   */
  send(message: unknown): void {
    const { tell, spec } = this.context;
    tell({ type: 'user', text: userText(message), ...(spec.thread !== undefined && { thread: spec.thread }) });
  }

  /**
   * Define this method to receive what {@link Arbiter.send} and {@link Arbiter.broadcast} send, from when the worker is
   * up. It is called with each message, in order, before the listeners that the application adds later. What it throws,
   * or rejects with, is reported by `'worker:error'` and ends nothing.
   */
  receive?(message: unknown): unknown;

  /**
   * Makes the acceptor, which accepts connections of the Arbiter's sockets while there is room; for a worker that
   * speaks a protocol of its own. Open it in `run`, close it in `stop`. Its connections have `allowHalfOpen`, unless
   * `options` say otherwise: when the client has ended its side, end yours. Listen to the `'error'` event of each
   * connection: without a listener, an error ends the worker. Read what it brings, too: it does not close before. There
   * is one acceptor for each worker. Throws a `TypeError` for options with which it could never accept.
   */
  protected createAcceptor(options: AcceptOptions): Acceptor {
    const { spec, slot, fail, tell, warn, onWake, leaveSockets, runs } = this.context;
    const { name } = this.constructor;
    checkAcceptOptions(name, options);
    if (accepting.has(this))
      throw new Error(`${name}: createAcceptor() was called before: a worker has one acceptor, for all addresses`);
    accepting.add(this);
    if (spec.sockets === 0) throw new Error(`${name} needs an address to serve, and 'bind' is []`);
    const acceptor = new Acceptor({
      ...options,
      sockets: spec.sockets,
      copy: spec.thread === undefined ? 0 : spec.copies,
      backlog: spec.backlog,
      direct: spec.direct,
      slot: spec.slot + (spec.thread ?? 0),
      mates:
        spec.thread === undefined
          ? []
          : Array.from({ length: spec.serving.threads }, (_, index) => spec.slot + 1 + index),
      rest: spec.rest,
      onWake,
      onError: fail,
      checkOpen: openCheck(name, runs),
      lastCall,
      onLeft: leaveSockets,
    });
    slot.askConnections(() => acceptor.connections.size);
    slot.askRoom(acceptor);
    descriptors.watch(
      {
        warn: (message) => warn('descriptors', message),
        replace: (error) => {
          tell({ type: 'error', error: serializeError(error) });
          tell({ type: 'recycle', why: 'descriptors' });
        },
      },
      Math.max(1, spec.serving.threads),
    );
    return acceptor;
  }

  /**
   * Notes on the scoreboard what is being done, until the function that it returns is called: `stats()` counts it, and
   * when the worker dies of it, `'worker:exit'` names it. The built-in classes do so for each request.
   *
   * @returns a function to be called at the end, with `true` when the work failed. Further calls do nothing.
   */
  protected begin(method: string, url: string): (failed?: boolean) => void {
    const { slot } = this.context;
    checkWork(this.constructor.name, method, url);
    slot.begin(method, url);
    const began = performance.now();
    let isOver = false;
    return (failed = false) => {
      // A second end would be that of other work.
      if (!isOver) slot.end(failed, performance.now() - began);
      isOver = true;
    };
  }
}
