import type { ClockLimits, HttpOptions, RecycleLimits, ServingOptions } from '../protocol.js';
import type { Logger } from './logger.js';
import type { Surge } from './surge.js';
import type { TlsSettings } from './tls.js';
import type { MasterSignal, WorkerClass } from './types.js';

/** Whose a file is to be, as the system counts users and groups; what is undefined stays as it is. */
export interface FileOwner {
  readonly user: number | undefined;
  readonly group: number | undefined;
}

/** A `bind` after parsing. */
export type BindAddress =
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | {
      readonly kind: 'unix';
      readonly path: string;
      readonly mode: number | undefined;
      /** Whose the file is to be; absent where nothing is said. */
      readonly user?: string | number;
      readonly group?: string | number;
      /** The same as the system counts them, when they have been looked up. */
      readonly owner?: FileOwner;
    }
  | { readonly kind: 'fd'; readonly fd: number }
  | {
      readonly kind: 'systemd';
      /** Undefined for all that were passed. */
      readonly name: string | undefined;
      /** What to bind where none was passed. */
      readonly otherwise?: BindAddress;
    };

/** The application as the master needs it: a specifier for the workers, or nothing but the fact that it is inline. */
export type AppSource = { readonly form: 'module'; readonly specifier: string } | { readonly form: 'inline' };

/** The worker class as the master needs it: what to tell the workers, undefined in the inline form, and its threads. */
export interface ClassSource {
  readonly name: string | undefined;
  /** In the inline form. */
  readonly inline: WorkerClass<never> | undefined;
  /** How many threads a worker may have, each with a slot on the scoreboard. */
  readonly threads: number;
}

/** Every option with its value, checked. */
export interface ResolvedOptions {
  readonly source: AppSource;
  readonly workerClass: ClassSource;
  readonly serving: ServingOptions;
  readonly tls: TlsSettings | undefined;
  readonly app: unknown;
  readonly name: string;
  readonly workers: number;
  readonly bind: readonly BindAddress[];
  readonly backlog: number;
  readonly clocks: ClockLimits;
  readonly gracefulTimeout: number;
  readonly drainDelay: number;
  readonly surge: Surge;
  readonly recycle: RecycleLimits;
  readonly http: HttpOptions;
  readonly cwd: string;
  /** Of the host, see {@link commandLine}. */
  readonly argv: readonly string[];
  /** The folder of this library, see {@link namedLibrary}. */
  readonly library: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  readonly user: string | number | undefined;
  readonly group: string | number | undefined;
  readonly umask: number | undefined;
  readonly pidFile: string | undefined;
  readonly notify: boolean;
  readonly signals: readonly MasterSignal[];
  readonly logger: Logger | boolean;
}
