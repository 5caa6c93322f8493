/**
 * Internal durations that this library's tests may change: shorter, so as not to wait for them, or longer, for a busy
 * machine. A duration that has an option is not here, nor is one that a test measures.
 */
export type Pace =
  /**
   * `soak`: how long a new worker must be ready before the old one drains. `rest`: for how much of that time it leaves
   * the clients to the old one.
   */
  | 'soak'
  | 'rest'
  /** How long the host's own script may take in an upgrade, beyond the boot of its workers. */
  | 'hostBoot'
  /** In an upgrade: how long the old process may take to end a new process that has reported that it cannot start. */
  | 'wordOfThePredecessor'
  /** How long a connection that has never had a request may stay idle during a drain. */
  | 'firstRequest'
  /** How long the master waits for workers that it has asked for their own metrics. */
  | 'ownNumbers'
  /** How long a worker waits for its registries to collect their metrics. */
  | 'collect'
  /** How long until the control tries again to bind an address that is in use. */
  | 'controlBind';

/** For this library's tests only. It is not part of the interface, and may be removed at any time. */
export const PACE_VARIABLE = 'PREFORK_PACE';

function given(): Partial<Record<Pace, unknown>> {
  try {
    return JSON.parse(process.env[PACE_VARIABLE] ?? '{}') as Partial<Record<Pace, unknown>>;
  } catch {
    return {};
  }
}

const paces: Partial<Record<Pace, unknown>> = given();

/** An internal duration: the given one, unless a test changed it when it started this process. Milliseconds. */
export function pace(name: Pace, milliseconds: number): number {
  const shortened = paces?.[name];
  return typeof shortened === 'number' && shortened >= 0 ? shortened : milliseconds;
}
