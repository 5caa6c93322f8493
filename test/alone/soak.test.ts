/*
 * Who counts what is lost to a kill must know that its clients had the CPU: one that is held up between its connect and its request has the worker hold
 * a second connection, which the kill takes too. So those are counted apart, and nothing runs beside this, that there be few of them.
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
