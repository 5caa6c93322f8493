import type { ChildProcess } from 'node:child_process';
import { kill } from './process.js';

/*
 * Starting the process of a host takes as long as booting a worker. So in a file that calls `keepHosts()`, a process
 * whose Arbiter has been stopped at the end of a test runs the Arbiter of the next test too. A test that looks at the
 * process itself, or waits for its end, has one of its own, see `HostSettings.fresh`.
 */

/** How many processes that no test uses are kept. */
const SPARE = 3;
/** How long the end of an Arbiter may take. Milliseconds. */
const PATIENCE = 5_000;

interface Kept {
  readonly child: ChildProcess;
  /** What the process was started with. */
  readonly key: string;
  readonly forget: () => void;
}

const idle: Kept[] = [];
let keeping = false;

/** Called at the top of a file: the hosts of its tests run in as few processes as possible, one after the other. */
export function keepHosts(): void {
  keeping = true;
}

export function keepsHosts(): boolean {
  return keeping;
}

/** Takes a process that was started with the same, if one is kept. */
export function takeKept(key: string): ChildProcess | undefined {
  const index = idle.findLastIndex((kept) => kept.key === key);
  if (index < 0) return undefined;
  const [{ child, forget }] = idle.splice(index, 1) as [Kept];
  child.off('exit', forget);
  hold(child, 'ref');
  return child;
}

/** Ends the Arbiter of a process, and keeps the process for the next test; false if it cannot be kept. */
export async function giveBack(child: ChildProcess, key: string): Promise<boolean> {
  if (!child.connected || !(await isOver(child))) return false;
  // A kept process that no test takes ends with this process.
  hold(child, 'unref');
  const forget = (): void => {
    const index = idle.findIndex((kept) => kept.child === child);
    if (index >= 0) idle.splice(index, 1);
  };
  child.once('exit', forget);
  idle.push({ child, key, forget });
  if (idle.length > SPARE) kill(idle.shift()?.child.pid as number);
  return true;
}

/** Resolves when the Arbiter has stopped, and all that it and its workers have written has been read. */
function isOver(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    const awaited = new Set<unknown>([child, child.stdout, child.stderr]);
    const done = (result: boolean): void => {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit);
      for (const stream of [child.stdout, child.stderr]) stream?.removeAllListeners('data');
      resolve(result);
    };
    const see = (from: unknown): void => {
      awaited.delete(from);
      if (awaited.size === 0) done(true);
    };
    const onMessage = ({ event }: { event?: string }): void => {
      if (event === 'over') see(child);
    };
    const onExit = (): void => done(false);
    const timer = setTimeout(() => done(false), PATIENCE);
    child.on('message', onMessage).once('exit', onExit);
    for (const stream of [child.stdout, child.stderr]) {
      let text = '';
      stream?.on('data', (chunk: string) => {
        text = (text + chunk).slice(-OVER.length);
        if (text === OVER) see(stream);
      });
    }
    // A process that ends at this moment cannot be kept.
    child.send({ over: OVER }, (error) => error && done(false));
  });
}

/** The last that a process writes before it is kept. */
const OVER = '--- over ---\n';

function hold(child: ChildProcess, how: 'ref' | 'unref'): void {
  child[how]();
  for (const part of [child.channel, child.stdout, child.stderr])
    (part as { ref(): void; unref(): void } | null)?.[how]();
}
