/**
 * Times of the library's own that its tests may change: shorten, so as not to wait for them, or lengthen, where a busy machine takes more. A time for which there is an option is none of these, nor is one
 * that a test measures.
 */
export type Pace =
  /** How long a new worker must be ready before the old one drains, and how much of that it leaves the clients to the old one. */
  | 'soak'
  | 'rest'
  /** How long a host's own script may take in an upgrade, beyond the boot of its workers. */
  | 'hostBoot'
  /** How long the older process of an upgrade may take to end one that has told it that it cannot start. */
  | 'wordOfThePredecessor'
  /** How long a connection that has never had a request may be idle in a drain. */
  | 'firstRequest'
  /** How long workers are waited for that were asked for their own numbers. */
  | 'ownNumbers'
  /** How long a worker waits for what its registries collect. */
  | 'collect'
  /** How long until a place of the control that is in use is tried again. */
  | 'controlBind';

/** Of this library's tests alone: no part of its interface, and it may be gone tomorrow. */
export const PACE_VARIABLE = 'PREFORK_PACE';

function given(): Partial<Record<Pace, unknown>> {
  try {
    return JSON.parse(process.env[PACE_VARIABLE] ?? '{}') as Partial<Record<Pace, unknown>>;
  } catch {
    return {};
  }
}

const paces: Partial<Record<Pace, unknown>> = given();

/** A time of the library's own: what it is, unless a test has said otherwise when this process was started. Milliseconds. */
export function pace(name: Pace, milliseconds: number): number {
  const shortened = paces?.[name];
  return typeof shortened === 'number' && shortened >= 0 ? shortened : milliseconds;
}
