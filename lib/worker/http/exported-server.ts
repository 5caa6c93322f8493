import http, { type Server, type ServerOptions } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { decodeScript } from '../../protocol/script.js';
import { DRAFT, type HttpOptions } from '../../protocol/spec.js';
import type { Acceptor } from '../accept/acceptor.js';
import { pendingOf, servedOf, streamOf } from '../connections/connection.js';
import { closeIfIdle } from '../connections/half-close.js';
import { spec } from '../context.js';
import { departure } from '../drain-signal.js';
import type { Listener } from '../handlers/listener.js';
import type { WorkerContext } from '../worker.js';

type Fields = Server & Record<string | symbol, unknown>;

/** Options that Node keeps under symbols with these descriptions. */
const HIDDEN: Readonly<Record<string, string>> = {
  uniqueHeaders: 'kUniqueHeaders',
  optimizeEmptyRequests: 'kOptimizeEmptyRequestsOption',
};

function hidden(server: object, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(server).find((symbol) => symbol.description === description);
  return symbol && (server as Fields)[symbol];
}

/** Sets on a server the options that the Arbiter was given; all other options of the server stay as they are. */
export function applyOptions(server: Server, options: HttpOptions): void {
  const model = http.createServer(options) as Fields;
  for (const [name, value] of Object.entries(options)) {
    const symbol = Object.getOwnPropertySymbols(model).find(({ description }) => description === HIDDEN[name]);
    const key = symbol ?? name;
    (server as Fields)[key] = key in model ? model[key] : value;
  }
  // Node adjusts `headersTimeout` to `requestTimeout` like this when it makes a server.
  if (
    options.requestTimeout &&
    server.headersTimeout > options.requestTimeout &&
    options.headersTimeout === undefined
  ) {
    server.headersTimeout = options.requestTimeout;
  }
}

const PARSING = [
  ...(['insecureHTTPParser', 'httpValidation', 'maxHeaderSize', 'requireHostHeader', 'joinDuplicateHeaders'] as const),
  'rejectNonStandardBodyWrites',
] as const;
/**
 * Gives a server for HTTP/2 what a server of HTTP/1.1 with these options has. For its clients of HTTP/1.1, Node looks
 * for that there, but before version 24 it takes none of it as an option, and has no defaults for it.
 */
export function applyToHttp1(server: object, options: ServerOptions): void {
  const [fields, model] = [server as Fields, http.createServer(options) as Fields];
  for (const name of PARSING) if (model[name] !== undefined) fields[name] = model[name];
  for (const symbol of Object.getOwnPropertySymbols(model)) {
    if (Object.values(HIDDEN).some((description) => description === symbol.description)) fields[symbol] = model[symbol];
  }
}

const LIMITS = ['timeout', 'maxRequestsPerSocket', 'maxHeadersCount', 'requestTimeout', 'headersTimeout'] as const;

/**
 * The options of the application's server, for the server that is fed in its place. Limits that are 0 are left out:
 * Fastify sets 0 where it was given no limit, and a 0 would lift the limits of Node. How long connections are kept is
 * decided by the Arbiter's option.
 */
export function optionsOf(server: Server): { options: ServerOptions; limits: Readonly<Record<string, unknown>> } {
  const fields = server as Fields;
  const pick = (names: readonly string[]): Record<string, unknown> =>
    Object.fromEntries(
      names.filter((name) => fields[name] || fields[name] === false).map((name) => [name, fields[name]]),
    );
  const options = pick(PARSING);
  for (const name of ['IncomingMessage', 'ServerResponse']) {
    const own = hidden(server, name);
    // A server for HTTP/2 has these options, for its HTTP/1.1 requests, under the names with the prefix `Http1`.
    if (own) Object.assign(options, { [name]: own, [`Http1${name}`]: own });
  }
  return { options: options as ServerOptions, limits: pick(LIMITS) };
}

