import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { ArbiterOptions } from 'prefork';
import { FD } from '../../build/protocol/spec.js';
import { DUTY, DUTY_SLOTS, type DutyState, dutyState } from '../../build/scoreboard/scoreboard.js';
import { fixture, Host } from './host.js';
import { alive } from './process.js';
import { eventually } from './wait.js';

/** How many of the acceptors with room listen when nothing happens, at most. */
export const MOST_LISTENING = 4;

/**
 * A host whose workers look round on the duty roster (the words that say whose turn it is to accept) only when the test
 * says so. Linux.
 */
export class RosterHost extends Host {
  constructor(t: TestContext, options: Partial<ArbiterOptions>, env: NodeJS.ProcessEnv = {}) {
    const execArgv = ['--import', pathToFileURL(fixture('rounds-on-demand.js')).href];
    super(t, { execArgv, ...options }, { env });
  }

  /** How many acceptors have this state on the roster. */
  count(state: DutyState): number {
    return this.words().filter((word) => word !== 0 && dutyState(word) === state).length;
  }

  /** The word of each slot. */
  words(): number[] {
    const words = new Uint32Array(DUTY_SLOTS);
    const fd = openSync(`/proc/${this.workerPids.find(alive)}/fd/${FD.SCOREBOARD}`, 'r');
    readSync(fd, words, 0, words.byteLength, 0);
    closeSync(fd);
    return [...words];
  }

  /**
   * Has all workers look round until few enough acceptors listen and all others rest, so that none is busy or new to
   * the roster.
   */
  async settle(acceptors: number): Promise<void> {
    await eventually(async () => {
      for (const pid of this.workerPids) if (alive(pid)) process.kill(pid, 'SIGCONT');
      // A resting acceptor looks for 10 ms whether a client waits.
      await delay(40);
      const listening = this.count(DUTY.LISTENING);
      return listening <= MOST_LISTENING && listening + this.count(DUTY.OFF) === acceptors;
    }, `a roster of ${acceptors}`);
  }
}

/** How often the main thread of a process has waited for something. */
export function waits(pid: number): number {
  const [, count] = /^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(count);
}

/**
 * The seconds for which all CPUs have been busy, and how many of these this process and the main threads of `pids` have
 * had. Linux.
 */
function cpuTimes(pids: readonly number[]): { readonly all: number; readonly own: number } {
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split(/\s+/, 9)
    .map(Number);
  const ticks = [user, nice, system, irq, softirq, steal].reduce<number>((sum, count = 0) => sum + count, 0);
  const used = pids.map((pid) => Number.parseInt(readFileSync(`/proc/${pid}/schedstat`, 'utf8'), 10));
  const { user: here, system: below } = process.cpuUsage();
  return { all: ticks / 100, own: used.reduce((sum, time) => sum + time / 1e9, 0) + (here + below) / 1e6 };
}

/**
 * Returns a function that tells which share of the CPU time used since now went to other processes than this one and
 * `pids`.
 */
export function shareOfOthers(pids: readonly number[]): () => number {
  const before = cpuTimes(pids);
  return () => {
    const now = cpuTimes(pids);
    return 1 - (now.own - before.own) / (now.all - before.all);
  };
}
