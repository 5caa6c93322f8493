import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DUTY } from '../../build/scoreboard/scoreboard.js';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { alive } from '../helpers/process.js';
import { RosterHost } from '../helpers/roster.js';
import { eventually } from '../helpers/wait.js';

const linux = { skip: process.platform !== 'linux' && 'it looks into /proc' };
const WORKERS = 12;
const CLIENTS = 6;

// The word of such an acceptor says that it listens, while something blocks its event loop.
for (const [name, options, path] of [
  ['behind the answers of sync workers', { workers: WORKERS }, '/block-later?ms=40'],
  ['behind those of threads', { workers: 3, workerClass: 'threaded', threads: 4 }, '/block-later?ms=40'],
  ['in the requests of async workers', { workers: WORKERS, workerClass: 'async' }, '/block?ms=40'],
] as const) {
  test(`where something keeps the event loops ${name}, all accept; later, some rest again`, linux, async (t) => {
    const host = new RosterHost(t, { ...options, app: fixture('app.js') });
    const url = await host.ready();
    await host.settle(WORKERS);
    let goesOn = true;
    const client = async (): Promise<void> => {
      while (goesOn) assert.equal((await get(`${url}${path}`)).body, 'blocked');
    };
    const clients = Array.from({ length: CLIENTS }, client);
    try {
      await eventually(async () => {
        for (const pid of host.workerPids) if (alive(pid)) process.kill(pid, 'SIGCONT');
        // Seldom: with each round, an acceptor forgets a part of what has blocked its loop.
        await delay(200);
        return host.count(DUTY.OFF) + host.count(DUTY.ALERT) === 0;
      }, 'acceptors that all accept');
    } finally {
      goesOn = false;
    }
    await Promise.all(clients);
    await host.settle(WORKERS);
  });
}
