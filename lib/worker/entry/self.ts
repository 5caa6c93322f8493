import { inspect } from 'node:util';
import { userText } from '../../protocol/messages.js';
import type { WorkerSpec } from '../../protocol/spec.js';
import { rowOf } from '../../system/process-table.js';
import { departure } from '../drain-signal.js';
import { inbox, type MessageListener } from '../lifecycle/inbox.js';
import type { Lifecycle } from '../lifecycle/servant.js';
import { MetricsReporter, type MetricsSource } from './own-metrics.js';
import { createWarner } from './warner.js';

/** A worker as its own application sees it. */
export interface OwnWorker {
  /** The `name` of the Arbiter. */
  readonly name: string;
  /**
   * The stable slot of this worker, 1..n. In a spare it is 0 until the spare takes a slot, so also while its
   * application loads: see {@link ArbiterOptions.spares}.
   */
  readonly id: number;
  /** The number of this worker among all that the Arbiter has ever spawned, from 1. */
  readonly age: number;
  /** The number of the generation that this worker belongs to: 1 at the start, and one more with each reload. */
  readonly generation: number;
  /**
   * The number of this thread, from 1; 0 in a worker without threads, and in the main thread of a worker with
   * threads.
   */
  readonly thread: number;
  /**
   * Fires when the drain of this worker begins, whatever the cause: a stop, a reload, `scale()`, a recycling, a TERM
   * to the worker, the death of the master. Each thread has its own signal, and so has the main thread of a worker
   * with threads. When it fires, the worker still serves everything, and the wait for requests in flight has not
   * begun: end here what would not end by itself, such as server-sent events. Its `reason` is a `DOMException` named
   * `AbortError`. It does not fire when a worker crashes, runs out of time, or is told to end at once (QUIT). It may
   * have any number of listeners. What a listener throws is reported, and harms neither the drain nor the other
   * listeners.
   */
  readonly signal: AbortSignal;
  /**
   * Sends a message to the Arbiter, which emits it as `'worker:message'`, in the order of the calls. It is sent as
   * JSON, below 1 MB. Throws what `JSON.stringify` throws, a `TypeError` for what JSON cannot hold, and a
   * `RangeError` for a longer message. The call never waits. Messages that the Arbiter does not take at once wait in
   * this process, or thread: up to 65,536 of them, or 16 Mi characters. When there is no room for one more, the call
   * throws an {@link ArbiterError}, `ERR_MESSAGE_ROOM`, and that message is not sent.
   */
  send(message: unknown): void;
  /**
   * Adds a listener for the messages that {@link Arbiter.send} and {@link Arbiter.broadcast} send to this worker; in a
   * worker with threads, to this thread. Messages arrive once it is up. Add listeners while the application loads: a
   * message that arrives while there is no listener is lost, and its sender is told. What a listener throws or rejects
   * with is reported by `'worker:error'` and ends nothing; promises are not waited for. Throws a `TypeError` for any
   * other event.
   */
  on(event: 'message', listener: MessageListener): OwnWorker;
  /** Like `on`, but for one message. */
  once(event: 'message', listener: MessageListener): OwnWorker;
  /** Removes a listener; if it was added several times, one call removes it once. */
  off(event: 'message', listener: MessageListener): OwnWorker;
  /**
   * Exports the metrics of a prom-client registry with those of the Arbiter. {@link Arbiter.metrics} adds up what the
   * workers and their threads have counted, in all generations, including those that have ended. Counters and
   * histograms are summed. Of summaries, sum and count are summed, and the quantiles are left out. Gauges are
   * combined over the living workers and threads, by their `aggregator` as with prom-client: `sum` (the default),
   * `first`, `min`, `max`, `average`, `omit`. Names that begin with `prefork_` are refused. Call this once for each
   * registry, while the application loads.
   *
   * @param registry - anything with `getMetricsAsJSON()`. All registries together may take 1 MB as JSON.
   */
  metrics(registry: MetricsSource): void;
  /**
   * Gives the request in flight more time, when it is known to take long: its `timeout` begins that many milliseconds
   * later. For the event loop, `timeout` begins that many milliseconds from now, at the earliest. Several calls for one
   * request add up; for the event loop, the latest of their ends counts. In an async worker, which has no clock for
   * requests, only the event loop gets the time. Throws a `RangeError` for what is no number of milliseconds.
   */
  extendTimeout(duration: number): void;
  /**
   * Makes a process that this worker has started end with the worker, however that ends; in a thread, with the
   * thread. Child processes end with their worker anyway, unless they are in a process group of their own: with
   * `detached: true`, as libraries start browsers. Such a process outlives the worker unless it is adopted. If it
   * leads a process group and is still alive when the worker ends, its whole group ends with it. A process that has
   * ended by then is ignored. Linux only; elsewhere it does nothing. Throws a `RangeError` for what is no pid.
   */
  adopt(pid: number): void;
  /**
   * Resolves with the memory of that name, which all threads of this worker process share. The first call for a name
   * creates it, zeroed. It outlives a thread that crashes, but not the process. Rejects with a `RangeError` if it
   * exists with another size, or if memory of that size cannot be had.
   *
   * @param bytes - its size.
   */
  shared(name: string, bytes: number): Promise<SharedArrayBuffer>;
}

