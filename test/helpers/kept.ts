import type { ChildProcess } from 'node:child_process';
import { kill } from './process.js';

/*
 * To boot the process of a host takes as long as to boot a worker. In a file that says so, a process in which the Arbiter of one test has been
 * stopped runs that of the next one too. Who looks at the process itself, or waits for its end, has one of its own, see `HostSettings.fresh`.
 */

/** So many that nobody has are kept. */
const SPARE = 3;
/** How long the end of an Arbiter may take. Milliseconds. */
const PATIENCE = 5_000;

interface Kept {
  readonly child: ChildProcess;
  /** With what it was started. */
  readonly key: string;
  readonly forget: () => void;
}

const idle: Kept[] = [];
let keeping = false;

/** Called at the top of a file: its hosts are run in as few processes as may be, one after the other. */
export function keepHosts(): void {
  keeping = true;
}

export function keepsHosts(): boolean {
  return keeping;
}

/** A process that was started with the same, if there is one. */
export function takeKept(key: string): ChildProcess | undefined {
  const index = idle.findLastIndex((kept) => kept.key === key);
  if (index < 0) return undefined;
  const [{ child, forget }] = idle.splice(index, 1) as [Kept];
  child.off('exit', forget);
  hold(child, 'ref');
  return child;
}

/** Ends what is left of the Arbiter of a process, and keeps that for the next one; false if it cannot be had. */
export async function giveBack(child: ChildProcess, key: string): Promise<boolean> {
  if (!child.connected || !(await isOver(child))) return false;
  // What nobody takes ends when this process does.
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
    // One that ends at this moment cannot be had.
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
