/*
 * These tests count how often workers wake up. On a busy machine, other things than clients wake the workers that rest.
 * So nothing runs beside this file.
 */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import test, { type TestContext } from 'node:test';
import { DUTY, dutyState } from '../../build/scoreboard/scoreboard.js';
import { Gate } from '../helpers/gate.js';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { passing } from '../helpers/passing.js';
import { gone } from '../helpers/process.js';
import { MOST_LISTENING, RosterHost, shareOfOthers, waits } from '../helpers/roster.js';
import { eventually } from '../helpers/wait.js';

const linux = { skip: process.platform !== 'linux' && 'it looks into /proc' };
const { LISTENING, BUSY, OFF } = DUTY;

/** What each worker says on the duty roster, by pid. At the start of a host, the slots are in the order of the ids. */
async function said(host: RosterHost): Promise<ReadonlyMap<number, number>> {
  const words = host.words();
  const workers = await host.workers();
  return new Map(workers.map(({ id, pid }) => [pid as number, dutyState(words[id - 1] as number)]));
}

/** How often each of 12 idle workers woke up while this many clients came, one after the other. */
async function wakesOf(host: RosterHost, clients: number): Promise<Map<number, number>> {
  const url = await host.url();
  const pids = (await host.workers()).map(({ pid }) => pid as number);
  const before = new Map(pids.map((pid) => [pid, waits(pid)]));
  for (let client = 0; client < clients; client++) assert.equal((await get(url)).status, 200);
  const wakes = new Map(pids.map((pid) => [pid, waits(pid) - (before.get(pid) as number)]));
  return wakes;
}

/**
 * A failure counts after this many rounds in a row in which this test had the CPUs. After a round in which others had
 * them, workers are not sure of themselves for a while.
 */
const QUIET = 3;
/**
 * How many rounds there are at most. A worker serves some thousand requests before its code is compiled, which took 6
 * to 15 rounds.
 */
const ROUNDS = 40;

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, number) => total + number, 0);

// With timeout 0 there are no beats, which would wake the workers too.
test('of 12 idle workers a few listen, and no client wakes the others', linux, async (t) => {
  const clients = 200;
  const free = new RosterHost(t, { workers: 12, timeout: 0 }, { PREFORK_ROSTER: 'off' });
  await free.ready();
  const all = await wakesOf(free, clients);
  await free.call('stop');

  const host = new RosterHost(t, { workers: 12, timeout: 0 });
  await host.ready();
  await host.settle(12);
  // Where requests are short, fewer workers go on listening than listen before the first request.
  await wakesOf(host, clients / 2);
  const before = await said(host);
  const wakes = await wakesOf(host, clients);
  // The worker of the last client was busy until its connection had closed. One worker is on call until nobody serves
  // any more.
  await eventually(() => host.count(LISTENING) + host.count(OFF) === 12, '12 idle workers');
  const states = [...(await said(host))];
  const rested = states.filter(([pid, state]) => state === OFF && before.get(pid) === OFF);
  const resting = rested.map(([pid]) => wakes.get(pid) as number);
  const listening = states.filter(([, state]) => state === LISTENING).length;
  assert.ok(listening >= 2 && listening <= MOST_LISTENING, `${listening} listen`);

  const leastWoken = [...all.values()].sort((a, b) => a - b).slice(0, resting.length);
  const [on, off] = [sum(resting), sum(leastWoken)];
  assert.ok(on < off / 5, `those that rest woke up ${on} times, and without a roster ${off} times`);
  t.diagnostic(`${on} wake-ups instead of ${off}`);
});

