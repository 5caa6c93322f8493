/*
 * From outside: a small server of the master's own, through which people, probes and the command ask how it is and tell it what to do. It has
 * nothing but what any host has: the methods of the Arbiter, and its events.
 */
import type { ArbiterStats } from '../master/scoreboard/stats.js';
import type { ReloadResult } from '../master/tell/events.js';

/** What of an Arbiter is asked for and told. */
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

/** Something that has happened, as the log tells it. */
export interface Happening {
  readonly event: string;
  readonly level: string;
  /** An object in JSON, on one line: `time`, `level`, `name`, `msg`, `event`, and what belongs to the event. */
  readonly line: string;
}

/** Where the control has all that it needs from. */
export interface Source {
  readonly arbiter: Controlled;
  /** Calls back with all that happens from now on. */
  observe(observer: (happening: Happening) => void): void;
  /** An error as plain data. */
  describe(thrown: unknown): object;
}
