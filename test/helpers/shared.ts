import { after, type TestContext } from 'node:test';
import type { ArbiterStats } from 'prefork';
import { Host, type HostOptions, type HostSettings } from './host.js';
import { eventually } from './wait.js';

/*
 * To boot a host takes more than most tests. So those of a file that leave theirs as they have found it have it one after the other: it is
 * started for the first of them, and ends with the file. Each finds it as if it had just booted: nothing that was before is seen or counted,
 * and one that is not at rest, or has lost a worker, is not given out again. So what one test does must not matter to another; who stops the
 * host, counts on what a process does only once or learns as it serves, or looks at its memory has a `new Host` of its own.
 */

/** So many that nobody has are kept: each is some processes. */
const SPARE = 4;
/** How long one may take to come to rest after a test. Milliseconds. */
const REST = 2_000;

interface Lent {
  readonly key: string;
  readonly host: Host;
  /** Whether a test has it. */
  taken: boolean;
  readonly ends: (() => unknown)[];
}

/** Who was given back last comes last. */
const all: Lent[] = [];

const lasts: (() => unknown)[] = [];
/** In place of a test: what would end with that ends with the file, whichever test has begun it. */
export const FILE = { after: (hook: () => unknown) => void lasts.push(hook) } as unknown as TestContext;

// Here it is the end of the file; within a test it would be that of the test.
after(async () => {
  for (const lent of [...all]) await end(lent);
  for (const hook of lasts) await hook();
});

/** One that is started in another way, for all tests of a file: it is started for the first of them, and what they leave behind the next one finds. */
export function shared(begin: (t: TestContext) => Host): () => Host {
  const ends: (() => unknown)[] = [];
  const context = { after: (hook: () => unknown) => void ends.push(hook) } as unknown as TestContext;
  let host: Host | undefined;
  after(async () => {
    for (const hook of ends) await hook();
  });
  return () => {
    host ??= begin(context);
    return host;
  };
}

/** A host with these options and settings, shared with other tests of the file. Its requests cannot be counted, see {@link counting}. */
export function sharing(t: TestContext, options: HostOptions, settings: HostSettings = {}): Promise<Host> {
  return take(t, options, settings, false);
}

/** The same for those that wait for all requests that they have sent, by {@link Host.finished}, when the last one has been answered. */
export function counting(t: TestContext, options: HostOptions, settings: HostSettings = {}): Promise<Host> {
  return take(t, options, settings, true);
}

async function take(t: TestContext, options: HostOptions, settings: HostSettings, counts: boolean): Promise<Host> {
  const key = JSON.stringify([options, settings, counts]);
  let lent = all.find((other) => other.key === key && !other.taken);
  if (lent) {
    lent.taken = true;
    if (!(await isAsBooted(lent.host, options.workers ?? 2, counts))) {
      await end(lent);
      lent = undefined;
    }
  }
  lent ??= start(key, options, settings);
  const { host } = lent;
  t.after(async () => {
    if ((t as { passed?: boolean }).passed === false) console.error(`--- log of the host ${host.pid}\n${host.log}`);
    await giveBack(lent);
  });
  return host;
}

function start(key: string, options: HostOptions, settings: HostSettings): Lent {
  const ends: (() => unknown)[] = [];
  const context = { after: (hook: () => unknown) => void ends.push(hook) } as unknown as TestContext;
  const lent: Lent = { key, host: new Host(context, options, settings), taken: true, ends };
  all.push(lent);
  return lent;
}

async function giveBack(lent: Lent): Promise<void> {
  lent.taken = false;
  const index = all.indexOf(lent);
  if (index < 0) return;
  all.push(...all.splice(index, 1));
  const [oldest, ...others] = all.filter(({ taken }) => !taken);
  if (oldest && others.length >= SPARE) await end(oldest);
}

async function end(lent: Lent): Promise<void> {
  const index = all.indexOf(lent);
  if (index >= 0) all.splice(index, 1);
  for (const hook of lent.ends) await hook();
}

/** Forgets what was; false if something of it is left. */
async function isAsBooted(host: Host, workers: number, counts: boolean): Promise<boolean> {
  if (host.of('thread:exit').length > 0) return false;
  try {
    await eventually(async () => isAtRest((await host.call('stats')) as ArbiterStats, workers), 'a host at rest', REST);
    const isCounted = await host.forget();
    return isCounted || !counts;
  } catch {
    // It has ended, or does not come to rest.
    return false;
  }
}

function isAtRest({ held, failing, target, workers, spares }: ArbiterStats, count: number): boolean {
  const idle = workers.filter(({ state, active, connections }) => state === 'ready' && active + connections === 0);
  const isWhole = idle.length === count && target === count && workers.length === count + spares;
  return isWhole && !held && failing.length === 0;
}
