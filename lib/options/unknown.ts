/* Finds the option that was meant by a name from elsewhere. */
import { nearest } from './near.js';
import type { OptionRecord } from './record.js';
import type { OptionName } from './resolved.js';

/** Names that people know from elsewhere, or guess. Gunicorn's names are in the records. */
const ALIASES: ReadonlyMap<string, OptionName> = new Map([
  ...(['port', 'host', 'hostname', 'address', 'listen', 'socket'] as const).map((name) => [name, 'bind'] as const),
  ...(['instances', 'processes', 'concurrency', 'numWorkers'] as const).map((name) => [name, 'workers'] as const),
  ...(['handler', 'application', 'script', 'exec'] as const).map((name) => [name, 'app'] as const),
  ...(['key', 'cert', 'ssl', 'https'] as const).map((name) => [name, 'tls'] as const),
  ...(['killTimeout', 'shutdownTimeout'] as const).map((name) => [name, 'gracefulTimeout'] as const),
  ...(['max_memory_restart', 'maxMemoryRestart'] as const).map((name) => [name, 'maxMemory'] as const),
  ...(['log', 'logging', 'logLevel'] as const).map((name) => [name, 'logger'] as const),
]);

/** The option that has this name elsewhere. */
export function alias(name: string, options: ReadonlyMap<OptionName, OptionRecord>): OptionName | undefined {
  for (const [option, { gunicorn }] of options) {
    const names = gunicorn?.split(', ') ?? [];
    if (option !== name && names.some((other) => other === name || other.replaceAll('_', '-') === name)) return option;
  }
  return ALIASES.get(name);
}

/** For the end of a message: the option that an unknown one was probably meant to be, or an empty string. */
export function meant(name: string, options: ReadonlyMap<OptionName, OptionRecord>): string {
  const known = alias(name, options);
  const hint = known === undefined ? nearest(name, options.keys()) : `it is called '${known}' here`;
  return hint === undefined ? '' : `; ${hint}`;
}
