import assert from 'node:assert/strict';
import test from 'node:test';
import { masterLines } from '../../../build/cli/ctl-table.js';

test('addresses have the names that they have in the log', () => {
  const addresses = [
    '/run/app.sock',
    'fd://3',
    { address: '::', family: 'IPv6', port: 80 },
    { address: '127.0.0.1', family: 'IPv4', port: 80 },
  ];
  const stats = {
    ...{
      name: 'app',
      pid: 1,
      state: 'running',
      generation: 1,
      uptime: 0,
      target: 0,
      workers: [],
      failing: [],
      spares: 0,
    },
    totals: {},
    queues: addresses.map((address) => ({ address, waiting: 1, backlog: 2 })),
  };
  const lines = masterLines(stats as unknown as Parameters<typeof masterLines>[0], 200);
  assert.deepEqual(
    lines.slice(4),
    ['unix:/run/app.sock', 'fd://3', '[::]:80', '127.0.0.1:80'].map((where) => `queue of ${where}: 1 of 2 wait`),
  );
});
