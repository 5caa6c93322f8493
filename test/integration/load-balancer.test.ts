/* Behind a real load balancer, with the files that the guide page about deploying shows. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { amount } from '../helpers/amount.js';
import { get } from '../helpers/http.js';
import { MixedLoad } from '../helpers/mixed-load.js';
import { freePort, temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { PROJECT } from '../helpers/project.js';
import { eventually } from '../helpers/wait.js';

const EXAMPLES = join(PROJECT, 'docs/examples');
const CONFIGURATION = readFileSync(join(EXAMPLES, 'haproxy.cfg'), 'utf8');
const skip = spawnSync('haproxy', ['-v']).error !== undefined && 'haproxy is not installed';
/**
 * Columns of HAProxy's statistics: failed connections, failed answers, retries, requests that were given to another
 * server.
 */
const TROUBLE = ['econ', 'eresp', 'wretr', 'wredis'];

interface Ports {
  readonly serving: number;
  readonly readiness: number;
}

/** A host behind the load balancer that can be replaced, with its name there. */
class Replaceable {
  readonly name: string;
  readonly #t: TestContext;
  readonly #ports: Ports;
  readonly #env: NodeJS.ProcessEnv;
  #version = 0;
  #program: Program | undefined;

  constructor(t: TestContext, name: string, ports: Ports, env: NodeJS.ProcessEnv) {
    this.name = name;
    this.#t = t;
    this.#ports = ports;
    this.#env = env;
  }

  get output(): string {
    return this.#program?.output ?? '';
  }

