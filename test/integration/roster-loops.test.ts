import assert from 'node:assert/strict';
import test from 'node:test';
import { DUTY } from '../../build/scoreboard.js';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { MOST_LISTENING, RosterHost } from '../helpers/roster.js';
import { eventually } from '../helpers/wait.js';

const linux = { skip: process.platform !== 'linux' && 'it looks into /proc' };
const WORKERS = 12;
const CLIENTS = 6;

// The word of such a worker says that it listens while a request keeps its event loop.
test('while requests keep the event loops of async workers, none of these rests; later they do', linux, async (t) => {
  // They look round each second.
  const host = new RosterHost(t, { workers: WORKERS, workerClass: 'async', app: fixture('app.js'), execArgv: [] });
  const url = await host.ready();
  const rest = (): boolean => host.count(DUTY.OFF) >= WORKERS - MOST_LISTENING;
  await eventually(rest, 'workers that rest');
  let goesOn = true;
  const client = async (): Promise<void> => {
    while (goesOn) assert.equal((await get(`${url}/block?ms=30`)).body, 'blocked');
  };
  const clients = Array.from({ length: CLIENTS }, client);
  try {
    await eventually(() => host.count(DUTY.OFF) + host.count(DUTY.ALERT) === 0, 'workers that all accept');
  } finally {
    goesOn = false;
  }
  await Promise.all(clients);
  await eventually(rest, 'workers that rest again');
});
