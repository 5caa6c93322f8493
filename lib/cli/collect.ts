/*
 * Collects the values of the options, and where each comes from: the config file, the environment or the command line.
 * Where several of them give a value, the last in this order counts.
 */
import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { didYouMean } from '../options/near.js';
import type { OptionName } from '../options/resolved.js';
import type { ArbiterOptions } from '../options/types.js';
import { OPTIONS } from '../options/validate.js';
import { workingFolder } from '../options/working-folder.js';
import { SPEC_VARIABLE } from '../protocol/spec.js';
import { type CommandLine, usage } from './command-line.js';
import { loadConfig } from './config-file.js';
import { APP, APP_VARIABLE, SETTINGS } from './settings.js';
import { check, readValue, readVariable } from './values.js';

/** A value, and where it comes from, in words. */
export interface Origin {
  readonly value: unknown;
  readonly from: string;
}

export interface Collected {
  /** The values that were given, by the name of the option. */
  readonly origins: ReadonlyMap<OptionName, Origin>;
  /** The path of the config, if there is one. */
  readonly config: string | undefined;
}

const CONFIG_VARIABLE = 'PREFORK_CONFIG';
const PREFIX = 'PREFORK_';
/** Variables with which this library tells its own processes something, or its tests tell it. */
const INTERNAL: ReadonlySet<string> = new Set([
  SPEC_VARIABLE,
  ...['PREFORK_HERITAGE', 'PREFORK_PACE', 'PREFORK_FAST_TURN', 'PREFORK_ROSTER'],
]);
/**
 * Variables that Kubernetes, and Docker before it, set for a service named `prefork` or `prefork-` and anything:
 * `PREFORK_WEB_SERVICE_HOST` …
 */
const OF_A_SERVICE =
  /^PREFORK_(?:[A-Z\d_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z\d_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z_]+)?)$/;
/**
 * `PREFORK_WEB_PORT` could also be an option that a user has made up, so it counts as the variable of a service by its
 * value only.
 */
const PORT_OF_A_SERVICE = /^PREFORK_(?:[A-Z\d_]+_)?PORT$/;
const URL_OF_A_SERVICE = /^(?:tcp|udp|sctp):\/\//;

/**
 * Collects the values of all options. Throws `ERR_INVALID_OPTION` for the first that is wrong, with the name of the
 * flag, variable or key that gave it.
 */
export async function collect(line: CommandLine, env: NodeJS.ProcessEnv): Promise<Collected> {
  const origins = new Map<OptionName, Origin>();
  const folder = workingFolder();
  const config = await loadConfig(line.own.config ?? (env[CONFIG_VARIABLE] || undefined), folder);
  for (const [name, value] of config?.values ?? []) origins.set(name, { value, from: config?.name ?? '' });
  for (const [name, origin] of readEnvironment(env)) origins.set(name, origin);
  for (const { setting, flag, texts } of line.said.values()) {
    origins.set(setting.name, { value: readValue(setting, texts, `flag ${flag}`), from: flag });
  }
  if (line.target !== undefined) origins.set(APP, { value: line.target, from: 'the command line' });
  return { origins, config: config?.path };
}

function readEnvironment(env: NodeJS.ProcessEnv): Map<OptionName, Origin> {
  const found = new Map<OptionName, Origin>();
  const known = new Map(SETTINGS.map((setting) => [setting.variable, setting]));
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || variable === CONFIG_VARIABLE) continue;
    const setting = known.get(variable);
    if (INTERNAL.has(variable) || (setting === undefined && isOfAService(variable, text))) continue;
    const where = `variable ${variable}`;
    if (variable === APP_VARIABLE && text) found.set(APP, { value: text, from: variable });
    else if (variable === APP_VARIABLE) continue;
    else if (setting === undefined)
      throw usage(`unknown ${where}${didYouMean(variable, [...known.keys(), APP_VARIABLE, CONFIG_VARIABLE])}`);
    // An empty variable counts as not set: that is how manifests unset one.
    else if (text !== undefined && text !== '')
      found.set(setting.name, { value: readVariable(setting, text, where), from: variable });
  }
  return found;
}

function isOfAService(variable: string, text = ''): boolean {
  return OF_A_SERVICE.test(variable) || (PORT_OF_A_SERVICE.test(variable) && URL_OF_A_SERVICE.test(text));
}

/** The options for an Arbiter. Throws `ERR_INVALID_OPTION` where there is no application. */
export function optionsOf({ origins }: Collected): ArbiterOptions {
  const said = Object.fromEntries([...origins].map(([name, { value }]) => [name, value]));
  const { [APP]: app, ...options } = said;
  if (app === undefined) {
    throw usage(
      `no application: give its module behind the flags, or as 'app' in the config, or in ${APP_VARIABLE}; see prefork --help`,
    );
  }
  return { ...options, app: typeof app === 'string' ? asModule(app, folderOf(origins)) : app } as ArbiterOptions;
}

/** The working directory of the workers, by the name that the user gave it: symbolic links are not resolved. */
export function folderOf(origins: ReadonlyMap<OptionName, Origin>): string {
  return resolve(workingFolder(), String(origins.get('cwd')?.value ?? ''));
}

/** `app.js` means the file of that name if there is one, as in a shell. For `import` it would be a package. */
function asModule(specifier: string, folder: string): string {
  const hash = specifier.lastIndexOf('#');
  const path = hash > 0 ? specifier.slice(0, hash) : specifier;
  check({ name: APP, record: OPTIONS.get(APP) as never }, specifier, 'the application');
  const isPlain = !path.startsWith('.') && !path.startsWith('file:') && !isAbsolute(path);
  return isPlain && existsSync(resolve(folder, path)) ? `./${specifier}` : specifier;
}
