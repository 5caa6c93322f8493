import http, { type Server, type ServerOptions } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { decodeScript } from '../../protocol/script.js';
import { DRAFT, type HttpOptions } from '../../protocol/spec.js';
import type { Acceptor } from '../accept/acceptor.js';
import { pendingOf, servedOf, streamOf } from '../connections/connection.js';
import { closeIfIdle } from '../connections/half-close.js';
import { spec } from '../context.js';
import type { Listener } from '../handlers/listener.js';
import type { WorkerContext } from '../worker.js';

type Fields = Server & Record<string | symbol, unknown>;

/** Options that Node keeps behind symbols of these names. */
const HIDDEN: Readonly<Record<string, string>> = {
  uniqueHeaders: 'kUniqueHeaders',
  optimizeEmptyRequests: 'kOptimizeEmptyRequestsOption',
};

function hidden(server: object, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(server).find((symbol) => symbol.description === description);
  return symbol && (server as Fields)[symbol];
}

/** Gives a server the options that the Arbiter has been given; all others stay its own. */
export function applyOptions(server: Server, options: HttpOptions): void {
  const model = http.createServer(options) as Fields;
  for (const [name, value] of Object.entries(options)) {
    const symbol = Object.getOwnPropertySymbols(model).find(({ description }) => description === HIDDEN[name]);
    const key = symbol ?? name;
    (server as Fields)[key] = key in model ? model[key] : value;
  }
  // A server has these two consistent when it is made.
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
const LIMITS = ['timeout', 'maxRequestsPerSocket', 'maxHeadersCount', 'requestTimeout', 'headersTimeout'] as const;

/**
 * The options of a server that is not fed itself. Limits that are 0 are left out: that is what Fastify sets where it has been told nothing, and
 * would lift those of Node. How long connections are kept is the Arbiter's matter.
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
    // Those of HTTP/1.1 have these names in a server for HTTP/2.
    if (own) Object.assign(options, { [name]: own, [`Http1${name}`]: own });
  }
  return { options: options as ServerOptions, limits: pick(LIMITS) };
}

/** Whether the requests of a server are objects of classes of its own. */
function hasOwnClasses(server: Server): boolean {
  return ['IncomingMessage', 'ServerResponse'].some((name) => {
    const own = hidden(server, name);
    return own !== undefined && own !== http[name as 'IncomingMessage'];
  });
}

/** What an `http.Server` would set on the connections that it accepts, by its own options and those of the Arbiter. */
export function socketOptions(server: Server | undefined, options: HttpOptions): HttpOptions {
  const { noDelay, keepAlive, keepAliveInitialDelay, highWaterMark } = (server ?? {}) as Partial<Fields>;
  // The server has it in seconds.
  const initialDelay = typeof keepAliveInitialDelay === 'number' ? keepAliveInitialDelay * 1_000 : 0;
  const own = server && { noDelay, keepAlive, keepAliveInitialDelay: initialDelay, highWaterMark };
  const all = { noDelay: true, keepAlive: false, keepAliveInitialDelay: 0, ...own, ...options };
  return {
    ...{ noDelay: all.noDelay as boolean, keepAlive: all.keepAlive as boolean },
    keepAliveInitialDelay: all.keepAliveInitialDelay,
    ...(all.highWaterMark !== undefined && { highWaterMark: all.highWaterMark as number }),
  };
}

/** What of a server has no effect here, by name. */
function withoutEffect(server: Server, http2: boolean): string[] {
  const { maxConnections, pauseOnConnect } = server as Fields;
  return [
    ...(http2 && hasOwnClasses(server) ? ['the classes of the exported server are used for HTTP/1.1 only'] : []),
    ...(maxConnections ? ["'maxConnections' of the exported server has no effect: set 'workerConnections'"] : []),
    ...(pauseOnConnect ? ["'pauseOnConnect' of the exported server has no effect"] : []),
  ];
}

/** For applications that take upgrades, in classes that serve none. */
const NO_UPGRADES =
  "the application listens to 'upgrade' (WebSockets), and this worker class serves no upgrades, but plain requests: take the class 'async', -k async";

/** What is told of an application whose server has more than its class serves. */
export interface Told {
  readonly warn: (message: string) => void;
  /** The application waits for upgrades, or gets one, and the class serves none: told once. */
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

/** Of a script it may listen and never need to, as that of `next start` does: there the first client tells. */
function wantsUpgrades(server: Server): boolean {
  return server.listenerCount('upgrade') > 0 && decodeScript(spec?.app ?? '') === undefined;
}

/** Where the first address is a Unix socket of the Arbiter's own, its path, which Node does not know of a descriptor. It was bound by its draft's name. */
const PATH = pathOf(spec?.locals[0] ?? '');

function pathOf(local: string): string | null {
  if (!local.startsWith('/') || !local.endsWith(DRAFT)) return null;
  return Buffer.from(local, 'latin1').toString().slice(0, -DRAFT.length);
}

/** Has a server say of itself what holds of its worker: it has connections and an address, though it does not listen. */
function speakFor(server: Server, acceptor: Acceptor): void {
  const define = (name: string, value: unknown): void =>
    void Object.defineProperty(server, name, { value, writable: true, configurable: true });
  Object.defineProperty(server, 'listening', { get: () => !acceptor.left, configurable: true });
  define('address', (): AddressInfo | string | null => (acceptor.left ? null : (acceptor.address ?? PATH)));
  define('getConnections', (callback: (error: Error | null, count: number) => void) => {
    const { size } = acceptor.connections;
    process.nextTick(callback, null, size);
    return server;
  });
  define('listen', () => {
    throw Object.assign(new Error('the workers accept for this server: remove its listen()'), {
      code: 'ERR_SERVER_ALREADY_LISTEN',
    });
  });
  // Node destroys them, with what is on its way to them. Also `close()` calls this.
  define('closeIdleConnections', () => {
    for (const socket of acceptor.connections) closeKept(socket);
  });
  // Node tells one that does not listen that it is not running; who hears that has often no other way on, and ends nothing.
  const { close } = server;
  define('close', (callback?: () => void) => close.call(server, callback && (() => callback())));
}

function closeKept(socket: Socket): void {
  const { bytesRead } = socket;
  const isIdle = (): boolean => servedOf(socket) > 0 && pendingOf(socket) === 0 && socket.bytesRead === bytesRead;
  const stream = streamOf(socket);
  // What has no parser is an upgrade, or speaks HTTP/2.
  if (isIdle() && (stream as { parser?: unknown }).parser) closeIfIdle(stream, isIdle);
}

/** Begins to accept, for a server that is as one that listens by itself. */
export async function openFor(
  server: object,
  { own, beside }: Listener,
  acceptor: Acceptor,
  { warn, onUnserved }: Told,
): Promise<void> {
  for (const each of [server as Server, beside]) if (each) speakFor(each, acceptor);
  await acceptor.open();
  const exported = own?.server ?? beside;
  if (exported) for (const message of withoutEffect(exported, 'updateSettings' in server)) warn(message);
  if (exported && wantsUpgrades(exported)) onUnserved();
  if (exported && spec?.sockets !== 0) announce(exported);
}

/** Tells who waits for it that the server listens. Node's own listener has been called when it began to be fed. */
function announce(server: Server): void {
  for (const listener of server.rawListeners('listening')) if (!isSetup(listener)) listener.call(server);
}

/** Without this a server would enforce none of its timeouts. Not by the event, which tells the application that there is an address. */
export function beginTimeouts(server: Server): void {
  const setup = server.rawListeners('listening').find(isSetup);
  if (setup) setup.call(server);
  else server.emit('listening');
}

function isSetup({ name }: { readonly name: string }): boolean {
  return name === 'setupConnectionsTracking';
}
