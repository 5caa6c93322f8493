/* The real OpenTelemetry: each request is in the trace that its client has begun, however it waited. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { answersIn } from '../helpers/byte-client.js';
import { CLASSES, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { eventually } from '../helpers/wait.js';

const COUNT = 8;
const traceOf = (number: number): string => String(number).padStart(32, 'a');

for (const workerClass of CLASSES) {
  test(`tracing: requests that wait for their places are in their own traces, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const options = { ...single(workerClass), workerConnections: 100, app: fixture('traced.js'), env: gate.env };
    const host = new Host(t, options);
    const url = await host.ready();
    const clients = await Promise.all(Array.from({ length: COUNT }, () => RawClient.connect(t, url)));
    for (const client of clients) client.send('GET /held HTTP/1.1\r\nHost: test\r\nConnection: close\r\n');
    await eventually(async () => (await host.stats()).workers[0]?.connections === COUNT, 'all connections');
    const held = await gate.hold(`${url}/held`);
    for (const [index, client] of clients.entries())
      client.send(`traceparent: 00-${traceOf(index)}-00000000000000b7-01\r\n\r\n`);
    await held.arrival.settle();
    held.arrival.release();
    for (let count = 0; count < COUNT; count++) (await gate.next()).release();
    for (const [index, client] of clients.entries()) {
      const told = JSON.parse(answersIn(await client.all())[0]?.body ?? '{}');
      assert.deepEqual([told.at, told.later], [traceOf(index), traceOf(index)]);
    }
    assert.equal((await held.answer).status, 200);
    assert.equal((await get(`${url}/`)).status, 200);
  });
}
