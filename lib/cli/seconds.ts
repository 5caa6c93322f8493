/* Numbers that somebody has brought along from Gunicorn, or nginx, whose clocks count seconds. */
import type { OptionName } from '../options/resolved.js';
import type { Collected } from './collect.js';

const OF_SECONDS: readonly OptionName[] = ['timeout', 'gracefulTimeout', 'bootTimeout', 'keepAlive'];
/** Nobody wants to be that short of milliseconds, and who counts seconds rarely says more. */
const MOST = 120;

/** A line for each that is likely to be one. It is no error: some service may mean it. */
export function likelySeconds({ origins }: Pick<Collected, 'origins'>): string[] {
  return OF_SECONDS.flatMap((name) => {
    const { value, from } = origins.get(name) ?? {};
    if (typeof value !== 'number' || value <= 0 || value > MOST) return [];
    return [
      `${from}: ${name} is ${value} milliseconds; for seconds, write ${value}s in a shell, ${value * 1_000} in a config`,
    ];
  });
}
