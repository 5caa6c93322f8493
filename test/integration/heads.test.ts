/*
 * A head is as the application wrote it: the same bytes as from a plain http.Server, except for what it says of the
 * connection.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { before, type TestContext } from 'node:test';
import { HEAD_FORMS } from '../fixtures/head-forms.js';
import heads from '../fixtures/heads.js';
import { ByteClient } from '../helpers/byte-client.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { CLASSES } from '../helpers/classes.js';
import { DRAINS, holdIntoDrain } from '../helpers/drains.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

/**
 * How long a keep-alive connection stays open, in milliseconds. Here the end of the connection is the end of an answer.
 */
const KEPT = 50;
const ALL = Object.keys(HEAD_FORMS);
/** The forms for the tests in which each needs a worker or a thread of its own. */
const SOME: readonly string[] = [
  ...['set, lasting', 'object, after some were set', 'list', 'list, lasting'],
  ...['pairs, lasting', 'wrapped, list', 'another prototype', '204'],
];

const request = (form: string, query = ''): string => {
  const { method = 'GET', version = '1.1', fields = '' } = HEAD_FORMS[form] ?? {};
  return `${method} /${encodeURIComponent(form)}${query} HTTP/${version}\r\nHost: a\r\n${fields}\r\n`;
};

const expected = new Map<string, string>();

before(async () => {
  const server = http.createServer({ keepAliveTimeout: KEPT }, heads).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await Promise.all(ALL.map(async (form) => expected.set(form, await answer(url, form))));
  server.close();
});

async function answer(url: string, form: string): Promise<string> {
  return (await ByteClient.connect(url)).send(request(form)).all();
}

const undated = (text: string): string => text.replace(/^Date: .*\r\n/gm, '');
const OF_CONNECTION = /^(?:connection|keep-alive): .*\r\n/gim;
const unconnected = (text: string): string => undated(text).replace(OF_CONNECTION, '');

/** Asserts that the head is the same except for what it says of the connection, which is that it ends. */
function assertClosing(got: string, form: string): void {
  assert.equal(unconnected(got), unconnected(expected.get(form) ?? ''), form);
  const lines = got.match(OF_CONNECTION) ?? [];
  assert.match(lines.join(), /^connection: close\r\n$/i, form);
}

/**
 * So many forms that a worker, or a thread of one, holds each of their requests. Where each request needs one of its
 * own, each way of draining has other forms.
 */
const FOR_ALL: Readonly<
  Record<(typeof CLASSES)[number], (way: number) => { forms: readonly string[]; options: HostOptions }>
> = {
  sync: (way) => ({ forms: SOME.slice(2 + way, 4 + way), options: { workers: 2, surge: 2 } }),
  threaded: (way) => ({ forms: SOME.slice(2 * way, 2 * way + 4), options: { workers: 1, threads: 4 } }),
  async: () => ({ forms: ALL, options: { workers: 1 } }),
};

for (const workerClass of CLASSES) {
  const options: HostOptions = { workerClass, keepAlive: KEPT, app: fixture('heads.js') };

  test(`heads, serving: ${workerClass}`, async (t) => {
    const host = new Host(t, { ...options, workers: 1 });
    const url = await host.ready();
    const answers = await Promise.all(ALL.map(async (form) => [form, await answer(url, form)] as const));
    for (const [form, got] of answers) {
      const plain = expected.get(form) ?? '';
      if (workerClass === 'sync') assertClosing(got, form);
      else if (workerClass === 'async') assert.equal(undated(got), undated(plain), form);
      // A busy thread may end a connection.
      else assert.equal(unconnected(got), unconnected(plain), form);
    }
  });

  for (const [number, [way, order]] of Object.entries(DRAINS).entries()) {
    test(`heads, written while a ${way} drains: ${workerClass}`, async (t) => {
      const { forms, options: more } = FOR_ALL[workerClass](number);
      const gate = await Gate.open(t);
      const host = new Host(t, { ...options, ...more }, { env: gate.env });
      const url = await host.ready();
      const clients = new Map<string, ByteClient>();
      const send = async (form: string): Promise<unknown> =>
        clients.set(form, (await ByteClient.connect(url)).send(request(form, '?gate')));
      await holdIntoDrain(gate, forms, send, host, () => order(host, more.workers as number));
      for (const [form, client] of clients) {
        const got = await client.all();
        // The head had been sent before the drain.
        if (form === 'flushed before') assert.equal(unconnected(got), unconnected(expected.get(form) ?? ''));
        else assertClosing(got, form);
      }
    });
  }
}

test('heads, written while a reload drains: with TLS', { skip: noCertificates }, async (t: TestContext) => {
  const { cert, key } = certificate();
  const gate = await Gate.open(t);
  const tls = { cert, key };
  const options = { workers: 1, workerClass: 'async', keepAlive: KEPT, app: fixture('heads.js'), tls } as const;
  const host = new Host(t, options, { env: gate.env });
  const url = await host.ready();
  const clients = new Map<string, RawClient>();
  const send = async (form: string): Promise<unknown> =>
    clients.set(form, (await RawClient.secure(t, url, cert)).send(request(form, '?gate')));
  await holdIntoDrain(gate, SOME, send, host, () => DRAINS.reload(host, 1));
  for (const [form, client] of clients) assertClosing(await client.all(), form);
});
