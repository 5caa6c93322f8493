import { type Check, invalid, MOST_WORKERS } from './checks.js';
import { quoted } from './instead.js';

/** How many workers of a new generation may be started beside the old ones at once. */
export type Surge = { readonly workers: number } | { readonly percent: number };

export const surge: Check<Surge> = (value, option) => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MOST_WORKERS)
    return { workers: value };
  const [, percent] = (typeof value === 'string' && /^(\d{1,3})%$/.exec(value)) || [];
  if (percent !== undefined && Number(percent) >= 1 && Number(percent) <= 100) return { percent: Number(percent) };
  const isShare = typeof value === 'number' && value > 0 && value < 1;
  const instead = isShare ? `a share is '${Math.max(1, Math.round(value * 100))}%'` : quoted(value);
  const expected = `a number of workers, from 1 to ${MOST_WORKERS}, or a share of them from '1%' to '100%'`;
  throw invalid(option, expected, value, instead);
};

/** The surge as a number of workers, at least one. */
export function surgeOf(surge: Surge, workers: number): number {
  if ('workers' in surge) return surge.workers;
  return Math.max(1, Math.floor((workers * surge.percent) / 100));
}
