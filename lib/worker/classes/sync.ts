/*
 * What the three classes differ in, and nothing else: how many requests have a place, and what becomes of a connection behind an answer.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Handler } from '../../options/handler.js';
import { connectionOf, servedOf } from '../connections/connection.js';
import { HttpWorker } from '../http/http-worker.js';

/**
 * One request at a time, and a connection for each: an error hits one request, and nothing waits behind a busy
 * worker. Gunicorn: the sync worker.
 */
export class SyncWorker<App = Handler> extends HttpWorker<App> {
  protected override readonly capacity: number = 1;
  protected override readonly places = 'requests';

  /** A client that pipelines gets its first request served: the connection ends with that answer. */
  protected override admit(request: IncomingMessage): boolean {
    return servedOf(connectionOf(request)) === 0;
  }

  protected override closes(_response: ServerResponse): boolean {
    return true;
  }
}
