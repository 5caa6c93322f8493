import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostSettings } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

/** Gives one job after the other to whoever asks. */
class Queue {
  readonly jobs: string[] = [];
  /** Who got which job. */
  readonly given: { readonly pid: number; readonly job: string }[] = [];
  readonly #asking: { readonly socket: Socket; readonly pid: number }[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(t: TestContext): Promise<Queue> {
    const sockets = new Set<Socket>();
    const server = createServer();
    const queue = new Queue(server);
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).setEncoding('utf8');
      socket.on('data', (text: Buffer | string) => {
        queue.#asking.push({ socket, pid: Number(text) });
        queue.#give();
      });
      socket.on('close', () => {
        const index = queue.#asking.findIndex((asking) => asking.socket === socket);
        if (index >= 0) queue.#asking.splice(index, 1);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return queue;
  }

  get env(): Record<string, string> {
    return { QUEUE: String((this.#server.address() as AddressInfo).port) };
  }

  add(...jobs: string[]): void {
    this.jobs.push(...jobs);
    this.#give();
  }

  #give(): void {
    while (this.jobs.length > 0 && this.#asking.length > 0) {
      const [job, asking] = [this.jobs.shift() as string, this.#asking.shift()];
      this.given.push({ job, pid: asking?.pid ?? 0 });
      asking?.socket.write(`${job}\n`);
    }
  }
}

interface Setting {
  readonly queue: Queue;
  readonly gate: Gate;
  readonly host: Host;
}

async function start(t: TestContext, workers: number, settings?: HostSettings): Promise<Setting> {
  const [queue, gate] = [await Queue.open(t), await Gate.open(t)];
  const workerClass = `${fixture('queue-worker.js')}#QueueWorker`;
  const env = { ...queue.env, ...gate.env };
  const options = { workers, workerClass, app: fixture('queue-worker.js'), bind: [], gracefulTimeout: 2 ** 31 - 1 };
  const host = new Host(t, { ...options, env }, settings);
  await host.event('ready');
  return { queue, gate, host };
}

/** What workers sent about jobs. */
const results = (host: Host): { job: string; result?: string; failed?: string }[] =>
  host.of('worker:message').flatMap(({ args: [, message] }) => ('job' in message ? [message] : []));

test('custom_worker_without_sockets: jobs are done across workers', async (t) => {
  const { queue, gate, host } = await start(t, 2);
  assert.deepEqual(await host.call('addresses'), []);
  assert.equal(host.of('listening').length, 0);
  // While both workers are busy, neither asks for more.
  queue.add('hold 1', 'hold 2', 'waits');
  const held = [await gate.next(), await gate.next()];
  for (const arrival of held) await arrival.settle();
  assert.notEqual(held[0]?.pid, held[1]?.pid);
  assert.deepEqual(queue.jobs, ['waits']);
  assert.deepEqual(
    (await host.stats()).workers.map(({ active, requests, connections }) => [active, requests, connections]),
    [
      [1, 0, 0],
      [1, 0, 0],
    ],
  );
  for (const arrival of held) arrival.release();
  const jobs = Array.from({ length: 30 }, (_, index) => `job ${index}`);
  queue.add(...jobs);
  await host.until(() => results(host).length === 33, '33 results');
  assert.deepEqual(
    results(host).toSorted((a, b) => (a.job < b.job ? -1 : 1)),
    ['hold 1', 'hold 2', 'waits', ...jobs].sort().map((job) => ({ job, result: job.toUpperCase() })),
  );
  await host.finished(33);
  // Each message came with the worker that sent it.
  const pids = new Map((await host.workers()).map(({ id, pid }) => [id, pid]));
  for (const { args } of host.of('worker:message')) assert.equal(args[0].pid, pids.get(args[0].id));
  assert.deepEqual(
    host
      .of('worker:message')
      .flatMap(({ args: [, { initialised }] }) => initialised ?? [])
      .toSorted(),
    [1, 2],
  );
});

test('custom_worker_without_sockets: a stop waits for the job in hand, and takes no other', async (t) => {
  const { queue, gate, host } = await start(t, 1);
  queue.add('hold', 'the next');
  const held = await gate.next();
  const stopped = host.call('stop');
  await host.event('stop');
  await held.settle();
  assert.equal(results(host).length, 0);
  held.release();
  await stopped;
  assert.deepEqual(results(host), [{ job: 'hold', result: 'HOLD' }]);
  assert.deepEqual(queue.jobs, ['the next']);
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
});

test('custom_worker_without_sockets: a job that fails is counted, and the next is done', async (t) => {
  const { queue, host } = await start(t, 1);
  queue.add('throw', 'after');
  await host.until(() => results(host).length === 2, '2 results');
  assert.deepEqual(results(host), [
    { job: 'throw', failed: 'Error: told to throw' },
    { job: 'after', result: 'AFTER' },
  ]);
  await host.finished(2);
  assert.deepEqual((await host.stats()).totals.errors, 1);
  assert.equal(host.of('worker:exit').length, 0);
});

for (const [job, code] of Object.entries({ exit: 9, 'hold to be killed': null })) {
  test(`custom_worker_without_sockets: the job that a worker died of is named, ${job}`, async (t) => {
    const { queue, gate, host } = await start(t, 1);
    queue.add('before', job);
    if (code === null) process.kill((await gate.next()).pid, 'SIGKILL');
    const [worker, { request, ...exit }] = await host.event('worker:exit');
    assert.equal(worker.age, 1);
    assert.deepEqual(exit, { code, signal: code === null ? 'SIGKILL' : null, reason: 'crash' });
    assert.deepEqual([request.method, request.url], ['JOB', job]);
    queue.add('after');
    await host.until(() => results(host).length === 2, 'the result of its replacement');
    assert.deepEqual(
      results(host).map(({ result }) => result),
      ['BEFORE', 'AFTER'],
    );
    const [first, , last] = queue.given;
    assert.notEqual(first?.pid, last?.pid);
    await host.finished(2);
  });
}

test('custom_worker_without_sockets: an uncaught exception is told, and ends the worker', async (t) => {
  const { queue, host } = await start(t, 1);
  queue.add('crash');
  const [, error] = await host.event('worker:error');
  assert.equal(error.message, 'told to crash');
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual([exit.code, exit.reason], [1, 'crash']);
  await host.event('worker:ready', ({ age }) => age === 2);
});

test('custom_worker_without_sockets: an init that fails is a failed boot', async (t) => {
  const gate = await Gate.open(t);
  const workerClass = `${fixture('queue-worker.js')}#QueueWorker`;
  const env = { ...gate.env, INIT: 'throw' };
  const host = new Host(t, { workers: 2, workerClass, app: fixture('queue-worker.js'), bind: [], env });
  const [error] = await host.event('rejected');
  assert.deepEqual([error.code, error.exitCode, error.cause.message], ['ERR_WORKER_BOOT', 3, 'no queue is to be had']);
  assert.equal((await host.exited()).code, 3);
});

test('a class that accepts connections needs an address', async (t) => {
  const workerClass = `${fixture('line-worker.js')}#LineWorker`;
  const host = new Host(t, { workers: 1, workerClass, app: fixture('line-app.js'), bind: [] });
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_WORKER_BOOT');
  assert.match(error.message, /LineWorker needs an address to serve, and 'bind' is \[\]/);
});