/** @internal */
export function ownWorker(spec: WorkerSpec, lifecycle: Lifecycle): OwnWorker {
  const { tell, slot, pulse } = lifecycle;
  const own: OwnWorker = Object.freeze({
    name: spec.name,
    get id() {
      return spec.id;
    },
    age: spec.age,
    generation: spec.generation,
    thread: spec.thread ?? 0,
    get signal() {
      return departure.signal;
    },
    send(message: unknown) {
      tell({ type: 'user', text: userText(message), ...(spec.thread && { thread: spec.thread }) });
    },
    on(event: string, listener: MessageListener) {
      inbox.on(event, listener, false);
      return own;
    },
    once(event: string, listener: MessageListener) {
      inbox.on(event, listener, true);
      return own;
    },
    off(event: string, listener: MessageListener) {
      inbox.off(event, listener);
      return own;
    },
    metrics: createMetrics(spec, lifecycle),
    extendTimeout(duration: number) {
      if (typeof duration !== 'number' || !(duration >= 0)) {
        throw new RangeError(`extendTimeout: expected milliseconds of at least 0, got ${inspect(duration)}`);
      }
      slot.setPatience(pulse.extend(duration));
    },
    adopt(pid: number) {
      if (!Number.isSafeInteger(pid) || pid <= 1) throw new RangeError(`adopt: expected a pid, got ${inspect(pid)}`);
      const row = rowOf(pid);
      if (row) tell({ type: 'adopt', pid, born: row.born });
    },
    async shared(name: string, bytes: number) {
      const buffer = await lifecycle.shared(name, bytes);
      if (buffer === undefined) throw new RangeError(`expected a size in bytes that can be had, got ${bytes}`);
      if (buffer.byteLength === bytes) return buffer;
      throw new RangeError(`the shared buffer '${name}' has ${buffer.byteLength} bytes, and ${bytes} were asked for`);
    },
  });
  return own;
}

/** Creates the reporter only when the application adds its first registry. */
function createMetrics({ thread }: WorkerSpec, { tell, onNumbers, beforeEnd }: Lifecycle): OwnWorker['metrics'] {
  let reporter: MetricsReporter | undefined;
  return (registry) => {
    if (reporter === undefined) {
      const made = new MetricsReporter({ thread: thread ?? 0, tell, warn: createWarner(tell, thread) });
      reporter = made;
      onNumbers((ask) => void made.answer(ask));
      beforeEnd(() => made.end());
    }
    reporter.add(registry);
  };
}
