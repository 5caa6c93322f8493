import assert from 'node:assert/strict';
import type { SpawnOptions } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { get } from './http.js';
import { Load } from './load.js';
import { PACE } from './pace.js';
import { Program } from './program.js';
import { PROJECT } from './project.js';

/** The file behind the name `prefork`. */
export const COMMAND: string = join(PROJECT, 'dist/cli/main.js');

/** Starts the command as a shell does. It has no terminal, so its log is JSON. */
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

/** The address that the log of the command names. */
export async function addressOf(program: Program): Promise<string> {
  const [, host, port] = await program.printed(/"msg":"listening on (\[?[\w.:]+\]?):(\d+)"/);
  return `http://${host === '[::]' || host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
}

/** Waits until the command serves; returns its address. */
export async function readyAt(program: Program): Promise<string> {
  await program.printed(/"msg":"ready: /);
  return addressOf(program);
}

/** Reloads four workers while clients send requests. Expects that no request is lost, and that the new code answers. */
export async function survivesReload(t: TestContext, program: Program, url: string, answer: RegExp): Promise<void> {
  // With a pause, since the new workers boot at the same time.
  const load = new Load(t, url, 6, 5);
  await load.more(20);
  process.kill(program.pid, 'SIGHUP');
  await program.printed(/"msg":"reloaded: generation 2 serves, 4 workers replaced"/);
  await load.more(20);
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.match((await get(url)).body, answer);
  process.kill(program.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
}
