import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { fixture } from '../../helpers/host.js';
import { temporaryFolder } from '../../helpers/place.js';

/** What the fixture finds out about a connection to such a server. After that, the fixture kills itself. */
function peers(where: object): Record<string, unknown> {
  const { stdout, stderr, signal } = spawnSync(
    process.execPath,
    [fixture('asks-for-peers.js'), JSON.stringify(where)],
    { encoding: 'utf8' },
  );
  assert.equal(signal, 'SIGKILL', stderr);
  return JSON.parse(stdout);
}

/** What is found of a descriptor that was another connection's before. */
const REUSED = { taken: true, peers: [{ address: '127.0.0.1' }] };

const TCP = [
  [{ host: '127.0.0.1', port: 0 }, '127.0.0.1'],
  [{ host: '::1', port: 0, client: '::1' }, '::1'],
  // The address as Node names it.
  [{ host: '::', port: 0 }, '::ffff:127.0.0.1'],
] as const;
for (const [where, address] of TCP) {
  test(`who is at the other end of a connection to ${where.host}: ${address}`, () => {
    assert.deepEqual(peers(where), {
      open: [{ address }],
      // The descriptors of a file, a client and a connection of another server, and one that is not open.
      others: [],
      byName: [{ address }],
      byAnother: [],
      opened: 0,
      reused: REUSED,
      remoteAddress: address,
    });
  });
}

test('a Unix socket has no address', { skip: process.platform !== 'linux' && 'needs /proc' }, (t) => {
  const { others, remoteAddress, ...known } = peers({ path: join(temporaryFolder(t), 'sócket') });
  assert.deepEqual(known, { open: [{}], byName: [{}], byAnother: [], opened: 0, reused: REUSED });
  assert.deepEqual([others, remoteAddress], [[], undefined]);
});
