/*
 * This test counts what is lost to a kill, so it must know that its clients had the CPU. If a client is held up between
 * its connect and its request, its worker holds a second connection, and the kill takes that one too. Such losses are
 * counted apart. Nothing runs beside this test, so that there are few of them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../helpers/amount.js';

interface Soak {
  soak(settings: { kills: number; workers: number }): Promise<{ violations: string[]; requests: number }>;
}
const SCRIPT: string = new URL('../../bench/soak.mjs', import.meta.url).href;

const KILLS = amount({ suite: 30, long: 1_000 });

test(`soak: ${KILLS} × kill -9 under load lose one request each at most, and leak nothing`, {
  skip: process.platform !== 'linux' && 'it looks into /proc',
}, async () => {
  const { soak } = (await import(SCRIPT)) as Soak;
  const result = await soak({ kills: KILLS, workers: 4 });
  assert.deepEqual(result.violations, [], JSON.stringify(result, undefined, 2));
  assert.ok(result.requests > 1_000, `only ${result.requests} requests were made`);
});
