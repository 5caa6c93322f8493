import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import type { RequestListener } from '../options/types.js';
import { Acceptor } from './acceptor.js';
import { Worker } from './base.js';

/** An acceptor, an `http.Server` that it feeds, and the application's handler. */
export abstract class HttpWorker<App extends RequestListener> extends Worker<App> {
  /** How many connections this worker holds at once. */
  protected abstract readonly capacity: number;
  readonly #active = new Set<ServerResponse>();
  #acceptor: Acceptor | undefined;

  /** Whether a request is served at all; one that is not gets no answer. */
  protected admit(_request: IncomingMessage): boolean {
    return true;
  }

  /** What the class does to each response before the handler sees it. */
  protected prepare(_response: ServerResponse): void {}

  override async run(): Promise<void> {
    const { spec, slot, fail } = this.context;
    const { maxHeadersCount, ...options } = spec.http;
    const server = http.createServer(options, (request, response) => this.#serve(request, response));
    if (maxHeadersCount !== undefined) server.maxHeadersCount = maxHeadersCount;
    // It never listens itself; without this event it would enforce none of its timeouts.
    server.emit('listening');
    const { noDelay = true, keepAlive = false, keepAliveInitialDelay = 0, highWaterMark } = options;
    const acceptor = new Acceptor({
      sockets: spec.sockets,
      backlog: spec.backlog,
      capacity: this.capacity,
      socket: { noDelay, keepAlive, keepAliveInitialDelay, ...(highWaterMark !== undefined && { highWaterMark }) },
      onConnection: (socket: Socket) => void server.emit('connection', socket),
      onError: fail,
    });
    slot.countConnections(() => acceptor.connections);
    this.#acceptor = acceptor;
    await acceptor.open();
  }

  override async stop(): Promise<void> {
    await this.#acceptor?.close();
  }

  override async crash(): Promise<void> {
    const closed = this.#acceptor?.close();
    for (const response of this.#active) refuse(response);
    await closed;
  }

  /** Runs the handler. What it throws or rejects with is a failure of this request alone. */
  protected handle(request: IncomingMessage, response: ServerResponse): unknown {
    return this.app(request, response);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (!this.admit(request)) return;
    const { slot } = this.context;
    let failed = false;
    this.#active.add(response);
    slot.begin(request.method ?? '', request.url ?? '');
    response.on('close', () => {
      this.#active.delete(response);
      slot.end(failed);
    });
    this.prepare(response);
    const onFailure = (error: unknown): void => {
      failed = true;
      report(error, request);
      refuse(response);
    };
    try {
      const result = this.handle(request, response);
      if (isThenable(result)) result.then(undefined, onFailure);
    } catch (error) {
      onFailure(error);
    }
  }
}

/** 500 while the head has not been sent; after that only the broken connection can tell the client. */
function refuse(response: ServerResponse): void {
  if (response.headersSent) {
    if (!response.writableFinished) response.destroy();
    return;
  }
  const body = 'Internal Server Error\n';
  try {
    // The application's headers described the body that does not come.
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.writeHead(500, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': body.length,
      Connection: 'close',
    });
    response.end(body);
  } catch {
    // The application has put a method of its own in the way.
    response.destroy();
  }
}

function report(error: unknown, { method, url }: IncomingMessage): void {
  const stack = error instanceof Error && error.stack ? error.stack : inspect(error);
  process.stderr.write(
    `prefork: worker ${process.pid}: the handler failed on ${method} ${JSON.stringify(url)}: ${stack}\n`,
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
