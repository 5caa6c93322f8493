/*
 * The control is a small HTTP server of the master's own. Through it, people, probes and `prefork ctl` ask how the
 * service is and tell the master what to do. It uses nothing but what any host has: the methods of the Arbiter, and its
 * events.
 */
import type { ArbiterStats } from '../master/scoreboard/stats.js';
import type { ReloadResult } from '../master/tell/events.js';

/** What the control uses of an Arbiter. */
export interface Controlled {
  readonly state: string;
  stats(): ArbiterStats;
  reload(): Promise<ReloadResult>;
  scale(workers: number): Promise<void>;
  stop(how: { readonly graceful: boolean }): Promise<void>;
  upgrade(): Promise<{ readonly pid: number }>;
  restart(id: number): Promise<unknown>;
  metrics(): Promise<string>;
  stacks(): Promise<unknown>;
}

/** An event of the Arbiter, as the log tells it. */
export interface Happening {
  readonly event: string;
  readonly level: string;
  /** An object in JSON, on one line: `time`, `level`, `name`, `msg`, `event`, and what belongs to the event. */
  readonly line: string;
}

/** All that the control needs from the master. */
export interface Source {
  readonly arbiter: Controlled;
  /** Calls back with each event from now on. */
  observe(observer: (happening: Happening) => void): void;
  /** An error as plain data. */
  describe(thrown: unknown): object;
}
