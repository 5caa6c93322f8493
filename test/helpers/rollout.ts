import type { Generation } from '../../build/master/workers/generation.js';

/** A generation of which nothing but the number is looked at. */
export function generation(number: number): Generation {
  const command = { file: '', args: [] };
  const none = { app: undefined, workerClass: undefined, tls: undefined, tickets: undefined };
  return { number, command, cwd: '', env: {}, ...none };
}
