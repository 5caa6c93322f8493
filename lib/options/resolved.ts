import type { Writable } from 'node:stream';
import type { ClockLimits, HttpOptions, RecycleLimits, ServingOptions, TrustSpec } from '../protocol/spec.js';
import type { Surge } from './surge.js';
import type { ArbiterOptions, MasterSignal } from './types.js';
import type { WorkerClass } from './worker-class.js';

/** The owner that a file is to have, by numeric ids. An undefined one is not changed. */
export interface FileOwner {
  readonly user: number | undefined;
  readonly group: number | undefined;
}

/** One address of `bind` after parsing. */
export type BindAddress =
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | {
      readonly kind: 'unix';
      readonly path: string;
      readonly mode: number | undefined;
      /** The owner that the socket file is to have; absent if the option does not say. */
      readonly user?: string | number;
      readonly group?: string | number;
      /** The same by numeric ids, once they have been looked up. */
      readonly owner?: FileOwner;
    }
  | { readonly kind: 'fd'; readonly fd: number }
  | {
      readonly kind: 'systemd';
      /** The `FileDescriptorName=`; undefined for all sockets that were passed. */
      readonly name: string | undefined;
      /** The address to bind if systemd passed no socket. */
      readonly otherwise?: BindAddress;
    };

/** An `accessLog` after parsing. */
export type AccessLogTarget = (
  | { readonly to: 'stdout' }
  | { readonly to: 'file'; readonly path: string }
  | { readonly to: 'stream'; readonly stream: Writable }
) & {
  /** Absent if `accessLog` does not give one. */
  readonly format?: string;
};

/** The option `control` after parsing. */
export type ControlAddress =
  | {
      readonly kind: 'unix';
      readonly path: string;
      /**
       * The path that a successor of this process uses during an upgrade, until `path` is free; as with the pid file.
       */
      readonly second: string;
      readonly mode: number;
    }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      /** A function, so that printing or serializing the options does not show the secret. */
      readonly token: () => string;
    };

/** The application as the master needs it: a specifier for the workers, or only the fact that it is inline. */
export type AppSource = { readonly form: 'module'; readonly specifier: string } | { readonly form: 'inline' };

/** The worker class as the master needs it. */
export interface ClassSource {
  /** What the workers are told: a built-in class or a specifier. Undefined in the inline form. */
  readonly name: string | undefined;
  /** The class itself, in the inline form. */
  readonly inline: WorkerClass<never> | undefined;
  /** How many threads a worker may have; each needs a slot on the scoreboard. */
  readonly threads: number;
}

export type OptionName = keyof ArbiterOptions;

/** The options for Node's `http.Server`: those that are options here, and the further ones in `server`. */
export type HttpValues = Pick<
  OptionValues,
  'server' | 'headersTimeout' | 'requestTimeout' | 'maxHeaderSize' | 'maxHeadersCount'
>;

/** Options whose checked form differs from the form that users write. */
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

/** Options that have no default here: if they are not given, Node, the system or the master decides. */
type Undecided =
  | ('resourceLimits' | 'tls' | 'user' | 'group' | 'umask' | 'pidFile')
  | ('headersTimeout' | 'requestTimeout' | 'maxHeaderSize' | 'maxHeadersCount');

/** The value of every option, checked. */
export type OptionValues = {
  readonly [Name in OptionName]: Name extends keyof Parsed
    ? Parsed[Name]
    : Exclude<ArbiterOptions[Name], undefined> | (Name extends Undecided ? undefined : never);
};

/** Options that {@link ResolvedOptions} has inside a part, or in another form. */
type Elsewhere = keyof (ServingOptions & ClockLimits & RecycleLimits & HttpValues) | 'workerClass';

/** All options, checked and completed, and what is derived from them. */
export interface ResolvedOptions extends Omit<OptionValues, Elsewhere> {
  readonly source: AppSource;
  readonly workerClass: ClassSource;
  readonly serving: ServingOptions;
  readonly clocks: ClockLimits;
  readonly recycle: RecycleLimits;
  readonly http: HttpOptions;
  /** The command line of the host, see {@link commandLine}. */
  readonly argv: readonly string[];
  /** The folder of this library, see {@link namedLibrary}. */
  readonly library: string;
}
