import type { ServerResponse } from 'node:http';
import type { Handler } from '../../options/handler.js';
import type { WorkerKind } from '../../options/types.js';
import { HttpWorker } from '../http/http-worker.js';
import { ExpectedWait } from './expected-wait.js';

/** What a new connection costs a client more than a kept one, roughly, milliseconds. */
const NEW_CONNECTION = { plain: 1, tls: 5 } as const;

/** Of requests that take no longer on average, one waits only where the CPU is short, and new connections cost CPU. Milliseconds. */
const SHORT = 2;

/**
 * One request at a time in each of its threads, with keep-alive; this class is what runs in a thread. Gunicorn: gthread.
 *
 * A connection that is kept is bound to its thread: the next request on it waits when the thread is busy, even if
 * another one is idle. So it is kept only while that wait is shorter than a new connection takes: for short requests
 * always, for long ones while the thread has little to do.
 */
export class ThreadedWorker<App = Handler> extends HttpWorker<App> {
  static override readonly kind: WorkerKind = 'threads';
  protected override readonly capacity: number = 1;
  protected override readonly places = 'requests';
  readonly #wait = new ExpectedWait(SHORT);
  readonly #bearable: number = NEW_CONNECTION[this.context.tls ? 'tls' : 'plain'];

  protected override closes(response: ServerResponse): boolean {
    if (super.closes(response)) return true;
    if (this.#wait.mean <= SHORT || !this.isLast(response)) return false;
    return this.#wait.at(performance.now()) > this.#bearable;
  }

  protected override finish(_response: ServerResponse, began: number, ended: number): void {
    this.#wait.add(ended - began, ended);
  }
}
