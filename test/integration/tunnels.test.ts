import assert from 'node:assert/strict';
import test from 'node:test';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { assertUnharmed, atRest, classes, witnessed } from '../helpers/classes.js';
import { get } from '../helpers/http.js';

const CONNECT = 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n';
const REFUSED = 'HTTP/1.1 501 ';

/** What a client may do with the connection on which it asked for a tunnel. */
const MOVES: Readonly<Record<string, (client: ByteClient) => unknown>> = {
  'resets at once': (client) => client.send(CONNECT).reset(),
  'resets after the answer': async (client) => (await client.send(CONNECT).until(REFUSED)).reset(),
  'sends on, and resets': (client) => client.send(`${CONNECT}\x16\x03\x01`).reset(),
  'ends its side': (client) => client.send(CONNECT).finish().all(),
  'sends on, and ends its side': (client) => client.send(`${CONNECT}\x16\x03\x01`).finish().all(),
  'sends on after the answer, and ends its side': async (client) => {
    await client.send(CONNECT).until(REFUSED);
    await client.send('\x16\x03\x01').finish().all();
  },
  stays: (client) => client.send(CONNECT).all(),
};

for (const each of classes()) {
  test(`a tunnel is refused, whatever its client does then: ${each.name}`, async (t) => {
    const host = witnessed(t, each);
    const url = await host.ready();
    const [worker] = await host.workers();
    for (const [move, make] of Object.entries(MOVES)) {
      for (let round = 0; round < 20; round++) await make(await ByteClient.connect(url));
      assert.equal(JSON.parse((await get(url)).body).pid, worker?.pid, move);
    }
    await atRest(host);
    await assertUnharmed(host);
  });

  test(`a tunnel behind a request is not answered in its place: ${each.name}`, async (t) => {
    const host = witnessed(t, each);
    const url = await host.ready();
    for (const path of ['/late?ms=20', '/large?bytes=100000', '/']) {
      const client = (await ByteClient.connect(url)).get(path).send(CONNECT);
      // The first answer, and perhaps the refusal behind it; or nothing, if the connection is cut off.
      const [first] = answersIn(await client.finish().all());
      assert.ok(first === undefined || first.status === 200, `${first?.status} for ${path}`);
    }
    await atRest(host);
    await assertUnharmed(host);
  });
}
