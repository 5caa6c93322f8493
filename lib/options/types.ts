import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import type { HttpOptions } from '../protocol.js';

/** A listener of Node's `http`, or anything callable like one. It may return a promise; a rejection is answered 500 like a throw. */
export type RequestListener = (request: IncomingMessage, response: ServerResponse) => unknown;

/** An application that makes its listener itself: Koa. */
export interface CallbackHandler {
  callback(): RequestListener;
}

/** An application that must get ready before it takes requests: Fastify. */
export interface RoutingHandler {
  ready(): PromiseLike<unknown>;
  routing(request: IncomingMessage, response: ServerResponse): unknown;
  /** Called once, after the last request. */
  close?(): unknown;
}

/**
 * An application that speaks the Fetch API: Hono, `export default { fetch }`. It is served through `@hono/node-server`,
 * which must be installed beside this package. The second argument is its environment, with the objects of Node.
 */
export interface FetchHandler {
  fetch(
    request: Request,
    environment: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse },
  ): Response | Promise<Response>;
}

/** What the built-in worker classes serve. The `Server` must not listen; its listeners take the requests. */
export type Handler = RequestListener | CallbackHandler | RoutingHandler | FetchHandler | Server;

/** One address to serve, see {@link ArbiterOptions.bind}. */
export type BindOption =
  | string
  | { readonly host?: string; readonly port: number }
  | { readonly path: string; readonly mode?: number }
  | { readonly fd: number };

/** The signals that the master acts on. */
export type MasterSignal = 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGTTIN' | 'SIGTTOU';

/**
 * The options of an {@link Arbiter}. All durations are milliseconds, all sizes bytes.
 *
 * @typeParam App - the handler type of the worker class.
 */
export interface ArbiterOptions<App = Handler> {
  /**
   * The application.
   *
   * *Module form*, a string or URL: `'./app.js'`, `'./app.js#name'`, a package name or a file URL, resolved
   * from {@link ArbiterOptions.cwd}. Each worker imports it; the handler is the default or the named export,
   * or a promise of one. The host script is not run in the workers.
   *
   * *Inline form*, anything else: the handler itself, or a promise of it. Each worker runs the host's entry
   * script again up to `run()` or `start()` of the Arbiter of the same `name`, which then serves and never
   * returns. Names must differ where one script has several Arbiters.
   */
  // Not inferred from here, else whatever comes would be the handler type.
  readonly app: NoInfer<string | URL | App | Promise<App>>;
  /** Tells Arbiters of one host apart; part of the process titles. Printable characters, 1 to 64. @defaultValue `'prefork'` */
  readonly name?: string;
  /** Number of worker processes, at least 1. Gunicorn: `workers`. @defaultValue `WEB_CONCURRENCY`, else `os.availableParallelism()` */
  readonly workers?: number;
  /** `'sync'`: one request at a time, the connection is closed after each. Gunicorn: `worker_class`. @defaultValue `'sync'` */
  readonly workerClass?: 'sync';
  /**
   * Where to serve: `'host:port'`, `':port'` (every address, IPv6 and IPv4), `'[::1]:port'`, `'unix:/path'`,
   * `'fd://3'` (a socket that this process inherited), `{ host, port }`, `{ path, mode }`, `{ fd }`, or several
   * of them. Port 0 lets the system choose, see {@link Arbiter.addresses}. Gunicorn: `bind`.
   * @defaultValue `'127.0.0.1:8000'`
   */
  readonly bind?: BindOption | readonly BindOption[];
  /** Length of the kernel's queue of connections that wait for a worker, listen(2). Gunicorn: `backlog`. @defaultValue `2048` */
  readonly backlog?: number;
  /** From the spawn of a worker until it is ready; then it is killed. 0 = no limit. @defaultValue `60000` */
  readonly bootTimeout?: number;
  /** From the order to drain until a worker is killed. Gunicorn: `graceful_timeout`. @defaultValue `30000` */
  readonly gracefulTimeout?: number;
  /** Of Node's `http.Server`: for the complete head of a request. 0 = no limit. @defaultValue Node's (60000) */
  readonly headersTimeout?: number;
  /** Of Node's `http.Server`: for the complete request. 0 = no limit. @defaultValue Node's (300000) */
  readonly requestTimeout?: number;
  /** Of Node's `http.Server`: bytes of a request's head. @defaultValue Node's (16384) */
  readonly maxHeaderSize?: number;
  /** Of Node's `http.Server`: further headers are ignored. @defaultValue Node's (2000) */
  readonly maxHeadersCount?: number;
  /** Further options for `http.createServer`, as data. @defaultValue `{}` */
  readonly server?: ServerOptions;
  /** Working directory of the workers, and where module specifiers are resolved. Gunicorn: `chdir`. @defaultValue `process.cwd()` */
  readonly cwd?: string;
  /** Variables that the workers get on top of the host's own; `undefined` removes one. Gunicorn: `raw_env`. @defaultValue `{}` */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Flags of node for the workers. A fixed inspector port becomes a free one. @defaultValue `process.execArgv` */
  readonly execArgv?: readonly string[];
  /** User of the workers, name or number; the master must be root. Gunicorn: `user`. @defaultValue the master's */
  readonly user?: string | number;
  /** Group of the workers, name or number; the master must be root. Gunicorn: `group`. @defaultValue the user's own, else the master's */
  readonly group?: string | number;
  /** File mode mask of the workers, 0 to 0o777. Gunicorn: `umask`. @defaultValue the master's */
  readonly umask?: number;
  /**
   * Whether `start()` installs handlers for the signals of the master: `false` for hosts that own their
   * signals, or a map of those to leave alone, `{ SIGINT: false }`.
   * @defaultValue `true`
   */
  readonly signals?: boolean | Readonly<Partial<Record<MasterSignal, boolean>>>;
}

/** A `bind` after parsing. */
export type BindAddress =
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string; readonly mode: number | undefined }
  | { readonly kind: 'fd'; readonly fd: number };

/** The application as the master needs it: a specifier for the workers, or nothing but the fact that it is inline. */
export type AppSource = { readonly form: 'module'; readonly specifier: string } | { readonly form: 'inline' };

/** Every option with its value, checked. */
export interface ResolvedOptions {
  readonly source: AppSource;
  readonly app: unknown;
  readonly name: string;
  readonly workers: number;
  readonly bind: readonly BindAddress[];
  readonly backlog: number;
  readonly bootTimeout: number;
  readonly gracefulTimeout: number;
  readonly http: HttpOptions;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  readonly user: string | number | undefined;
  readonly group: string | number | undefined;
  readonly umask: number | undefined;
  readonly signals: readonly MasterSignal[];
}
