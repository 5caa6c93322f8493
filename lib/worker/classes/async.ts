import type { Handler } from '../../options/handler.js';
import { HttpWorker } from '../http/http-worker.js';

/**
 * Serves many requests at once, with keep-alive, upgrades and HTTP/2: for applications that wait more than they
 * compute. With `workerConnections` connections open, it accepts no more until one closes. To let another client in, it
 * closes a connection that has been idle for a second. Gunicorn: its gevent and eventlet workers.
 */
export class AsyncWorker<App = Handler> extends HttpWorker<App> {
  protected override readonly capacity: number = this.options.workerConnections;
  protected override readonly places = 'connections';
  protected override readonly upgrades = true;
}
