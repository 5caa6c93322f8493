/*
 * A request that is there when its connection is accepted is served in that very turn of the event loop. Everything
 * else is the same as without that.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { DUTY } from '../../build/scoreboard/scoreboard.js';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { assertUnharmed, type ClassUnderTest, classes } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { RosterHost } from '../helpers/roster.js';
import { sharing } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const app = fixture('says-its-turn.js');
const TURNED = classes(1).filter(({ name }) => name !== 'async');
type Turn = 'force' | 'off';

interface Said {
  readonly fast: boolean;
  readonly atFirst: number;
  readonly atLast: number;
  readonly others: number;
  readonly body: number;
}

function start(t: TestContext, each: ClassUnderTest, turn: Turn, more: HostOptions = {}): Promise<Host> {
  return sharing(t, { workers: 1, app, ...each.options, ...more }, { env: { PREFORK_FAST_TURN: turn } });
}

/** Stops the worker meanwhile, so that everything the clients do is there when the worker accepts the first of them. */
async function stopped(host: Host, act: () => unknown): Promise<void> {
  const [worker] = await host.workers();
  process.kill(worker?.pid as number, 'SIGSTOP');
  await act();
  process.kill(worker?.pid as number, 'SIGCONT');
}

function said(client: ByteClient): Promise<Said[]> {
  return client.all().then((received) => answersIn(received).map(({ body }) => JSON.parse(body) as Said));
}

const head = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${more}\r\n`;

for (const each of TURNED) {
  for (const turn of ['force', 'off'] as const) {
    const fast = turn === 'force';

    test(`a request that is there is served in the turn that accepts it, or not: ${each.name}, ${turn}`, async (t) => {
      const host = await start(t, each, turn);
      const url = await host.ready();
      const served = async (path: string): Promise<boolean> => {
        const clients: ByteClient[] = [];
        await stopped(host, async () => {
          for (let count = 0; count < 20; count++) clients.push((await ByteClient.connect(url)).send(head(path)));
        });
        const answers = (await Promise.all(clients.map(said))).flat();
        assert.equal(answers.length, 20);
        for (const { atFirst, others } of answers) assert.deepEqual([atFirst, others], [head(path).length, 0]);
        return answers.some((answer) => answer.fast);
      };
      for (const path of ['/', '/promises']) {
        if (!fast) assert.equal(await served(path), false, host.log);
        // Behind a request that took long, another one begins only when it is known that its client is still there. On
        // a busy machine that may happen to all of them.
        else
          await eventually(
            () => served(path),
            () => `a request that is served at once\n${host.log}`,
          );
      }
      await assertUnharmed(host);
    });

    test(`bytes are read once and in order, and counted: ${each.name}, ${turn}`, async (t) => {
      const host = await start(t, each, turn);
      const url = await host.ready();
      const post = (body: string): string =>
        `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const long = post('x'.repeat(200_000));
      let clients: ByteClient[] = [];
      await stopped(host, async () => {
        clients = await Promise.all(Array.from({ length: 3 }, () => ByteClient.connect(url)));
        clients[0]?.send(long.slice(0, 10));
        clients[1]?.send(long);
        clients[2]?.send(post('small'));
      });
      clients[0]?.send(long.slice(10));
      const [first, second, third] = (await Promise.all(clients.map(said))).flat();
      for (const [answer, text] of [
        [first, long],
        [second, long],
        [third, post('small')],
      ] as const) {
        assert.equal(answer?.atLast, text.length);
        assert.equal(answer?.body, text.length - text.indexOf('\r\n\r\n') - 4);
      }
      await assertUnharmed(host);
    });

    test(`who is not done in that turn has the place: ${each.name}, ${turn}`, async (t) => {
      const host = await start(t, each, turn);
      const url = await host.ready();
      let clients: ByteClient[] = [];
      await stopped(host, async () => {
        clients = await Promise.all(Array.from({ length: 3 }, () => ByteClient.connect(url)));
        clients[0]?.send(head('/open'));
        for (const client of clients.slice(1)) client.send(head('/'));
      });
      await clients[0]?.until('open');
      // The other requests are left to a worker that has room: none of their connections has been accepted.
      assert.equal((await host.stats()).workers[0]?.connections, 1, host.log);
      clients[0]?.reset();
      for (const client of clients.slice(1)) assert.equal((await said(client))[0]?.others, 0);
      await assertUnharmed(host);
    });

    test(`clients that are gone when they are accepted harm nobody: ${each.name}, ${turn}`, async (t) => {
      const host = await start(t, each, turn);
      const url = await host.ready();
      await stopped(host, async () => {
        for (let count = 0; count < 10; count++) {
          (await ByteClient.connect(url)).reset();
          (await ByteClient.connect(url)).finish();
          const client = (await ByteClient.connect(url)).send(head('/'));
          // Reset only when the request has been sent.
          await new Promise(setImmediate);
          client.reset();
        }
      });
      for (let count = 0; count < 10; count++) assert.equal((await get(url)).status, 200);
      await assertUnharmed(host);
    });
  }
}

