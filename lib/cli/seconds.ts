/* Finds numbers that were probably brought along from Gunicorn or nginx, which count in seconds. */
import type { OptionName } from '../options/resolved.js';
import type { Collected } from './collect.js';

const OF_SECONDS: readonly OptionName[] = ['timeout', 'gracefulTimeout', 'bootTimeout', 'keepAlive'];
/**
 * Up to this, a number of milliseconds is taken for seconds. Nobody wants a timeout that short, and seconds are rarely
 * more.
 */
const MOST = 120;

/** A line for each option that is probably given in seconds. It is no error: some service may mean it. */
export function likelySeconds({ origins }: Pick<Collected, 'origins'>): string[] {
  return OF_SECONDS.flatMap((name) => {
    const { value, from } = origins.get(name) ?? {};
    if (typeof value !== 'number' || value <= 0 || value > MOST) return [];
    return [
      `${from}: ${name} is ${value} milliseconds; for seconds, write ${value}s in a shell, ${value * 1_000} in a config`,
    ];
  });
}
