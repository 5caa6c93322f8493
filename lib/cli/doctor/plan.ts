/* The plan is what is going to run: the options that matter to the machine, out of those that were collected. */
import type { OptionName } from '../../options/resolved.js';
import { OPTIONS } from '../../options/validate.js';
import type { Origin } from '../collect.js';
import type { Machine } from './machine.js';

export interface Plan {
  readonly workers: number;
  /** Whether the user has chosen that number. */
  readonly workersSaid: boolean;
  readonly workerClass: string;
  /** How many threads each worker has; 0 where workers have none. */
  readonly threads: number;
  readonly spares: number;
  readonly workerConnections: number;
  readonly backlog: number;
  readonly maxMemory: number;
  readonly gracefulTimeout: number;
  readonly drainDelay: number;
  readonly notify: boolean;
  readonly user: unknown;
  /** Megabytes that `--max-old-space-size`, or `resourceLimits` of threads, allow to a heap. */
  readonly heapLimit: number | undefined;
}

/** The options that matter here. Each has the value that was given, else the default of its record. */
const NAMES = [
  ...(['workerClass', 'threads', 'spares', 'workerConnections', 'backlog'] as const),
  ...(['maxMemory', 'gracefulTimeout', 'drainDelay', 'notify', 'user'] as const),
];
type Defaults = Pick<Plan, (typeof NAMES)[number]>;

export function planOf(
  origins: ReadonlyMap<OptionName, Origin>,
  { env, parallelism }: Pick<Machine, 'env' | 'parallelism'>,
  execArgv: readonly string[] = process.execArgv,
): Plan {
  const said = Object.fromEntries([...origins].map(([name, { value }]) => [name, value]));
  const defaults = Object.fromEntries(NAMES.map((name) => [name, OPTIONS.get(name)?.defaultValue]));
  const all = { ...defaults, ...said } as Defaults & Record<string, unknown>;
  const concurrency = Number(env['WEB_CONCURRENCY'] ?? 0);
  const workers = (said['workers'] as number | undefined) ?? (concurrency > 0 ? concurrency : parallelism);
  const single = all.workerClass === 'sync' || all.workerClass === 'async';
  return {
    ...all,
    workers,
    workersSaid: said['workers'] !== undefined || concurrency > 0,
    threads: single ? 0 : all.threads,
    heapLimit: heapLimitOf(said, env, execArgv, single),
  };
}

function heapLimitOf(
  said: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
  execArgv: readonly string[],
  single: boolean,
): number | undefined {
  const { maxOldGenerationSizeMb } = Object(said['resourceLimits']) as { maxOldGenerationSizeMb?: number };
  if (!single && maxOldGenerationSizeMb !== undefined) return maxOldGenerationSizeMb;
  const flags = [...((said['execArgv'] as string[] | undefined) ?? execArgv), env['NODE_OPTIONS'] ?? ''].join(' ');
  const [, megabytes] = /--max[-_]old[-_]space[-_]size[= ](\d+)/.exec(flags) ?? [];
  return megabytes === undefined ? undefined : Number(megabytes);
}