test('an application that reads connections by itself reads all of them', async (t) => {
  const host = new Host(
    t,
    { workers: 1, app: fixture('taps-connections.js') },
    { env: { PREFORK_FAST_TURN: 'force' } },
  );
  const url = await host.ready();
  const clients: ByteClient[] = [];
  await stopped(host, async () => {
    for (let count = 0; count < 5; count++) clients.push((await ByteClient.connect(url)).send(`PRE${head('/')}`));
  });
  for (const client of clients) assert.match(await client.all(), /^HTTP\/1.1 200 .*behind PRE$/s);
  await assertUnharmed(host);
});

test('an application that hears of a connection has a turn of the event loop for it, before its request comes', async (t) => {
  const env = { PREFORK_FAST_TURN: 'force', CONNECTIONS: 'late' };
  const host = new Host(t, { workers: 1, app: fixture('hears-connections.js') }, { env });
  const url = await host.ready();
  const clients: ByteClient[] = [];
  await stopped(host, async () => {
    for (let count = 0; count < 5; count++) clients.push((await ByteClient.connect(url)).send(head('/')));
  });
  for (const client of clients) assert.match(await client.all(), /\r\n\r\nknown, 0 from files$/);
  await assertUnharmed(host);
});

test('of a connection that the application has destroyed nothing is read: its descriptor may be another file', async (t) => {
  const file = join(temporaryFolder(t), 'request');
  writeFileSync(file, head('/file'));
  const env = { PREFORK_FAST_TURN: 'force', CONNECTIONS: 'destroyed', REQUEST: file };
  const host = new Host(t, { workers: 1, app: fixture('hears-connections.js') }, { env });
  const url = await host.ready();
  for (let count = 0; count < 3; count++) {
    await (await ByteClient.connect(url)).send(head('/')).all();
    const client = (await ByteClient.connect(url)).send(head('/'));
    assert.match(await client.all(), /\r\n\r\nunknown, 0 from files$/);
  }
  await assertUnharmed(host);
});

test('who has the place next says on the duty roster that it is taken, also if it came by another address', async (t) => {
  const bind = ['127.0.0.1:0', '127.0.0.1:0'];
  const env = { PREFORK_FAST_TURN: 'force', PREFORK_ROSTER: 'force' };
  const host = new RosterHost(t, { workers: 1, app: fixture('says-its-turn.js'), bind }, env);
  await host.ready();
  const addresses = (await host.call('addresses')) as { port: number }[];
  const [one = '', other = ''] = addresses.map(({ port }) => `http://127.0.0.1:${port}`);
  await host.settle(1);
  for (let count = 0; count < 20; count++) {
    let first: ByteClient | undefined;
    let second: ByteClient | undefined;
    await stopped(host, async () => {
      first = (await ByteClient.connect(one)).send(head('/'));
      second = (await ByteClient.connect(other)).send(head('/open'));
    });
    await first?.all();
    await second?.until('open');
    assert.equal(host.count(DUTY.LISTENING), 0);
    second?.reset();
    await eventually(() => host.count(DUTY.LISTENING) === 1, 'the place to be free');
  }
  await assertUnharmed(host);
});
