/* The peers of the head to head, and how each is started with a given number of workers. */
import { installed, RefusedError, startPeer } from '../harness/peer.mjs';
import { installPm2, PM2, pm2Home } from '../harness/pm2.mjs';
import { installWatt, WATT, wattNode } from '../harness/watt.mjs';
import { compute } from '../peers/workloads.mjs';

/** Threads of one process, at most, where threads serve. */
const THREADS = 4;
/**
 * @typedef {object} Entry
 * @property {string} title
 * @property {string} name a key of the harness' PEERS
 * @property {string} color
 * @property {string} dash
 * @property {true} [ours]
 * @property {true} [closes] it closes the connection after each answer, so there is nothing to keep
 * @property {'processes of threads' | 'one process'} [threads] if its workers are threads
 * @property {string} [app]
 */
/** @type {readonly Entry[]} */
const ENTRIES = [
  { title: 'prefork sync', name: 'prefork', color: '#2f81f7', dash: 'none', ours: true, closes: true },
  {
    ...{ title: 'prefork threaded', name: 'prefork threaded', color: '#2da44e', dash: 'none', ours: true },
    threads: 'processes of threads',
  },
  { title: 'prefork async', name: 'prefork async', color: '#8b7fd6', dash: 'none', ours: true },
  { title: 'cluster shared handle', name: 'cluster shared handle', color: '#d1343f', dash: '6 4' },
  { title: 'cluster round-robin', name: 'cluster round-robin', color: '#e8730c', dash: '6 4' },
  { title: 'PM2', name: 'pm2', color: '#bf3989', dash: '6 4' },
  { title: 'Watt', name: 'watt', color: '#9a6700', dash: '6 4', threads: 'one process' },
  { title: 'Gunicorn sync', name: 'gunicorn sync', color: '#1b7c83', dash: '2 3', closes: true, app: 'workloads' },
  {
    ...{ title: 'Gunicorn gthread', name: 'gunicorn gthread', color: '#57ab5a', dash: '2 3', app: 'workloads' },
    threads: 'processes of threads',
  },
  { title: 'Puma', name: 'puma', color: '#8c959f', dash: '2 3', app: 'workloads.ru' },
];

/** What was left out, and why. It is printed at the top of the section. @type {Map<string, string>} */
export const leftOut = new Map();

/** The home folder of a PM2 that is used here alone. Only one PM2 runs at a time. */
let pm2 = { env: {} };

/**
 * The peers that this machine has. PM2 and Watt are fetched by npm if they are missing. What cannot be had is left out.
 *
 * @param {string} wanted part of the titles
 */
export async function findPeers(wanted) {
  const entries = ENTRIES.filter(({ title }) => title.toLowerCase().includes(wanted.toLowerCase()));
  const here = new Set(installed(entries.map(({ name }) => name)));
  for (const { title, name } of entries) if (!here.has(name)) leftOut.set(title, 'not installed');
  if (here.has('pm2')) {
    if (await installPm2()) pm2 = pm2Home();
    else leave('PM2', 'pm2', `${PM2} cannot be installed`);
  }
  if (here.has('watt')) {
    const reason = await installWatt();
    if (reason !== undefined) leave('Watt', 'watt', reason);
  }
  return entries.filter(({ name }) => here.has(name));

  function leave(title, name, reason) {
    leftOut.set(title, reason);
    here.delete(name);
  }
}

/** The versions of PM2 and Watt, which the description of the machine does not name. */
export function versions(entries) {
  const has = (name) => entries.some((entry) => entry.name === name);
  return [...(has('pm2') ? [PM2] : []), ...(has('watt') ? [`${WATT} on node ${wattNode().version}`] : [])];
}

/** How many processes, and threads of each process, make up this number of workers. */
export function split(entry, workers) {
  if (entry.threads !== 'processes of threads') return { processes: workers };
  const threads = Math.min(THREADS, workers);
  return { processes: Math.ceil(workers / threads), threads };
}

/** How many turns /cpu computes, for every peer that is started. @type {Record<string, string>} */
const work = { CPU_TURNS: String(turnsPerMillisecond()) };

/** What a peer is started with: the number of processes, the setup and the variables. */
export function plan(entry, workers, { tls, options } = {}) {
  const { processes, threads } = split(entry, workers);
  const own = { ...(threads && { threads }), ...options, ...(tls && { tls: { key: tls.key, cert: tls.cert } }) };
  const setup = {
    app: entry.app ?? 'workloads.mjs',
    keepAlive: true,
    ...(entry.ours ? { options: own } : { threads }),
    // Prefork takes `tls` from its options. It is here too, since startPeer() sees from it that it has to ask over TLS.
    ...(tls && { tls: own.tls, files: tls.files }),
  };
  return { processes, setup, env: { ...work, ...(entry.name === 'pm2' && pm2.env) } };
}

/**
 * Starts the peer. If that fails, the reason is recorded in `leftOut`, and the result is undefined.
 *
 * @param {Entry} entry
 * @param {number} workers
 * @param {{ tls?: object, options?: object }} [more]
 */
export async function start(entry, workers, more) {
  const { processes, setup, env } = plan(entry, workers, more);
  try {
    return await startPeer(entry.name, processes, setup, env);
  } catch (error) {
    const reason = error instanceof RefusedError ? 'this build refuses it' : error.message;
    console.error(`${entry.title} is left out with ${workers} workers: ${reason}`);
    leftOut.set(`${entry.title} with ${workers} workers${more?.tls ? ' and TLS' : ''}`, reason);
    return undefined;
  }
}

/** Measured once for all peers of Node, so that all compute the same, whatever the CPU's clock rate at the time. */
function turnsPerMillisecond() {
  const turns = 1_000_000;
  const once = () => {
    const before = performance.now();
    compute(turns);
    return performance.now() - before;
  };
  const least = Math.min(...Array.from({ length: 30 }, once));
  return Math.round(turns / least);
}
