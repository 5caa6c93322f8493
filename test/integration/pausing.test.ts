import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { type BoundSocket, bindTcp, bindUnix } from '../../build/system/socket.js';
import type { Order, Report } from '../fixtures/pauses.js';
import { isNonBlocking, target, targets } from '../helpers/descriptors.js';
import { fixture } from '../helpers/host.js';
import { temporaryFolder } from '../helpers/place.js';
import { eventually, inTime } from '../helpers/wait.js';

const onLinux = process.platform === 'linux';
interface Address {
  readonly fd: number;
  readonly to: NetConnectOpts;
}
const KINDS: Readonly<Record<string, (t: TestContext) => Address>> = {
  TCP: (t) => tcp(t, '127.0.0.1'),
  IPv6: (t) => tcp(t, '::1'),
  Unix(t) {
    const path = join(temporaryFolder(t), 'socket');
    return { fd: keep(t, bindUnix(path)).fd, to: { path } };
  },
};

function tcp(t: TestContext, host: string): Address {
  const { fd, address } = keep(t, bindTcp(host, 0));
  return { fd, to: { host, port: address?.port as number } };
}

function keep(t: TestContext, socket: BoundSocket): BoundSocket {
  t.after(() => socket.close());
  return socket;
}

/** The fixture, with sockets as descriptors 6 and up. */
class Accepter {
  readonly child: ChildProcess;
  readonly #reports: Report[] = [];
  #arrived: (() => void) | undefined;

  private constructor(t: TestContext, mode: string, fds: readonly number[]) {
    this.child = fork(fixture('pauses.js'), [mode, String(fds.length)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'ignore', 'ignore', ...fds],
    });
    t.after(() => this.child.kill('SIGKILL'));
    this.child.on('message', (report: Report) => {
      this.#reports.push(report);
      this.#arrived?.();
    });
  }

  static async start(t: TestContext, mode: 'pauses' | 'accepts' | 'threads', ...fds: number[]): Promise<Accepter> {
    const accepter = new Accepter(t, mode, fds);
    const listeners = mode === 'threads' ? fds.length : 1;
    for (let count = 0; count < listeners; count++) await accepter.next('listening');
    return accepter;
  }

  get pid(): number {
    return this.child.pid as number;
  }

  order(order: Order['order'], thread = 0): void {
    this.child.send({ order, thread } satisfies Order);
  }

  /** How many connections the process has accepted, in its next report, which must be of this kind. */
  async next(what: Report['report']): Promise<number> {
    for (;;) {
      const report = this.#reports.shift();
      if (report) {
        assert.equal(report.report, what);
        return report.accepted;
      }
      const arrival = new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
      await inTime(arrival, `the report '${what}'`);
    }
  }

  /** How many connections it has accepted, after it had two turns of its loop to accept more. */
  async look(thread = 0): Promise<number> {
    this.order('look', thread);
    await this.next('looked');
    this.order('look', thread);
    return this.next('looked');
  }
}

/** A client that waits in the queue of a socket, and is told by the process that accepts it which one that is. */
class Client {
  readonly #acceptedBy: Promise<number>;

  private constructor(socket: Socket) {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    // Those that are still in the queue at the end of a test may be reset.
    socket.on('error', () => undefined);
    this.#acceptedBy = new Promise((resolve) => socket.once('end', () => resolve(Number(text))));
  }

  static async enqueue(t: TestContext, to: NetConnectOpts): Promise<Client> {
    const socket = connect(to);
    t.after(() => socket.destroy());
    await inTime(once(socket, 'connect'), 'a connection');
    return new Client(socket);
  }

