import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pm2Script } from './pm2.mjs';
import { cpu } from './proc.mjs';
import { wattArgs, wattNode } from './watt.mjs';

/** Where the peers' programs are. */
const FOLDER = fileURLToPath(new URL('../peers/', import.meta.url));
const START_LIMIT = 60_000;
const STOP_LIMIT = 10_000;

/** EX_USAGE: the exit code of a peer whose build does not know an option that it is given. */
const REFUSED = 64;

const node = (script, ...more) => ({
  file: process.execPath,
  args: (port, workers, setup) => [
    ...[`${FOLDER}${script}`, port, workers, ...more],
    ...(setup === undefined ? [] : [JSON.stringify(setup)]),
  ],
});

/** Starts Gunicorn, with the settings that all its worker classes share. */
const gunicorn = (kind) => ({
  file: 'gunicorn',
  args: (port, workers, { app = 'hello', threads, files } = {}) => [
    ...`--chdir ${FOLDER} -k ${kind} -w ${workers} -b 127.0.0.1:${port} --worker-tmp-dir /dev/shm`.split(' '),
    ...(threads ? ['--threads', threads] : []),
    ...(files ? ['--certfile', files.cert, '--keyfile', files.key] : []),
    ...['--log-level', 'warning', `${app}:app`],
  ],
});
/** The environment of peers that read from a variable what to serve. */
const served = (port, { app, tls } = {}) => ({ SERVED: JSON.stringify({ app, port, tls }) });

/**
 * How each peer is started: a program, its arguments for a port, a number of workers and a setup, and the environment
 * variables if it needs some.
 */
export const PEERS = {
  prefork: node('prefork.mjs', 'sync'),
  'prefork threaded': node('prefork.mjs', 'threaded'),
  'prefork async': node('prefork.mjs', 'async'),
  'prefork, deferred accept': {
    file: 'python3',
    args: (port, workers) => [
      ...[`${FOLDER}deferred.py`, port, process.execPath, `${FOLDER}prefork.mjs`, port, workers, 'sync'],
      JSON.stringify({ options: { bind: { fd: 3 } } }),
    ],
  },
  'cluster round-robin': node('cluster.mjs', 'rr'),
  'cluster shared handle': node('cluster.mjs', 'none'),
  'bare fd 0 loop': node('bare-fd0.cjs'),
  'bare http.Server': node('bare-http.mjs'),
  'gunicorn sync': gunicorn('sync'),
  'gunicorn gthread': gunicorn('gthread'),
  pm2: {
    file: process.execPath,
    args: (_port, workers) => [
      ...[pm2Script('pm2'), 'start', `${FOLDER}managed.mjs`, '--no-daemon', '-i', workers],
      ...['--wait-ready', '--listen-timeout', 30_000, '--kill-timeout', 2_000],
    ],
    env: served,
  },
  watt: {
    file: () => wattNode().file,
    args: (port, workers) => wattArgs(`${FOLDER}served.mjs`, port, workers),
    env: served,
  },
  'cluster, fork then disconnect': node('cluster-reload.mjs'),
  'pm2 reload': {
    file: process.execPath,
    // The daemon stays in the foreground (--no-daemon), so that it can be ended by its pid.
    args: (port, workers, { socketPath }) => [
      ...[pm2Script('pm2'), 'start', `${FOLDER}pm2.mjs`, '--no-daemon', '-i', workers],
      ...['--wait-ready', '--listen-timeout', 30_000, '--kill-timeout', 30_000, '--', port, socketPath],
    ],
  },
  'gunicorn HUP': {
    file: 'gunicorn',
    args: (port, workers, { socketPath }) =>
      `--chdir ${FOLDER} -k sync -w ${workers} -b 127.0.0.1:${port} -b unix:${socketPath} --worker-tmp-dir /dev/shm --log-level warning deployed:app`.split(
        ' ',
      ),
  },
  puma: {
    file: 'puma',
    args: (port, workers, { app = 'hello.ru', files } = {}) => {
      const bind = files ? `ssl://127.0.0.1:${port}?key=${files.key}&cert=${files.cert}` : `tcp://127.0.0.1:${port}`;
      return `-q -C - -e production -w ${workers} -t 1:1 -b ${bind} ${FOLDER}${app}`.split(' ');
    },
  },
};

