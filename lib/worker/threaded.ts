import type { ServerResponse } from 'node:http';
import type { Handler, WorkerKind } from '../options/types.js';
import { HttpWorker } from './http.js';

/**
 * One request at a time in each of its threads, with keep-alive; this class is what runs in a thread. Gunicorn: gthread.
 */
export class ThreadedWorker<App = Handler> extends HttpWorker<App> {
  static override readonly kind: WorkerKind = 'threads';
  protected override readonly capacity: number = 1;
  protected override readonly places = 'requests';

  protected override prepare(response: ServerResponse): void {
    super.prepare(response);
  }
}
