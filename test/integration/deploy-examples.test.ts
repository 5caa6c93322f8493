/* The files that the guide page about deploying shows, as far as they can be tried without a cluster. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { parseAllDocuments } from 'yaml';
import { get } from '../helpers/http.js';
import { freePort, temporaryFolder } from '../helpers/place.js';
import { childrenOf } from '../helpers/process.js';
import { Program } from '../helpers/program.js';
import { PROJECT } from '../helpers/project.js';
import { eventually } from '../helpers/wait.js';

const EXAMPLES = join(PROJECT, 'docs/examples');
const read = (name: string): string => readFileSync(join(EXAMPLES, name), 'utf8');
const DOCKERFILE = read('Dockerfile').split('\n');
/** What follows a word at the start of a line. */
const instructions = (word: string): string[] =>
  DOCKERFILE.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

test('the guide page shows the examples as they are', () => {
  const page = readFileSync(join(PROJECT, 'docs/guide/deploying.md'), 'utf8');
  const shown = [...page.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, block]) => block);
  for (const name of [
    'readiness.mjs',
    'Dockerfile',
    'kubernetes.yaml',
    'haproxy.cfg',
    'prefork.service',
    'prefork.socket',
  ]) {
    assert.ok(shown.includes(read(name)), name);
  }
});

/** The status and the text of an endpoint of `readiness.mjs`; nothing while nobody listens. */
async function ask(port: number, path: string): Promise<string | undefined> {
  try {
    const { status, body } = await get(`http://127.0.0.1:${port}${path}`);
    return `${status} ${body.trim()}`;
  } catch {
    return undefined;
  }
}

test('readiness.mjs says whether new requests are welcome, and serves on for drainDelay', async (t) => {
  const [port, readiness] = [await freePort(t), await freePort(t)];
  const own = { PORT: String(port), READINESS_PORT: String(readiness), WEB_CONCURRENCY: '2', DRAIN_DELAY: '3000' };
  const program = new Program(t, process.execPath, [join(EXAMPLES, 'readiness.mjs')], {
    env: { ...process.env, ...own },
  });
  const seen = new Set<string | undefined>();
  await eventually(
    async () => seen.add(await ask(readiness, '/ready')).has('200 running'),
    () => `readiness\n${program.output}`,
  );
  for (const before of seen) assert.ok([undefined, '503 idle', '503 starting', '200 running'].includes(before), before);
  assert.match((await ask(port, '/')) ?? '', /^200 \d+ of version 1$/);

  const told = performance.now();
  program.child.kill('SIGTERM');
  await eventually(async () => (await ask(readiness, '/ready')) === '503 stopping', 'the end of readiness');
  assert.match((await ask(port, '/')) ?? '', /^200 /, 'it serves on');
  assert.equal(await ask(readiness, '/live'), '200 stopping');
  assert.deepEqual(await program.exited(), { code: 0, signal: null }, program.output);
  assert.ok(performance.now() - told >= 3_000, 'it went before the delay was over');
  assert.deepEqual([await ask(port, '/'), await ask(readiness, '/ready')], [undefined, undefined]);
});

// Root of this machine, or of a user namespace where that is allowed.
const NAMESPACE = [process.getuid?.() === 0 ? '-pf' : '-Urpf', '--mount-proc', '--kill-child'];
const skip = spawnSync('unshare', [...NAMESPACE, 'true']).status !== 0 && 'needs the right to make a PID namespace';

test('the command of the Dockerfile is process 1, and TERM ends it and all of its workers', { skip }, async (t) => {
  const folder = temporaryFolder(t);
  // As `npm ci` and COPY do it.
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(PROJECT, join(folder, 'node_modules/prefork'));
  const copied = instructions('COPY').flatMap((line) => line.split(' ').slice(0, -1));
  for (const name of copied.filter((each) => !each.startsWith('package')))
    copyFileSync(join(EXAMPLES, name), join(folder, name));
  const env = Object.fromEntries(instructions('ENV').map((line) => line.split('=') as [string, string]));
  const [file, ...args] = JSON.parse(instructions('CMD').at(-1) ?? '') as string[];
  assert.equal(file, 'node');

  const [port, readiness] = [await freePort(t), await freePort(t)];
  const own = { PORT: String(port), READINESS_PORT: String(readiness), WEB_CONCURRENCY: '2', DRAIN_DELAY: '100' };
  const program = new Program(t, 'unshare', [...NAMESPACE, process.execPath, ...args], {
    cwd: folder,
    env: { ...process.env, ...env, ...own },
  });
  await eventually(
    async () => (await ask(readiness, '/ready')) === '200 running',
    () => `readiness\n${program.output}`,
  );
  const [first] = childrenOf(program.pid);
  assert.ok(first);
  assert.match(readFileSync(`/proc/${first.pid}/status`, 'utf8'), /^NSpid:\t\d+\t1$/m);
  const workers = childrenOf(first.pid);
  assert.equal(workers.filter(({ command }) => command.startsWith('prefork: worker ')).length, 2);
  process.kill(first.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null }, program.output);
});

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

test('the times and the ports of kubernetes.yaml are those of readiness.mjs', () => {
  const documents = parseAllDocuments(read('kubernetes.yaml'));
  assert.deepEqual(
    documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]),
    [],
  );
  const [deployment, service] = documents.map((document) => document.toJS());
  const { replicas, strategy, selector, template } = deployment.spec;
  const [container] = template.spec.containers;
  const environment = new Map(container.env.map((each: { name: string; value: string }) => [each.name, each.value]));
  const ports = new Map(
    container.ports.map((each: { name: string; containerPort: number }) => [each.name, each.containerPort]),
  );
  const host = read('readiness.mjs');
  const fallback = (name: string): number => Number(new RegExp(`\\b${name} = '(\\d+)'`).exec(host)?.[1]);
  const gracefulTimeout = Number(/gracefulTimeout: ([\d_]+)/.exec(host)?.[1]?.replaceAll('_', ''));

  const { preStop } = container.lifecycle;
  const going = preStop.sleep.seconds * 1_000 + Number(environment.get('DRAIN_DELAY')) + gracefulTimeout;
  assert.ok(template.spec.terminationGracePeriodSeconds * 1_000 > going, `${going} ms until it has gone`);
  assert.deepEqual([ports.get('http'), ports.get('readiness')], [fallback('PORT'), fallback('READINESS_PORT')]);
  assert.deepEqual(instructions('EXPOSE'), [[...ports.values()].join(' ')]);

  const probe = (kind: string): Probe => container[`${kind}Probe`];
  for (const kind of ['startup', 'readiness', 'liveness']) assert.equal(probe(kind).httpGet.port, 'readiness', kind);
  assert.deepEqual(
    ['startup', 'readiness', 'liveness'].map((kind) => probe(kind).httpGet.path),
    ['/ready', '/ready', '/live'],
  );
  const { periodSeconds, failureThreshold } = probe('startup');
  assert.equal(periodSeconds * failureThreshold * 1_000, 60_000, 'bootTimeout');
  assert.ok(strategy.rollingUpdate.maxUnavailable === 0 && strategy.rollingUpdate.maxSurge > 0 && replicas > 1);
  assert.deepEqual(selector.matchLabels, template.metadata.labels);
  assert.deepEqual(service.spec.selector, template.metadata.labels);
  assert.equal(service.spec.ports[0].targetPort, 'http');
});
