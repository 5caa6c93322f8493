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
  /** The stable slot, 1..n; 0 in a spare until it takes one, so also while its application is loaded: see {@link ArbiterOptions.spares}. */
  readonly id: number;
  /** Counts all workers ever spawned. */
  readonly age: number;
  /** Counts the reloads, from 1. */
  readonly generation: number;
  /** The number of this thread, from 1; 0 in a worker without threads, and in the main thread of one with. */
  readonly thread: number;
  /**
   * Fires when the drain of this worker begins, whoever ordered it: a stop, a reload, `scale()`, a recycling, a TERM to the worker, the
   * death of the master. Each thread has one, and so has the main thread of a worker with threads. At that moment everything is still
   * served, and nothing has been waited for: end here what would not end by itself, such as server-sent events. Its `reason` is a
   * `DOMException` named `AbortError`. It does not fire when a worker crashes, runs out of time, or is told to end at once
   * (QUIT). Any number of listeners may listen; what they throw is reported, and hurts neither the drain nor each other.
   */
  readonly signal: AbortSignal;
  /**
   * Sends a message to the Arbiter, which emits it as `'worker:message'`, in the order of the calls. As JSON, below 1 MB; throws what JSON throws. It
   * never waits: where the Arbiter does not take messages as fast as they are sent, they wait here, up to 65,536 of them or 16 Mi characters for this
   * process, or thread; then it throws an {@link ArbiterError}, `ERR_MESSAGE_ROOM`, and that message is not sent.
   */
  send(message: unknown): void;
  /**
   * Calls back with each message of {@link Arbiter.send} and {@link Arbiter.broadcast} to this worker, in a worker with threads to this thread. They come when it
   * is up: add listeners while the application loads, for a message that nobody listens to is lost, and its sender is told. What a listener
   * throws, or rejects with, is told by `'worker:error'` and ends nothing; promises are not waited for. Throws a `TypeError` for another event.
   */
  on(event: 'message', listener: MessageListener): OwnWorker;
  /** The same for one message. */
  once(event: 'message', listener: MessageListener): OwnWorker;
  /** Ends that, once for each time that the listener was added. */
  off(event: 'message', listener: MessageListener): OwnWorker;
  /**
   * Exports the numbers of a registry of prom-client with those of the Arbiter: {@link Arbiter.metrics} adds up what the workers and their threads, of all
   * generations, have counted, also those that have ended. Counters and histograms are summed; of summaries, sum and count, and their
   * quantiles are left out; gauges are those of the living, by `aggregator` as with prom-client: `sum` (the default), `first`, `min`, `max`, `average`, `omit`.
   * Names that begin with `prefork_` are refused. To be called once for each registry, when the application is loaded.
   *
   * @param registry - anything with `getMetricsAsJSON()`. All of them together may take 1 MB as JSON.
   */
  metrics(registry: MetricsSource): void;
  /**
   * The request in flight is known to be long: `timeout` begins that many milliseconds later for it, and for the event loop from now on.
   * Each call adds. In an async worker, which has no clock for requests, only the event loop gets the time. Throws a
   * `RangeError` for what is no number of milliseconds.
   */
  extendTimeout(duration: number): void;
  /**
   * Has a process that this worker has started end with it, however it ends; in a thread, with the thread. What a worker starts does so
   * anyway, unless it is in a process group of its own: `detached: true`, as libraries start browsers. Such a one outlives the worker
   * unless it is adopted. Of a group, all end that are in it when its first process lives. One that has ended by then is ignored.
   * Linux; elsewhere it does nothing. Throws a `RangeError` for what is no pid.
   */
  adopt(pid: number): void;
  /**
   * The memory of that name that all threads of this worker process share; the first who asks for it makes it, zeroed. It
   * outlives a thread that crashes, not the process. Rejects with a `RangeError` when it was made with another size, or that size cannot be had.
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

/** What reports is made when somebody has something to report. */
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
