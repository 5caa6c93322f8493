import type { SpawnOptions } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { PACE } from './pace.js';
import { Program } from './program.js';
import { PROJECT } from './project.js';

/** The file behind the name `prefork`. */
export const COMMAND: string = join(PROJECT, 'dist/cli/main.js');

/** The command as a shell starts it: without a terminal, its log is JSON. */
export function prefork(
  t: TestContext,
  args: readonly string[],
  { env, ...options }: SpawnOptions & { readonly execPath?: string } = {},
): Program {
  return new Program(t, options.execPath ?? process.execPath, [COMMAND, ...args], {
    ...options,
    env: { ...PACE, ...process.env, ...env },
  });
}

/** The address that the log names. */
export async function addressOf(program: Program): Promise<string> {
  const [, host, port] = await program.printed(/"msg":"listening on (\[?[\w.:]+\]?):(\d+)"/);
  return `http://${host === '[::]' || host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
}

/** Waits until it serves; returns its address. */
export async function readyAt(program: Program): Promise<string> {
  await program.printed(/"msg":"ready: /);
  return addressOf(program);
}
