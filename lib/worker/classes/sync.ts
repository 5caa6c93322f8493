/*
 * The three worker classes differ only in how many requests have a place, and in what happens to a connection after an
 * answer.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Handler } from '../../options/handler.js';
import { connectionOf, servedOf } from '../connections/connection.js';
import { HttpWorker } from '../http/http-worker.js';

/**
 * Serves one request at a time, and one request per connection. So an error hits one request, and nothing waits behind
 * a busy worker. Gunicorn: the sync worker.
 */
export class SyncWorker<App = Handler> extends HttpWorker<App> {
  protected override readonly capacity: number = 1;
  protected override readonly places = 'requests';

  /** Of a client that pipelines, only the first request is served: the connection ends with that answer. */
  protected override admit(request: IncomingMessage): boolean {
    return servedOf(connectionOf(request)) === 0;
  }

  protected override closes(_response: ServerResponse): boolean {
    return true;
  }
}