/** @typedef {{ name: string, pid: number, port: number, stop: () => Promise<void> }} Peer */
/**
 * What a peer serves and how. The comment at the top of each program in peers/ says which of these it knows.
 * @typedef {{ app?: string, keepAlive?: boolean, options?: object, server?: object, socketPath?: string, tls?: object,
 *   files?: { key: string, cert: string }, threads?: number }} Setup `files`: the paths of the key and the certificate
 *   of `tls`, for peers that read them from files
 */

/** Thrown when a peer's build does not know an option that it was given. */
export class RefusedError extends Error {}

/** Those of the names whose program is installed. */
export function installed(names) {
  return names.filter((name) => {
    const { file } = PEERS[name];
    const found =
      typeof file === 'function' || file === process.execPath || spawnSync(file, ['--version']).error === undefined;
    if (!found) console.error(`${name} is left out: '${file}' is not installed`);
    return found;
  });
}

const running = new Set();
/** Ends the child when this script ends, so that it does not outlive the script. */
export function keep(child) {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/**
 * Starts a peer and waits until it answers and its workers have finished booting.
 *
 * @param {keyof PEERS} name
 * @param {number} workers
 * @param {Setup} [setup]
 * @param {Record<string, string>} [env] variables in addition to those of this process
 * @returns {Promise<Peer>} rejects with a {@link RefusedError} for a setup that this build does not know
 */
export async function startPeer(name, workers, setup, env) {
  const port = await freePort();
  const child = spawnPeer(name, port, workers, setup, env);
  try {
    await answering(name, child, port, setup?.tls !== undefined);
  } catch (error) {
    await stopChild(child);
    throw error;
  }
  await resting(child.pid);
  return { name, pid: child.pid, port, stop: () => stopChild(child) };
}

/** Starts the program of a peer and waits for nothing. The parameters are those of {@link startPeer}. */
export function spawnPeer(name, port, workers, setup, env) {
  const { file, args, env: own } = PEERS[name];
  return keep(
    spawn(typeof file === 'function' ? file() : file, args(port, workers, setup).map(String), {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...own?.(port, setup), ...env },
    }),
  );
}

export async function startPeers(names, workers) {
  const peers = [];
  for (const name of names) peers.push(await startPeer(name, workers));
  return peers;
}

/**
 * Runs `start` for each entry; entries that this build refuses are left out.
 *
 * @template E, S
 * @param {readonly E[]} entries
 * @param {(entry: E) => Promise<S>} start
 * @returns {Promise<{ started: { entry: E, peer: S }[], refused: E[] }>}
 */
export async function startKnown(entries, start) {
  const [started, refused] = [[], []];
  for (const entry of entries) {
    try {
      started.push({ entry, peer: await start(entry) });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      console.error(`left out: ${error.message}`);
      refused.push(entry);
    }
  }
  return { started, refused };
}

/** Ends a child: with SIGTERM, and with SIGKILL if it takes longer than STOP_LIMIT. */
export async function stopChild(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(limit);
}

async function answering(name, child, port, secure) {
  const deadline = Date.now() + START_LIMIT;
  while ((await get(port, secure)) !== 'hello\n') {
    if (child.exitCode === REFUSED) throw new RefusedError(`this build refuses ${name}`);
    if (child.exitCode !== null) throw new Error(`${name} ended with code ${child.exitCode}`);
    if (Date.now() > deadline) throw new Error(`${name} did not answer within ${START_LIMIT} ms`);
    await sleep(50);
  }
}

/** The body that a peer answers with; undefined if the request fails. */
export function get(port, secure) {
  const to = { port, host: '127.0.0.1', agent: false, timeout: 5_000, rejectUnauthorized: false };
  return new Promise((resolve) => {
    const request = (secure ? https : http).get(to, async (response) => {
      resolve((await response.setEncoding('utf8').toArray()).join(''));
    });
    request.on('timeout', () => request.destroy()).on('error', () => resolve(undefined));
  });
}

/**
 * Waits until the peer uses hardly any CPU. Its first answer came from its first worker, while the other workers boot.
 * This ends after START_LIMIT in any case, since the CPU may never be quiet on a busy machine.
 */
async function resting(pid) {
  const total = () => cpu(pid).master + cpu(pid).workers;
  const limit = performance.now() + START_LIMIT;
  for (let before = -1; total() - before > 0.02 && performance.now() < limit; await sleep(300)) before = total();
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
