import { after, type TestContext } from 'node:test';
import type { ArbiterStats } from 'prefork';
import { Host, type HostOptions, type HostSettings } from './host.js';
import { eventually } from './wait.js';

/*
 * Booting a host takes longer than most tests. So the tests of a file that leave their host as they found it use the
 * same one, one after the other: it is started for the first of them, and ends with the file. Each test finds it as if
 * it had just booted: nothing that happened before is seen or counted. A host that does not come to rest, or has lost a
 * worker, is not given out again. So what one test does must not matter to another. A test that stops the host, counts
 * on what a process does only once or learns as it serves, or looks at its memory has a `new Host` of its own.
 */

/** How many hosts that no test uses are kept: each is several processes. */
const SPARE = 4;
/** How long a host may take to come to rest after a test. Milliseconds. */
const REST = 2_000;

interface Lent {
  readonly key: string;
  readonly host: Host;
  /** Whether a test uses it. */
  taken: boolean;
  readonly ends: (() => unknown)[];
}

/** All hosts; the one that was given back last comes last. */
const all: Lent[] = [];

const lasts: (() => unknown)[] = [];
/** A context in the place of a test's: what would end with the test ends with the file, whichever test has begun it. */
export const FILE = { after: (hook: () => unknown) => void lasts.push(hook) } as unknown as TestContext;

// Here, outside of any test, this hook runs at the end of the file; within a test it would run at the end of that test.
after(async () => {
  for (const lent of [...all]) await end(lent);
  for (const hook of lasts) await hook();
});

/**
 * Shares a host that is started in another way: `begin` is called for the first test that needs it. The host is not
 * reset, so each test finds what the others have left behind.
 */
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

/**
 * A host with these options and settings, shared with other tests of the file. Requests to it cannot be counted, see
 * {@link counting}.
 */
export function sharing(t: TestContext, options: HostOptions, settings: HostSettings = {}): Promise<Host> {
  return take(t, options, settings, false);
}

/**
 * The same for tests that count requests: each must wait for all requests that it has sent, by {@link Host.finished},
 * after the last answer.
 */
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

/** Resets the host; false if something of the test before is left. */
async function isAsBooted(host: Host, workers: number, counts: boolean): Promise<boolean> {
  if (host.of('thread:exit').length > 0) return false;
  try {
    await eventually(async () => isAtRest((await host.call('stats')) as ArbiterStats, workers), 'a host at rest', REST);
    const isCounted = await host.forget();
    return isCounted || !counts;
  } catch {
    // The host has ended, or does not come to rest.
    return false;
  }
}

function isAtRest({ held, failing, target, workers, spares }: ArbiterStats, count: number): boolean {
  const idle = workers.filter(({ state, active, connections }) => state === 'ready' && active + connections === 0);
  const isWhole = idle.length === count && target === count && workers.length === count + spares;
  return isWhole && !held && failing.length === 0;
}
