import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import test from 'node:test';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { responseTo } from '../helpers/response.js';
import { inTime } from '../helpers/wait.js';

keepHosts();

const MEGABYTE = 1 << 20;
const LONG_TEXT = 'x'.repeat(5 * MEGABYTE);

/** What a worker of this library would never write; none of it may have any effect. */
const MALFORMED: Readonly<Record<string, string | Buffer>> = {
  'no JSON': 'hello\n{"type":\n}{\n\n\n\r\n\0\n',
  'no object': 'null\n1\n"ready"\n[]\n[{"type":"ready"}]\ntrue\n',
  'unknown types':
    '{}\n{"type":null}\n{"type":"stop"}\n{"type":{"type":"ready"}}\n{"__proto__":{"type":"ready"}}\n{"TYPE":"ready"}\n',
  'wrong shapes':
    '{"type":"error"}\n{"type":"error","error":"no"}\n{"type":"error","error":{"name":1,"message":[]}}\n' +
    '{"type":"failed","phase":"late","error":{"name":"","message":""}}\n{"type":"failed","phase":"load","error":null}\n',
  'objects without a text': `{"type":"metrics","thread":0,"metrics":[{"name":"a","type":"counter","values":[{"value":1,"labels":{"a":{"toString":1}}}]}]}\n`,
  binary: Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 7919) % 256)),
  'a line of 5 MB': `${LONG_TEXT}\n`,
  'a message of 5 MB': `{"type":"error","error":{"name":"E","message":"${LONG_TEXT}"}}\n`,
  'deep JSON': `${'['.repeat(MEGABYTE / 2)}\n${'{"a":'.repeat(MEGABYTE / 8)}\n`,
  'ready again': '{"type":"ready"}\n'.repeat(1000),
  'failed after it was ready': '{"type":"failed","phase":"load","error":{"name":"E","message":"late"}}\n'.repeat(1000),
  'half a line': '{"type":"rea',
};

/** Has the worker write to its control pipe. */
async function write(url: string, bytes: string | Buffer, count = 1): Promise<void> {
  const request = http.request(url, { method: 'POST', agent: false, headers: { 'x-count': count } });
  request.end(bytes);
  const response = await inTime(responseTo(request), 'the answer to a write');
  response.resume();
  await once(response, 'end');
  assert.equal(response.statusCode, 200);
}

test('malformed_messages_on_control_channel', async (t) => {
  const host = new Host(t, { workers: 1, app: fixture('writes-to-control.js') });
  const url = await host.ready();
  for (const bytes of Object.values(MALFORMED)) await write(url, bytes);
  // The half line ends here, and the next line is a message again: the reader has lost nothing.
  await write(url, 'dy"}\n{"type":"error","error":{"name":"E","message":"a good one"}}\n');
  const [worker, error] = await host.event('worker:error');
  assert.deepEqual([worker.id, error.message], [1, 'a good one']);
  assert.equal(host.of('worker:error').length, 1);
  assert.equal(host.of('worker:ready').length, 1);
  assert.equal(host.of('worker:exit').length + host.of('error').length, 0);
  process.kill(worker.pid, 'SIGKILL');
  await host.event('worker:ready', ({ age }) => age === 2);
  await write(url, '');
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
});

test('malformed messages: a line without end does not fill the memory of the master', async (t) => {
  const host = new Host(t, { workers: 1, app: fixture('writes-to-control.js') });
  const url = await host.ready();
  // After these lines, the memory for short-lived objects has grown to its limit.
  for (let count = 0; count < 4; count++) await write(url, LONG_TEXT, 5);
  const before = residentMegabytes(host.pid);
  for (let count = 0; count < 12; count++) await write(url, LONG_TEXT, 5);
  await write(url, '\n{"type":"error","error":{"name":"E","message":"read to the end"}}\n');
  await host.event('worker:error', (_, { message }) => message === 'read to the end');
  const grown = residentMegabytes(host.pid) - before;
  assert.ok(grown < 100, `300 MB of a line made the master grow by ${grown} MB`);
});

test('malformed messages: what the application writes before the worker is ready', async (t) => {
  for (const AT_LOAD of ['garbage\n', '{"type":"error"}\n', LONG_TEXT.slice(0, 100_000), 'half a line']) {
    const host = new Host(
      t,
      { workers: 1, app: fixture('writes-to-control.js'), bootTimeout: 25_000 },
      { env: { AT_LOAD } },
    );
    await host.until(() => host.of('ready').length + host.of('rejected').length > 0, 'an outcome');
    assert.equal(host.of('ready').length, 1, `after ${AT_LOAD.slice(0, 20)} …\n${host.log}`);
  }
});

function residentMegabytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}
