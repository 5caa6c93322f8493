import type { Generation } from '../../build/master/workers/generation.js';

/** A generation for tests that look at nothing but its number. */
export function generation(number: number): Generation {
  const command = { file: '', args: [] };
  const none = { app: undefined, workerClass: undefined, tls: undefined, tickets: undefined };
  return { number, command, cwd: '', env: {}, ...none };
}
