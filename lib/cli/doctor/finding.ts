/* What the doctor finds, and how it is made. */
import type { CgroupLimits } from './cgroup.js';
import type { Machine } from './machine.js';
import type { Plan } from './plan.js';

export interface Finding {
  /** Stable, for scripts. */
  readonly code: string;
  /** `error`: the application will not start, or not work. `warning`: it works as long as nothing unusual happens. */
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** What to do. */
  readonly advice: string;
}

/** All that a look may know: the machine, its limits, and what is to run on it. */
export interface Surroundings {
  readonly machine: Machine;
  readonly cgroup: CgroupLimits;
  readonly plan: Plan;
}

/** Looks for one problem. It knows nothing but what it is given. */
export type Look = (surroundings: Surroundings) => Finding | undefined;

export const warning = (code: string, message: string, advice: string): Finding => {
  return { code, severity: 'warning', message, advice };
};
export const error = (code: string, message: string, advice: string): Finding => {
  return { code, severity: 'error', message, advice };
};

export const MB: number = 2 ** 20;
export const round = (number: number): number => Math.round(number * 100) / 100;
export const megabytes = (bytes: number): string => `${Math.round(bytes / MB)} MB`;
export const seconds = (milliseconds: number): string => `${round(milliseconds / 1_000)} s`;