  acceptedBy(): Promise<number> {
    return inTime(this.#acceptedBy, 'an accept');
  }
}

/** The accepting processes of some clients that come one after the other. */
async function acceptersOf(t: TestContext, to: NetConnectOpts, count: number): Promise<Set<number>> {
  const pids = new Set<number>();
  for (let index = 0; index < count; index++) pids.add(await (await Client.enqueue(t, to)).acceptedBy());
  return pids;
}

for (const [kind, bind] of Object.entries(KINDS)) {
  test(`${kind}: 1000 pauses, exact, without a new descriptor`, async (t) => {
    const { fd, to } = bind(t);
    const worker = await Accepter.start(t, 'pauses', fd);
    const socket = onLinux && target(worker.pid, 6);
    const clients: Client[] = [];
    for (let index = 0; index < 3; index++) clients.push(await Client.enqueue(t, to));
    assert.equal(await worker.look(), 0);

    let descriptors = 0;
    for (let round = 1; round <= 1000; round++) {
      worker.order('resume');
      assert.equal(await worker.next('accepted'), round);
      assert.equal(await clients[round - 1]?.acceptedBy(), worker.pid);
      clients.push(await Client.enqueue(t, to));
      assert.equal(await worker.look(), round);
      if (round === 1 && onLinux) descriptors = targets(worker.pid).length;
    }
    if (!onLinux) return;
    await eventually(() => targets(worker.pid).length <= descriptors, `${descriptors} descriptors`);
    assert.equal(target(worker.pid, 6), socket);
    assert.ok(isNonBlocking(worker.pid, 6));
  });

  test(`${kind}: a sibling accepts meanwhile, and after the end of the paused server`, async (t) => {
    const { fd, to } = bind(t);
    const worker = await Accepter.start(t, 'pauses', fd);
    const sibling = await Accepter.start(t, 'accepts', fd);
    assert.deepEqual(await acceptersOf(t, to, 20), new Set([sibling.pid]));
    for (let count = 1; count <= 20; count++) assert.equal(await sibling.next('accepted'), count);

    sibling.order('pause');
    assert.equal(await sibling.look(), 20);
    const waiting = [await Client.enqueue(t, to), await Client.enqueue(t, to), await Client.enqueue(t, to)];
    assert.deepEqual([await worker.look(), await sibling.look()], [0, 20]);
    worker.order('resume');
    assert.equal(await worker.next('accepted'), 1);
    assert.deepEqual([await worker.look(), await sibling.look()], [1, 20]);
    sibling.order('resume');
    assert.deepEqual(await Promise.all(waiting.map((client) => client.acceptedBy())), [
      worker.pid,
      sibling.pid,
      sibling.pid,
    ]);

    worker.order('end');
    await worker.next('ended');
    assert.deepEqual(await acceptersOf(t, to, 3), new Set([sibling.pid]));
    if (onLinux) assert.ok(isNonBlocking(sibling.pid, 6));
  });
}

test('several sockets and room for one connection', async (t) => {
  const sockets = Object.values(KINDS).map((bind) => bind(t));
  const worker = await Accepter.start(t, 'pauses', ...sockets.map(({ fd }) => fd));
  const rounds = 200;
  // Every queue has clients in every round, so that the sockets are ready in the same turn.
  for (const { to } of sockets) {
    for (let index = 0; index < rounds; index++) await Client.enqueue(t, to);
  }
  for (let round = 1; round <= rounds; round++) {
    worker.order('resume');
    assert.equal(await worker.next('accepted'), round);
    assert.equal(await worker.look(), round);
  }
});

test('threads: each with a descriptor of its own', async (t) => {
  const { fd, to } = tcp(t, '127.0.0.1');
  const worker = await Accepter.start(t, 'threads', fd, fd);
  const clients = [await Client.enqueue(t, to), await Client.enqueue(t, to), await Client.enqueue(t, to)];
  assert.deepEqual([await worker.look(0), await worker.look(1)], [0, 0]);
  worker.order('resume', 0);
  await worker.next('accepted');
  assert.deepEqual([await worker.look(0), await worker.look(1)], [1, 0]);

  // The end of a thread closes its handles, and with them the descriptors, which are the process's.
  worker.order('end', 0);
  await worker.next('ended');
  if (onLinux) assert.throws(() => target(worker.pid, 6), { code: 'ENOENT' });
  for (const accepted of [1, 2]) {
    worker.order('resume', 1);
    assert.equal(await worker.next('accepted'), accepted);
    assert.equal(await worker.look(1), accepted);
  }
  for (const client of clients) assert.equal(await client.acceptedBy(), worker.pid);
});

test('a paused server does not keep its process alive', async (t) => {
  const { fd } = tcp(t, '127.0.0.1');
  const worker = await Accepter.start(t, 'pauses', fd);
  const exit = once(worker.child, 'exit');
  worker.child.disconnect();
  assert.deepEqual(await inTime(exit, 'the exit'), [0, null]);
});
