import type { Writable } from 'node:stream';
import type { ClockLimits, HttpOptions, RecycleLimits, ServingOptions, TrustSpec } from '../protocol/spec.js';
import type { Surge } from './surge.js';
import type { ArbiterOptions, MasterSignal, WorkerClass } from './types.js';

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

/** An `accessLog` after parsing. */
export type AccessLogTarget = (
  | { readonly to: 'stdout' }
  | { readonly to: 'file'; readonly path: string }
  | { readonly to: 'stream'; readonly stream: Writable }
) & {
  /** Absent where nothing is said with it. */
  readonly format?: string;
};

/** Where the control is, after parsing. */
export type ControlAddress =
  | {
      readonly kind: 'unix';
      readonly path: string;
      /** Where a successor of this process waits for the path, as with the pid file. */
      readonly second: string;
      readonly mode: number;
    }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      /** A function, so that whoever prints or serializes the options has no secret in it. */
      readonly token: () => string;
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

export type OptionName = keyof ArbiterOptions;

/** Of Node's `http.Server`: all that is said of it, and what further options are in `server`. */
export type HttpValues = Pick<
  OptionValues,
  'server' | 'headersTimeout' | 'requestTimeout' | 'maxHeaderSize' | 'maxHeadersCount'
>;

/** Options that have another form when they have been checked than the one that users write. */
interface Parsed {
  readonly app: unknown;
  readonly workerClass: string | WorkerClass<never>;
  readonly bind: readonly BindAddress[];
  readonly surge: Surge;
  readonly server: Readonly<Record<string, unknown>>;
  readonly signals: readonly MasterSignal[];
  readonly accessLog: AccessLogTarget | false;
  readonly trustProxy: TrustSpec | false;
  readonly requestId: string | false;
  readonly control: ControlAddress | false;
}

/** Options that have no value where nothing is said: Node, the system or the master decides. */
type Undecided =
  | ('resourceLimits' | 'tls' | 'user' | 'group' | 'umask' | 'pidFile')
  | ('headersTimeout' | 'requestTimeout' | 'maxHeaderSize' | 'maxHeadersCount');

/** Every option by itself, checked. */
export type OptionValues = {
  readonly [Name in OptionName]: Name extends keyof Parsed
    ? Parsed[Name]
    : Exclude<ArbiterOptions[Name], undefined> | (Name extends Undecided ? undefined : never);
};

/** Those that the resolved options have in a part of its own, or in another form. */
type Elsewhere = keyof (ServingOptions & ClockLimits & RecycleLimits & HttpValues) | 'workerClass';

/** Every option with its value, checked, and what follows from several. */
export interface ResolvedOptions extends Omit<OptionValues, Elsewhere> {
  readonly source: AppSource;
  readonly workerClass: ClassSource;
  readonly serving: ServingOptions;
  readonly clocks: ClockLimits;
  readonly recycle: RecycleLimits;
  readonly http: HttpOptions;
  /** Of the host, see {@link commandLine}. */
  readonly argv: readonly string[];
  /** The folder of this library, see {@link namedLibrary}. */
  readonly library: string;
}