/** Whether a server was made with `IncomingMessage` or `ServerResponse` classes of its own. */
function hasOwnClasses(server: Server): boolean {
  return ['IncomingMessage', 'ServerResponse'].some((name) => {
    const own = hidden(server, name);
    return own !== undefined && own !== http[name as 'IncomingMessage'];
  });
}

/**
 * The socket options that an `http.Server` would apply to the connections that it accepts: its own, overridden by those
 * of the Arbiter.
 */
export function socketOptions(server: Server | undefined, options: HttpOptions): HttpOptions {
  const { noDelay, keepAlive, keepAliveInitialDelay, highWaterMark } = (server ?? {}) as Partial<Fields>;
  // Node keeps this option in seconds on the server, and takes it in milliseconds.
  const initialDelay = typeof keepAliveInitialDelay === 'number' ? keepAliveInitialDelay * 1_000 : 0;
  const own = server && { noDelay, keepAlive, keepAliveInitialDelay: initialDelay, highWaterMark };
  const all = { noDelay: true, keepAlive: false, keepAliveInitialDelay: 0, ...own, ...options };
  return {
    ...{ noDelay: all.noDelay as boolean, keepAlive: all.keepAlive as boolean },
    keepAliveInitialDelay: all.keepAliveInitialDelay,
    ...(all.highWaterMark !== undefined && { highWaterMark: all.highWaterMark as number }),
  };
}

/** A warning for each property of the exported server that has no effect, or less than expected. */
function withoutEffect(server: Server, http2: boolean): string[] {
  const { maxConnections, pauseOnConnect } = server as Fields;
  return [
    ...(http2 && hasOwnClasses(server) ? ['the classes of the exported server are used for HTTP/1.1 only'] : []),
    ...(maxConnections ? ["'maxConnections' of the exported server has no effect: set 'workerConnections'"] : []),
    ...(pauseOnConnect ? ["'pauseOnConnect' of the exported server has no effect"] : []),
  ];
}

/** For an application that takes upgrades, in a worker class that serves none. */
const NO_UPGRADES =
  "the application listens to 'upgrade' (WebSockets), and this worker class serves no upgrades, but plain requests: take the class 'async', -k async";

/** How warnings are reported about an application whose server supports more than its worker class. */
export interface Told {
  readonly warn: (message: string) => void;
  /** The application listens for upgrades, or an upgrade for it has come, and the class serves none. Warns once. */
  readonly onUnserved: () => void;
}

export function toldOf(context: WorkerContext, upgrades: boolean): Told {
  const warn = (message: string): void => context.warn('server', message);
  let isTold = upgrades;
  return {
    warn,
    onUnserved() {
      if (!isTold) warn(NO_UPGRADES);
      isTold = true;
    },
  };
}

/**
 * A script may listen for upgrades without ever needing them, as `next start` does. So for a script the warning waits
 * for the first client that asks for an upgrade.
 */
function wantsUpgrades(server: Server): boolean {
  return server.listenerCount('upgrade') > 0 && decodeScript(spec?.app ?? '') === undefined;
}

/**
 * The path of the first address, if that is a Unix socket of the Arbiter's own; Node cannot tell it from a descriptor.
 * The socket was bound under its draft name, which ends in {@link DRAFT}.
 */
const PATH = pathOf(spec?.locals[0] ?? '');

function pathOf(local: string): string | null {
  if (!local.startsWith('/') || !local.endsWith(DRAFT)) return null;
  return Buffer.from(local, 'latin1').toString().slice(0, -DRAFT.length);
}

/**
 * Makes a server report what holds for its worker: it is listening, and has an address and connections, although it
 * never listens itself. Returns what closes it when the worker has had its last request, if its `close()` was called
 * before.
 *
 * @param leave - has the worker leave, so that it takes no new clients: what `close()` of a server means.
 */
