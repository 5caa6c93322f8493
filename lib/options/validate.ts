import { resolve } from 'node:path';
import { ArbiterError } from '../errors.js';
import { plainObject } from './checks.js';
import { namedLibrary } from './library.js';
import type { OptionRecord, OptionRecords, PartName } from './record.js';
import { ACCESS } from './records/access.js';
import { APPLICATION, appSource, classSource } from './records/application.js';
import { CLOCKS, RECYCLING, STOPS } from './records/clocks.js';
import { HOST, PROCESSES, SERVICE } from './records/processes.js';
import { BINDING, LIMITS, nodeOptions, SERVER, SERVING } from './records/serving.js';
import type { OptionName, OptionValues, ResolvedOptions } from './resolved.js';
import { meant } from './unknown.js';
import { commandLine } from './working-folder.js';

/**
 * All options by subject, with the guide's title of it. They are checked, listed in messages and shown in this order.
 */
export const SUBJECTS: readonly (readonly [title: string, records: OptionRecords])[] = [
  ['The application and its workers', APPLICATION],
  ['Where to serve', BINDING],
  ['Stops and reloads', STOPS],
  ["Node's server", SERVER],
  ['Workers that do not get ready, or hang', CLOCKS],
  ['How a worker serves', SERVING],
  ['The processes of the workers', PROCESSES],
  ['The process of the master', HOST],
  ['Who was served', ACCESS],
  ['Limits of a request', LIMITS],
  ['Recycling', RECYCLING],
  ['The service on the machine', SERVICE],
];

/** The record of each option. A test checks that every name in `ArbiterOptions` has one. */
export const OPTIONS: ReadonlyMap<OptionName, OptionRecord> = new Map(
  SUBJECTS.flatMap(([, records]) => Object.entries(records) as [OptionName, OptionRecord][]),
);

const NAMES: readonly OptionName[] = [...OPTIONS.keys()];

/** Checks and completes all options. Throws `ERR_INVALID_OPTION` for the first wrong one; has no side effects. */
export function validateOptions(value: unknown): ResolvedOptions {
  const given = plainObject(value, 'options');
  refuseUnknown(given);
  const entries = [...OPTIONS].map(([name, record]) => [name, checked(name, record, given[name])]);
  const values = Object.fromEntries(entries) as OptionValues;
  for (const [name, { contradicts = [] }] of OPTIONS) {
    for (const { refuse } of contradicts) refuse(name, { given, values, known: NAMES });
  }
  return resolveOptions(values, given);
}

function refuseUnknown(given: Readonly<Record<string, unknown>>): void {
  for (const option of Object.keys(given)) {
    if (OPTIONS.has(option as OptionName)) continue;
    throw new ArbiterError(
      'ERR_INVALID_OPTION',
      `option '${option}' is unknown${meant(option, OPTIONS)} (known are: ${NAMES.join(', ')})`,
    );
  }
}

/** The checked value of an option. One that is undefined counts as not given. */
function checked(name: OptionName, { kind, defaultValue }: OptionRecord, given: unknown): unknown {
  if (given !== undefined) return kind.check(given, name);
  if (typeof defaultValue === 'function') return (defaultValue as () => unknown)();
  return defaultValue === undefined ? undefined : kind.check(defaultValue, name);
}

/** Fields that are not options, but derived from them. */
type Derived = 'source' | 'workerClass' | 'http' | 'argv' | 'library';

function resolveOptions(values: OptionValues, given: Readonly<Record<string, unknown>>): ResolvedOptions {
  const { app, workerClass, threads, cwd, pidFile, keepAlive } = values;
  const argv = commandLine();
  return {
    ...sortOut(values),
    source: appSource(app),
    workerClass: classSource(workerClass, threads),
    http: { ...nodeOptions(values), ...(given['keepAlive'] !== undefined && { keepAliveTimeout: keepAlive }) },
    argv,
    library: namedLibrary([argv[1] ?? cwd, cwd]),
    pidFile: pidFile === undefined ? undefined : resolve(cwd, pidFile),
  };
}

/**
 * Puts each option into the part that its record names. Parts go to workers as JSON, so undefined values are left out.
 */
function sortOut(values: OptionValues): Omit<ResolvedOptions, Derived> {
  const parts: Record<PartName, Record<string, unknown>> = { serving: {}, clocks: {}, recycle: {}, http: {} };
  const alone: Record<string, unknown> = {};
  for (const [name, { part }] of OPTIONS) {
    const value = values[name];
    if (part === undefined) alone[name] = value;
    else if (value !== undefined) parts[part][name] = value;
  }
  // Type safe: the type of each record says which part it must name.
  return { ...alone, ...parts } as unknown as Omit<ResolvedOptions, Derived>;
}
