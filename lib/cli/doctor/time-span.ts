/* Time spans, as systemd reads them (systemd.time(7)). */

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];
/** The names of each unit, and its length. A month and a year are those of systemd. Milliseconds. */
const UNITS: readonly (readonly [names: string, length: number])[] = [
  ['us usec µs μs', 0.001],
  ['ms msec', 1],
  ['s sec second seconds', SECOND],
  ['m min minute minutes', MINUTE],
  ['h hr hour hours', HOUR],
  ['d day days', DAY],
  ['w week weeks', 7 * DAY],
  ['M month months', 30.4375 * DAY],
  ['y year years', 365.25 * DAY],
];
const LENGTHS: ReadonlyMap<string, number> = new Map(
  UNITS.flatMap(([names, length]) => names.split(' ').map((name) => [name, length] as const)),
);
/** A number, and perhaps a unit. What follows a number without a unit is a space or the end: `1.2.3` is no span. */
const PART = /\s*\+?(?<digits>\d+(?:\.\d+)?|\.\d+)(?:\s*(?<unit>[a-zµμ]+)|(?=\s|$))\s*/iuy;

/** Reads `90`, `90s`, `1min 30s` or `infinity`; undefined for what systemd does not understand. Milliseconds. */
export function timeSpan(text: string): number | undefined {
  if (text.trim() === 'infinity') return Number.POSITIVE_INFINITY;
  if (text.trim() === '') return undefined;
  let sum = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < text.length) {
    const { digits, unit = 's' } = PART.exec(text)?.groups ?? {};
    const length = LENGTHS.get(unit);
    if (digits === undefined || length === undefined) return undefined;
    sum += Number(digits) * length;
  }
  return sum;
}
