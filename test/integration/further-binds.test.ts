import assert from 'node:assert/strict';
import test from 'node:test';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

for (const [workerClass, options] of [
  ['sync', { workers: 2 }],
  ['threaded', { workers: 1, threads: 2 }],
] as const) {
  test(`second_bind_served_exclusively: ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const bind = ['127.0.0.1:0', '127.0.0.1:0'];
    const host = new Host(t, { workerClass, ...options, bind, app: fixture('gated.js'), env: gate.env });
    await host.ready();
    const urls = ((await host.call('addresses')) as { port: number }[]).map(({ port }) => `http://127.0.0.1:${port}`);
    const [one, two] = urls as [string, string];

    // Two requests through the second address make two workers or threads busy. Later requests, at either address, wait
    // in the accept queue.
    const answers = [get(`${two}/1`)];
    const first = await gate.next();
    answers.push(get(`${two}/2`));
    const second = await gate.next();
    assert.notDeepEqual([first.pid, first.thread], [second.pid, second.thread], 'a busy one took it');
    answers.push(get(`${one}/3`), get(`${two}/4`));
    for (const busy of [first, second]) await busy.settle();
    assert.equal(gate.arrivals.length, 2);

    // The worker or thread that becomes free takes the next request, and only that.
    first.release();
    const third = await gate.next();
    assert.deepEqual([third.pid, third.thread], [first.pid, first.thread]);
    for (const busy of [third, second]) await busy.settle();
    assert.equal(gate.arrivals.length, 3);
    third.release();
    (await gate.next()).release();
    second.release();
    assert.deepEqual(
      (await Promise.all(answers)).map(({ status }) => status),
      [200, 200, 200, 200],
    );
  });
}
