import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort, keep, stopChild } from './peer.mjs';
import { children, commandLine, descriptors, stat } from './proc.mjs';

const SCRIPT = fileURLToPath(new URL('../peers/soaked.mjs', import.meta.url));

/** Starts the arbiter of the soak test in a process of its own, and follows its workers. */
export async function startSoakHost(workers) {
  const port = await freePort();
  const child = keep(fork(SCRIPT, [port, workers].map(String), { execArgv: ['--expose-gc'] }));
  /** When each living worker became ready, by pid; every pid that ever was; and those that have ended. */
  const readySince = new Map();
  const everyPid = new Set();
  const exited = new Set();
  const waiting = new Map();
  child.on('message', ({ event, args: [subject] }) => {
    if (event === 'worker:ready') readySince.set(subject.pid, performance.now());
    if (event === 'worker:ready') everyPid.add(subject.pid);
    if (event === 'worker:exit') readySince.delete(subject.pid);
    if (event === 'worker:exit') exited.add(subject.pid);
    waiting.get(event)?.(subject);
  });
  const next = (event) => {
    const gone = once(child, 'exit').then(() => Promise.reject(new Error(`the host ended before '${event}'`)));
    return Promise.race([new Promise((resolve) => waiting.set(event, resolve)), gone]);
  };
  await next('ready');

  return {
    pid: child.pid,
    port,
    readySince,
    everyPid,
    exited,
    /** Memory of the master after a garbage collection: `rss` and `heapUsed`, bytes. */
    memory() {
      child.send('memory');
      return next('memory');
    },
    descriptors: () => descriptors(child.pid).length,
    /** How many children of each kind the master has. */
    family() {
      const count = { workers: 0, guards: 0, zombies: 0, others: 0 };
      for (const pid of children(child.pid)) {
        const title = commandLine(pid);
        if (stat(pid).state === 'Z') count.zombies++;
        else if (title.startsWith('prefork: worker ')) count.workers++;
        else if (title.includes('prefork-guard')) count.guards++;
        else count.others++;
      }
      return count;
    },
    stop: () => stopChild(child),
  };
}