test('where all requests are short, a few of 12 workers serve nearly all of them', {
  skip: linux.skip || (availableParallelism() > 5 && 'nearly all of them are few here'),
}, async (t) => {
  const host = new RosterHost(t, { workers: 12, timeout: 0 });
  const url = await host.ready();
  const served = async (): Promise<number[]> => (await host.stats()).workers.map(({ requests }) => requests);
  const flood = async (count: number): Promise<void> => {
    const client = async (): Promise<void> => {
      for (let sent = 0; sent < count; sent++) assert.equal((await get(url)).status, 200);
    };
    await Promise.all(Array.from({ length: 8 }, client));
  };
  let shares: number[] = [];
  let quiet = 0;
  const areFew = async (): Promise<boolean> => {
    await host.settle(12);
    const before = await served();
    const others = shareOfOthers([host.pid, ...host.workerPids]);
    await flood(250);
    // While others have the CPUs, requests are long, and then all workers are to serve. Requests are also long until
    // their code is compiled.
    quiet = others() < 0.2 ? quiet + 1 : 0;
    shares = (await served()).map((requests, index) => requests - (before[index] as number)).sort((a, b) => b - a);
    return sum(shares.slice(0, Math.max(MOST_LISTENING, availableParallelism()) + 2)) > 0.9 * sum(shares);
  };
  let few = false;
  for (let round = 0; round < ROUNDS && !few; round++) few = await areFew();
  assert.ok(few || quiet < QUIET, `all serve: ${shares}`);
  if (!few) t.skip('others had the CPUs');
  t.diagnostic(`${shares}`);
});

test('an idle worker wakes a few times a second, with a timeout or without one', linux, async (t) => {
  for (const timeout of [0, 30_000]) await wakesSeldom(t, timeout);
});

async function wakesSeldom(t: TestContext, timeout: number): Promise<void> {
  const host = new RosterHost(t, { workers: 1, timeout });
  await host.ready();
  const [{ pid = 0 } = {}] = await host.workers();
  // Wake-ups right after the boot do not count.
  await passing(host, 1_000);
  const [from, before] = [(await host.stats()).uptime, waits(pid)];
  await passing(host, 2_000);
  const [seconds, wakes] = [((await host.stats()).uptime - from) / 1_000, waits(pid) - before];
  // An idle worker has about 4 wake-ups a second, and 2 more for the beats of its event loop. As often as with a request
  // in flight, those would be 20.
  assert.ok(wakes < 15 * seconds, `${wakes} wake-ups in ${seconds} s with a timeout of ${timeout} ms`);
  await host.call('stop');
}

test('nobody counts on workers that were busy before they knew of a roster', linux, async (t) => {
  const gate = await Gate.open(t);
  const host = new RosterHost(t, { workers: 12, app: fixture('gated.js') }, gate.env);
  const url = await host.ready();
  const held = Array.from({ length: 6 }, () => get(url));
  for (let index = 0; index < 6; index++) await gate.next();
  const holders = gate.arrivals.map(({ pid }) => pid);
  await host.settle(6);
  // In the first round, a worker may have been busy for a moment only. So the workers look round once more.
  await host.settle(6);
  const states = await said(host);
  for (const pid of holders) assert.equal(states.get(pid), BUSY);
  // Six other workers are left for these requests.
  for (let index = 0; index < 6; index++) {
    held.push(get(url));
    await gate.next();
  }
  for (const arrival of gate.arrivals) arrival.release();
  for (const answer of held) assert.equal((await answer).status, 200);
});

test('the end of all workers that listen wakes one that rests', linux, async (t) => {
  const gate = await createLoadGate(t);
  gate.open();
  const host = new RosterHost(t, { workers: 12, app: fixture('waits-to-load.js') }, gate.env);
  const url = await host.ready();
  await host.settle(12);
  gate.close();
  const listening = [...(await said(host))].filter(([, state]) => state === LISTENING).map(([pid]) => pid);
  for (const pid of listening) process.kill(pid, 'SIGKILL');
  await gone(...listening);
  // The substitutes of these workers are still loading.
  const answers = await Promise.all(Array.from({ length: 8 }, () => get(`${url}/wait?ms=20`)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(host.of('worker:ready').length, 12);
});
