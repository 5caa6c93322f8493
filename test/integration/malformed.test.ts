import assert from 'node:assert/strict';
import test from 'node:test';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { assertUnharmed, atRest, classes, witnessed } from '../helpers/classes.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { MALFORMED } from '../helpers/malformed.js';

keepHosts();

test('the table of malformed requests says why where the answer is not 400', () => {
  const names = MALFORMED.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, status, why } of MALFORMED) assert.equal(why === undefined, status === 400, name);
});

for (const each of classes()) {
  test(`malformed_requests_answered_4xx: ${each.name}`, async (t) => {
    const host = witnessed(t, each);
    const url = await host.ready();
    const [worker] = await host.workers();
    const found: string[] = [];
    for (const { name, bytes, status } of MALFORMED) {
      const client = await ByteClient.connect(url);
      const answers = answersIn(await client.send(bytes).all());
      const seen = answers.map((answer) => answer.status);
      if (client.end !== 'closed' || seen.length !== 1 || seen[0] !== status) {
        found.push(`${name}: ${client.end} after ${seen}, not ${status}`);
      }
      // Nothing of the bad bytes is left behind in the worker, or in the one thread that took them.
      const next = await get(`${url}/next`);
      const { pid, method, url: path, body } = JSON.parse(next.body);
      assert.deepEqual([next.status, pid, method, path, body], [200, worker?.pid, 'GET', '/next', ''], name);
    }
    assert.deepEqual(found, []);
    await assertUnharmed(host);
    await atRest(host);
  });
}