  start(): void {
    const { serving, readiness } = this.#ports;
    const own = { PORT: String(serving), READINESS_PORT: String(readiness), VERSION: `${this.name}${++this.#version}` };
    const env = { ...process.env, ...this.#env, ...own };
    this.#program = new Program(this.#t, process.execPath, [join(EXAMPLES, 'readiness.mjs')], { env });
  }

  async stop(): Promise<void> {
    this.#program?.child.kill('SIGTERM');
    assert.deepEqual(await this.#program?.exited(), { code: 0, signal: null }, this.output);
  }

  isReady(): Promise<boolean> {
    return this.readiness().then(
      (answer) => answer === '200 running',
      () => false,
    );
  }

  /** The status and the text of the endpoint that the load balancer asks. */
  async readiness(path = '/ready'): Promise<string> {
    const { status, body } = await get(`http://127.0.0.1:${this.#ports.readiness}${path}`);
    return `${status} ${body.trim()}`;
  }
}

/** HAProxy with the example's configuration, where only the addresses differ. */
class LoadBalancer {
  readonly url: string;
  readonly program: Program;
  readonly #control: string;

  private constructor(t: TestContext, port: number, files: readonly string[], control: string) {
    this.url = `http://127.0.0.1:${port}/`;
    this.#control = control;
    this.program = new Program(t, 'haproxy', ['-db', ...files.flatMap((file) => ['-f', file])]);
  }

  static async start(t: TestContext, servers: Record<'a' | 'b', Ports>): Promise<LoadBalancer> {
    const folder = temporaryFolder(t);
    const [file, more, control] = ['haproxy.cfg', 'more.cfg', 'control'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const port = await freePort(t);
    const address = (name: 'a' | 'b'): string =>
      `server ${name} 127.0.0.1:${servers[name].serving} port ${servers[name].readiness}`;
    const text = CONFIGURATION.replace('127.0.0.1:8080', `127.0.0.1:${port}`)
      .replace('server a 127.0.0.1:8000 port 8001', address('a'))
      .replace('server b 127.0.0.1:8010 port 8011', address('b'));
    for (const ours of [`bind 127.0.0.1:${port}`, address('a'), address('b')]) assert.ok(text.includes(ours), ours);
    writeFileSync(file, text);
    writeFileSync(more, `global\n  stats socket ${control}\n`);
    return new LoadBalancer(t, port, [file, more], control);
  }

  /** Waits until HAProxy reports this status of a server: UP, DOWN. */
  async until(name: string, status: string): Promise<void> {
    let seen = '';
    const holds = async (): Promise<boolean> => {
      seen = await this.#ask('show stat').catch((error: Error) => error.message);
      return new RegExp(`^prefork,${name},.*,${status},`, 'm').test(seen);
    };
    await eventually(holds, () => `${status} of ${name}\n${seen}\n${this.program.output}`);
  }

  /**
   * How often HAProxy had trouble with a server that none of its clients saw: it tried again, or turned to the other
   * server.
   */
  async trouble(): Promise<Record<string, number>> {
    const [head = '', ...rows] = (await this.#ask('show stat')).replace('# ', '').split('\n');
    const names = head.split(',');
    const backend = rows
      .map((row) => row.split(','))
      .find(([proxy, server]) => proxy === 'prefork' && server === 'BACKEND');
    return Object.fromEntries(TROUBLE.map((name) => [name, Number(backend?.[names.indexOf(name)])]));
  }

  async #ask(command: string): Promise<string> {
    const socket = connect(this.#control).setEncoding('utf8');
    socket.end(`${command}\n`);
    return (await socket.toArray()).join('');
  }
}

/**
 * How often both are replaced. An async host takes longer: it waits until the connections that HAProxy keeps have been
 * idle for long.
 */
const ROUNDS = amount({ suite: { sync: 2, async: 1 }, long: { sync: 10, async: 3 } });

/** HAProxy waits for its checks most of the time, and the clients only need to be there. */
const LOAD = amount({ suite: { ease: 4, upload: 1_000_000 }, long: {} });

for (const workerClass of ['sync', 'async'] as const) {
  const rounds = ROUNDS[workerClass];
  const name = 'haproxy_two_arbiters_replaced_in_turn';
  test(workerClass === 'sync' ? name : `${name}, ${workerClass}`, { skip }, async (t) => {
    const ports = async (): Promise<Ports> => ({ serving: await freePort(t), readiness: await freePort(t) });
    const servers = { a: await ports(), b: await ports() };
    const env = { WORKER_CLASS: workerClass, WEB_CONCURRENCY: '2', DRAIN_DELAY: '1000' };
    const hosts = (['a', 'b'] as const).map((server) => new Replaceable(t, server, servers[server], env));
    for (const host of hosts) host.start();
    // HAProxy takes servers for UP that it has not checked yet.
    for (const host of hosts) await eventually(() => host.isReady(), `readiness of ${host.name}`);
    const balancer = await LoadBalancer.start(t, servers);
    for (const host of hosts) await balancer.until(host.name, 'UP');

    const expects = /^\d+ of version (?<version>\S+)\n$/;
    const load = new MixedLoad(t, { url: balancer.url }, { close: 2, keepAlive: 2, upload: 1 }, { expects, ...LOAD });
    for (let round = 0; round < rounds; round++) {
      for (const host of hosts) {
        await load.more(50);
        const stopped = host.stop();
        await balancer.until(host.name, 'DOWN');
        await stopped;
        host.start();
        await balancer.until(host.name, 'UP');
      }
    }
    for (const kind of ['close', 'keepAlive'] as const) await load.more(50, kind);
    await load.more(2, 'upload');
    await load.stop();
    const trouble = await balancer.trouble();
    for (const host of hosts) await host.stop();
    const log = [...hosts, balancer.program].map(({ output }) => output).join('\n');
    assert.deepEqual(load.failures, [], log);
    assert.deepEqual(trouble, { econ: 0, eresp: 0, wretr: 0, wredis: 0 }, log);
    const versions = Array.from({ length: rounds + 1 }, (_, index) => [`a${index + 1}`, `b${index + 1}`]).flat();
    assert.deepEqual([...load.versions.keys()].sort(), versions.sort(), 'one of the hosts was never used');
    t.diagnostic(`${2 * rounds} replacements, ${load}`);
  });
}

test('haproxy finds no fault with the example', { skip }, () => {
  const { status, stderr } = spawnSync('haproxy', ['-c', '-f', join(EXAMPLES, 'haproxy.cfg')], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /WARNING|ALERT/);
});
