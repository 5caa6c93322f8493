import type { ServerResponse } from 'node:http';
import type { Handler } from '../../options/handler.js';
import type { WorkerKind } from '../../options/worker-class.js';
import { HttpWorker } from '../http/http-worker.js';
import { ExpectedWait } from './expected-wait.js';

/** Roughly how much longer a request takes on a new connection than on a kept one. Milliseconds. */
const NEW_CONNECTION = { plain: 1, tls: 5 } as const;

/**
 * If requests take no longer than this on average, one waits only where CPU is short, and new connections would cost
 * more CPU. Milliseconds.
 */
const SHORT = 2;

/**
 * Serves one request at a time in each of its threads, with keep-alive. This class is what runs in a thread. Gunicorn:
 * gthread.
 *
 * A kept connection is bound to its thread: the next request on it waits while that thread is busy, even if another
 * thread is idle. So a connection is kept only while that wait is expected to be shorter than a new connection takes.
 * For short requests that is always so; for long ones, while the thread has little to do.
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
