import type { ServerOptions } from 'node:http';
import type { Writable } from 'node:stream';
import type { ResourceLimits } from 'node:worker_threads';
import type { AccessLogSettings } from './access-format.js';
import type { Handler } from './handler.js';
import type { BindOption, ControlOption } from './listening.js';
import type { Logger } from './logger.js';
import type { TlsSettings } from './tls.js';
import type { TrustedProxies } from './trust.js';
import type { WorkerClassOption } from './worker-class.js';

/** The signals that the master acts on. */
export type MasterSignal =
  | ('SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGTTIN' | 'SIGTTOU')
  | ('SIGHUP' | 'SIGWINCH' | 'SIGUSR1' | 'SIGUSR2');

/**
 * The options of an {@link Arbiter}. All durations are milliseconds, all sizes bytes.
 * @typeParam App - the handler type of the worker class.
 */
export interface ArbiterOptions<App = Handler> {
  /**
   * The application. *Module form*, a string or URL: `'./app.js'`, `'./app.js#name'`, a package name or a file URL,
   * resolved from {@link ArbiterOptions.cwd}. Each worker imports it. The handler is the default or the named export,
   * or a promise of one. The host script is not run in the workers.
   *
   * *Inline form*, anything else: the handler itself, or a promise of it. Each worker runs the host's script again up
   * to `run()` or `start()` of the Arbiter with the same `name`, which then serves and never returns. If one script has
   * several Arbiters, their names must differ.
   */
  // NoInfer: otherwise any value given here would become the handler type.
  readonly app: NoInfer<string | URL | App | Promise<App>>;
  /**
   * Tells the Arbiters of one host apart. Part of the process titles. 1 to 64 printable characters.
   * @defaultValue `'prefork'`
   */
  readonly name?: string | undefined;
  /**
   * Number of worker processes, 1 to 4096. Gunicorn: `workers`. @defaultValue `WEB_CONCURRENCY`, else
   * `os.availableParallelism()`
   */
  readonly workers?: number | undefined;
  /**
   * How many further workers have booted and wait, beside {@link ArbiterOptions.workers}. One takes over within
   * milliseconds when a worker dies, gets SIGTERM from outside, or one more is asked for; then another spare is
   * started. Each costs the memory of an idle worker. A spare has loaded the application and run `init` of a class of
   * yours, so it has its database connections and timers. It serves nobody, and its `worker.id` is 0 until it takes a
   * slot. At most 4096. Gunicorn has no such setting. @defaultValue `0`
   */
  readonly spares?: number | undefined;
  /**
   * How a worker serves. `'sync'`: one request at a time, and the connection is closed after each. `'threaded'`: one
   * in each of its {@link ArbiterOptions.threads}, with keep-alive. `'async'`: many at once. Or a subclass of these or
   * of `Worker`: the specifier of its module, `'./my-worker.js#MyWorker'`, resolved like the app; or, only with the
   * inline form of `app`, the class itself. Gunicorn: `worker_class`. @defaultValue `'sync'`
   */
  readonly workerClass?: WorkerClassOption<App> | undefined;
  /** Threads of a threaded worker, 1 to 256. Gunicorn: `threads`. @defaultValue `4` */
  readonly threads?: number | undefined;
  /**
   * Limits of each thread of a threaded worker, megabytes, as `resourceLimits` of Node's `Worker`: only the thread that
   * exceeds them is replaced, if Node can end it alone. They also apply where {@link ArbiterOptions.execArgv} or
   * NODE_OPTIONS limits the heap. @defaultValue Node's
   */
  readonly resourceLimits?: Readonly<ResourceLimits> | undefined;
  /**
   * Connections that a worker (threaded: a thread) holds at once, including those that wait for a request. At this
   * limit, an async worker closes one that has been idle for a second to let another in; if none is, it accepts no
   * more. Other classes close the one that has waited longest. Gunicorn: `worker_connections`. @defaultValue `1000`
   */
  readonly workerConnections?: number | undefined;
  /**
   * How long a connection of a threaded or async worker is kept open for the next request. 0 = it is closed after each
   * request. Gunicorn: `keepalive`.
   * @defaultValue `5000`
   */
  readonly keepAlive?: number | undefined;
  /**
   * Bytes of a request's body that a sync or threaded worker waits for before the request takes its place. Until that
   * much, or the whole body, has arrived, a slow client delays nobody else. The rest of a longer body arrives while the
   * handler runs. Each worker (threaded: thread) waits for 64 times as much in all. 0 = the handler is called as soon
   * as the head has arrived. nginx: `client_body_buffer_size`. Gunicorn leaves this to a proxy.
   * @defaultValue `1048576`
   */
  readonly requestBuffer?: number | undefined;
  /**
   * Whether a client that has ended its side of the connection after its request still gets the answer (half-closed, as
   * by `nc -N`). Otherwise the client counts as gone, as with Node's own servers: its request is not begun if it had to
   * wait, and an answer is dropped. Plain connections only. Node: `httpAllowHalfOpen`. @defaultValue `false`
   */
  readonly allowHalfOpen?: boolean | undefined;
  /** Serve TLS. @defaultValue none: plain */
  readonly tls?: TlsSettings | undefined;
  /**
   * How long all workers use the same keys for the tickets of TLS sessions. 0 = as long as the certificate stays the
   * same. A reload with another certificate brings new keys at once. A client with an older ticket does a full
   * handshake. Not allowed with `ticketKeys` of your own in `tls`. Caddy: `rotation_interval`.
   * @defaultValue `43200000`
   */
  readonly ticketKeyRotation?: number | undefined;
  /** Speak HTTP/2, and HTTP/1.1 beside it, over `tls`; for the async class. @defaultValue `false` */
  readonly http2?: boolean | undefined;
  /**
   * Where to serve: `'host:port'`, `':port'` (every address, IPv6 and IPv4), `'[::1]:port'`, `'unix:/path'`, `'fd://3'`
   * (a socket that this process inherited), `'systemd'` (all sockets passed by socket activation), `'systemd:NAME'`
   * (those with that `FileDescriptorName=`), `{ host, port }`, `{ path, mode, user, group }`, `{ fd }`, or an array of
   * these. Port 0 lets the system choose, see {@link Arbiter.addresses}. `[]` is for a worker class of yours without a
   * socket. The file of a Unix socket belongs to `user` and `group`, names or numbers, else to the workers' account.
   * Gunicorn: `bind`. @defaultValue the sockets that systemd passed to this process, else `'127.0.0.1:8000'`
   */
  readonly bind?: BindOption | readonly BindOption[] | undefined;
  /**
   * Length of the kernel's queue of connections that wait for a worker, listen(2), for each address. The system may cut
   * it, see the event `queue:cut`. Gunicorn: `backlog`. @defaultValue `2048`
   */
  readonly backlog?: number | undefined;
  /**
   * How long one request of a sync worker, or of a thread of a threaded one, may take, and how long the event loop of
   * any worker may stand still. Then the client gets 504 if no head of an answer has been sent, the worker (threaded:
   * thread) ends and is replaced, and `'worker:timeout'` tells what it was doing. The time of a request counts from the
   * call of the handler until the handler has ended the answer. Time when the worker could not run (CPU busy, machine
   * asleep) does not count. 0 = no limit. Gunicorn: `timeout`.
   * @defaultValue `30000`
   */
  readonly timeout?: number | undefined;
  /**
   * Whether each sync or async worker has a thread that watches its main thread, for 9 to 14 MB of memory. If the main
   * thread hangs, the watchdog finds out where, and answers its clients. Without it, a worker that hangs is only
   * killed, a moment later. Threaded workers need no watchdog. @defaultValue `true`
   */
  readonly watchdog?: boolean | undefined;
  /**
   * How long a request may take before it is reported, once, with what it is doing. The request goes on. 0 = never.
   * `'worker:slow'` and the log say whether it runs JavaScript, and where, is in native code, or waits. A thread is
   * paused for its stacks, for 600 ms a minute at most, and reports at most 300 requests a minute. All time since the
   * call of the handler counts, also when the worker could not run. For sync and threaded: less than
   * {@link ArbiterOptions.timeout}. Sync and async need the {@link ArbiterOptions.watchdog}. PHP-FPM:
   * `request_slowlog_timeout`. @defaultValue `0`
   */
  readonly slowAfter?: number | undefined;
  /**
   * How long a worker may take from its spawn until it is ready; then it is killed. 0 = no limit.
   * @defaultValue `60000`
   */
  readonly bootTimeout?: number | undefined;
  /**
   * How long a worker may take to finish after the order to drain; then it is killed. Gunicorn: `graceful_timeout`.
   * @defaultValue `30000`
   */
  readonly gracefulTimeout?: number | undefined;
  /**
   * How long a graceful stop waits before it drains. In that time everything is served as before, but `'stop'` has been
   * emitted and the state is `'stopping'`, so that a readiness check can fail and load balancers send their clients
   * elsewhere. A quick stop does not wait. Gunicorn has no such setting. @defaultValue `0`
   */
  readonly drainDelay?: number | undefined;
  /**
   * How many workers of a new generation a reload starts beside the old ones at once: a number, 1 to 4096, or a share
   * of the workers such as `'25%'`, rounded down and at least one. Old workers that still finish their requests come on
   * top. Gunicorn has no such setting: it ends the old ones first. @defaultValue `'25%'`
   */
  readonly surge?: number | `${number}%` | undefined;
  /**
   * After so many requests a worker is replaced: a new one is ready before it drains. 0 = never.
   * Gunicorn: `max_requests`. @defaultValue `0`
   */
  readonly maxRequests?: number | undefined;
  /**
   * Each worker adds a random number from 0 to this to its `maxRequests`. Gunicorn: `max_requests_jitter`.
   * @defaultValue `0`
   */
  readonly maxRequestsJitter?: number | undefined;
  /**
   * Bytes of resident memory, at least 1 MiB: a worker that is above it in three samples in a row, one a second, is
   * replaced as with `maxRequests`. 0 = no limit. Gunicorn has no such setting. @defaultValue `0`
   */
  readonly maxMemory?: number | undefined;
  /**
   * Of Node's `http.Server`: how long the complete head of a request may take. 0 = no limit.
   * @defaultValue Node's (60000)
   */
  readonly headersTimeout?: number | undefined;
  /**
   * Of Node's `http.Server`: how long the complete request may take. 0 = no limit. Of HTTP/2: the stream of a request
   * that takes longer is ended, with 408 if no answer has begun. @defaultValue Node's (300000; of HTTP/2 no limit)
   */
  readonly requestTimeout?: number | undefined;
  /**
   * Of Node's `http.Server`: the most bytes of a request's head. A larger one gets 431, of HTTP/2 too.
   * @defaultValue Node's (16384; of HTTP/2 no such limit)
   */
  readonly maxHeaderSize?: number | undefined;
  /**
   * Of Node's `http.Server`: the most headers of a request, and the most trailers. A request with more gets 431, with
   * all versions of Node (trailers: from 22.23.2, 24.18.1 and 26.5.1 on; older ones leave out the rest). An HTTP/2
   * stream with more is reset (ENHANCE_YOUR_CALM). 0 = no limit.
   * @defaultValue Node's (1000; of HTTP/2 124)
   */
  readonly maxHeadersCount?: number | undefined;
  /** Further options for `http.createServer`, as data. @defaultValue `{}` */
  readonly server?: ServerOptions | undefined;
  /**
   * Working directory of the workers, and where module specifiers are resolved. Symbolic links in it are followed when
   * the Arbiter starts, and at each reload. Gunicorn: `chdir`. @defaultValue `process.cwd()`, by its name in `PWD`
   * where that is the same folder
   */
  readonly cwd?: string | undefined;
  /**
   * Variables that the workers get on top of the host's own; `undefined` removes one. Gunicorn: `raw_env`.
   * @defaultValue `{}`
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Flags of node for the workers. A fixed inspector port becomes a free one. @defaultValue `process.execArgv` */
  readonly execArgv?: readonly string[] | undefined;
  /**
   * User of the workers, name or number; the master must be root. The files of Unix sockets become this user's.
   * Gunicorn: `user`. @defaultValue the master's
   */
  readonly user?: string | number | undefined;
  /**
   * Group of the workers, name or number; the master must be root. Gunicorn: `group`. @defaultValue the user's own,
   * else the master's
   */
  readonly group?: string | number | undefined;
  /** File mode mask of the workers, 0 to 0o777. Gunicorn: `umask`. @defaultValue the master's */
  readonly umask?: number | undefined;
  /**
   * A file for the pid of this process, from before anything is bound until the stop; relative to
   * {@link ArbiterOptions.cwd}. One that names a living process is refused, `ERR_PIDFILE`; any other is replaced.
   * Gunicorn: `pidfile`. @defaultValue none
   */
  readonly pidFile?: string | undefined;
  /**
   * Whether to tell the service manager that asks for it (`NOTIFY_SOCKET`, systemd's `Type=notify`) when all workers
   * are ready, of reloads and the stop, and how the workers are, and to feed its watchdog. If one host has
   * several Arbiters, set `false` for all but one; also if the host notifies the service manager itself.
   * @defaultValue `true`
   */
  readonly notify?: boolean | undefined;
  /**
   * An HTTP endpoint for operators, to ask how the master is and to tell it what to do: a Unix socket of its own user,
   * or an address of this machine alone, with a token. `'unix:/path'`, `{ path, mode }` (no rights for others), or `{
   * host, port, token }`: host `'127.0.0.1'`, `'::1'` or `'localhost'`, token at least 16 printable characters. Without
   * it, nothing is opened or loaded.
   * @defaultValue `false`
   */
  readonly control?: ControlOption | false | undefined;
  /**
   * Whether `start()` installs handlers for the signals of the master: `false` for hosts that own their signals, or a
   * map of those to leave alone, `{ SIGINT: false }`. @defaultValue `true`
   */
  readonly signals?: boolean | Readonly<Partial<Record<MasterSignal, boolean | undefined>>> | undefined;
  /**
   * What the Arbiter logs to. `true`: to standard error, from the level info on, as lines for humans on a terminal and
   * as lines of JSON elsewhere. `false`: to nothing. Otherwise a {@link Logger}, for example one of pino, or `console`.
   * The log tells what the events tell. Gunicorn: `logger_class`, `errorlog`.
   * @defaultValue `true`
   */
  readonly logger?: Logger | boolean | undefined;
  /**
   * Where a line for each request goes. `true` or `'-'`: to standard output. A string: to that file, relative to `cwd`.
   * Otherwise a stream, or `{ path, stream, format }`. The workers write the lines themselves, many at once; to a
   * stream, through pipes. SIGUSR1 to the master makes them all reopen the file. If a stuck reader leaves no room,
   * lines are dropped, see the warning `access-log`. Gunicorn: `accesslog`.
   * @defaultValue `false`
   */
  readonly accessLog?: boolean | string | Writable | AccessLogSettings | undefined;
  /**
   * What each line of the access log says: `'combined'`, `'common'`, `'json'`, or a line with the atoms of Gunicorn,
   * `'%(h)s %(s)s'`: `h l u t r s m U q H b B f a T D M L p`, `{name}i` and `{name}o` for request and answer headers,
   * `{name}e` for variables of the worker. Gunicorn: `access_log_format`.
   * @defaultValue `'combined'`
   */
  readonly accessLogFormat?: string | undefined;
  /**
   * Which clients are proxies whose word about their own clients is trusted: addresses, subnets, `'loopback'`,
   * `'unix'`, or `true` for all. The access log names the client that they name, in `X-Forwarded-For` or `Forwarded`
   * (RFC 7239). For the application nothing changes. Gunicorn: `forwarded_allow_ips`.
   * @defaultValue `false`
   */
  readonly trustProxy?: boolean | string | readonly string[] | TrustedProxies | undefined;
  /**
   * Whether connections of {@link ArbiterOptions.trustProxy} begin with a header of the PROXY protocol, version 1 or 2,
   * which names the client: `request.socket` and all else then have its address. A connection without the header is
   * closed, within 5 s; from other addresses, no such header is read. Gunicorn: `proxy_protocol`. @defaultValue `false`
   */
  readonly proxyProtocol?: boolean | undefined;
  /**
   * Whether each request gets an id, or the header that carries it. `true` is `X-Request-Id`. An id that comes from a
   * trusted proxy is kept; any other request gets a new id, which replaces what its client sent. The application finds
   * the id in that header; the access log, and reports of requests that hang or crash, name it.
   * @defaultValue `false`
   */
  readonly requestId?: boolean | string | undefined;
}