function speakFor(server: Server, acceptor: Acceptor, leave: () => void): () => void {
  const define = (name: string, value: unknown): void =>
    void Object.defineProperty(server, name, { value, writable: true, configurable: true });
  const isOver = (): boolean => acceptor.left && acceptor.connections.size === 0;
  Object.defineProperty(server, 'listening', { get: () => !acceptor.left, configurable: true });
  define('address', (): AddressInfo | string | null => (acceptor.left ? null : (acceptor.address ?? PATH)));
  define('getConnections', (callback: (error: Error | null, count: number) => void) => {
    const { size } = acceptor.connections;
    process.nextTick(callback, null, size);
    return server;
  });
  define('listen', () => {
    // It was closed to listen anew: the worker that has taken over does so.
    if (isOver()) return server;
    throw Object.assign(new Error('the workers accept for this server: remove its listen()'), {
      code: 'ERR_SERVER_ALREADY_LISTEN',
    });
  });
  // Node's own method destroys idle connections, along with data that is still on its way to them. `close()` calls this
  // too.
  define('closeIdleConnections', () => {
    for (const socket of acceptor.connections) closeKept(socket);
  });
  // Node passes ERR_SERVER_NOT_RUNNING to the callback of a server that does not listen. Code that gets this error
  // often goes no further, and ends nothing. So the callback gets no error.
  const { close } = server;
  let isAsked = false;
  define('close', (callback?: () => void) => {
    if (isOver()) return close.call(server, callback && (() => callback()));
    // While the worker serves, the server has nothing to wait for, and its callback may be `process.exit()`.
    if (callback) server.once('close', () => callback());
    if (!isAsked) leave();
    isAsked = true;
    return server;
  });
  return () => void (isAsked && close.call(server));
}

function closeKept(socket: Socket): void {
  const { bytesRead } = socket;
  const isIdle = (): boolean => servedOf(socket) > 0 && pendingOf(socket) === 0 && socket.bytesRead === bytesRead;
  const stream = streamOf(socket);
  // A connection without a parser is an upgrade, or speaks HTTP/2.
  if (isIdle() && (stream as { parser?: unknown }).parser) closeIfIdle(stream, isIdle);
}

/**
 * Begins to accept, for a server that then looks as if it listened itself. Returns what is to be called when the worker
 * has had its last request.
 */
export async function openFor(
  server: object,
  { own, beside }: Listener,
  acceptor: Acceptor,
  { warn, onUnserved }: Told,
): Promise<() => void> {
  const leave = (): void => leaveFor(warn);
  const closes = [server as Server, beside].flatMap((each) => (each ? speakFor(each, acceptor, leave) : []));
  await acceptor.open();
  const exported = own?.server ?? beside;
  if (exported) for (const message of withoutEffect(exported, 'updateSettings' in server)) warn(message);
  if (exported && wantsUpgrades(exported)) onUnserved();
  if (exported && spec?.sockets !== 0) announce(exported);
  // The application's own server is closed with the application.
  return () => closes.slice(own ? 1 : 0).forEach((close) => void close());
}

/** Leaves as by a signal to this process alone: the master starts another worker, and this one drains. */
function leaveFor(warn: Told['warn']): void {
  if (departure.hasBegun) return;
  const then = isMainThread ? 'its worker is to drain, and is replaced' : 'a thread serves on until its worker drains';
  warn(`the application has closed its server, which is served: ${then}`);
  if (isMainThread) process.kill(process.pid, 'SIGTERM');
}

/**
 * Calls the application's 'listening' listeners. Node's own listener is left out: it was called when the server was
 * made ready to be fed.
 */
function announce(server: Server): void {
  for (const listener of server.rawListeners('listening')) if (!isSetup(listener)) listener.call(server);
}

/**
 * Starts the timers without which a server enforces none of its timeouts. Node's listener is called directly: the
 * 'listening' event would tell the application that the server has an address already.
 */
export function beginTimeouts(server: Server): void {
  const setup = server.rawListeners('listening').find(isSetup);
  if (setup) setup.call(server);
  else server.emit('listening');
}

function isSetup({ name }: { readonly name: string }): boolean {
  return name === 'setupConnectionsTracking';
}
