import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ArbiterOptions, BuiltInClass } from 'prefork';
import { fixture, Host, type HostOptions, type HostSettings } from './host.js';
import { eventually } from './wait.js';

export const CLASSES: readonly BuiltInClass[] = ['sync', 'threaded', 'async'];

/** The classes whose connections stay open for the next request. */
export const KEEPING: readonly BuiltInClass[] = ['threaded', 'async'];

/** The options for one worker that serves one request, or connection, at a time. */
export function single(workerClass: BuiltInClass): HostOptions {
  return { workers: 1, workerClass, ...MORE[workerClass] };
}

const MORE: Readonly<Record<BuiltInClass, HostOptions>> = {
  sync: {},
  threaded: { threads: 1 },
  async: { workerConnections: 1 },
};

export interface ClassUnderTest {
  readonly name: 'sync' | 'threaded' | 'async';
  readonly options: Pick<ArbiterOptions, 'workerClass' | 'threads'>;
  /** Whether a connection is kept for a further request. */
  readonly keeps: boolean;
}

/** The built-in classes; the threaded one with this number of threads. */
export function classes(threads = 2): readonly ClassUnderTest[] {
  return [
    { name: 'sync', options: { workerClass: 'sync' }, keeps: false },
    { name: 'threaded', options: { workerClass: 'threaded', threads }, keeps: true },
    { name: 'async', options: { workerClass: 'async' }, keeps: true },
  ];
}

/** A host of one worker with the application `witness`. */
export function witnessed(
  t: TestContext,
  { options }: ClassUnderTest,
  more: Omit<ArbiterOptions, 'app'> = {},
  settings: HostSettings = {},
): Host {
  return new Host(t, { workers: 1, app: fixture('witness.js'), ...options, ...more }, settings);
}

/** Asserts that no process, thread or handler has ended or failed since the start. */
export async function assertUnharmed(host: Host): Promise<void> {
  const harm = ['worker:error', 'worker:exit', 'thread:exit', 'worker:backoff', 'error'].flatMap((name) =>
    host.of(name),
  );
  assert.deepEqual(harm, [], host.log);
  const { totals } = await host.stats();
  assert.deepEqual([totals.crashes, totals.respawns, totals.errors], [0, 0, 0], host.log);
}

/** Waits until no worker holds a request or a connection, whatever was done to it before. */
export async function atRest(host: Host): Promise<void> {
  let seen: unknown;
  const rests = async (): Promise<boolean> => {
    const { workers } = await host.stats();
    seen = workers.map(({ active, connections }) => ({ active, connections }));
    return workers.every(({ active, connections }) => active === 0 && connections === 0);
  };
  await eventually(rests, 'a worker that holds no request and no connection').catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(seen)}\n${host.log}`);
  });
}
