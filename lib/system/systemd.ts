import { inspect } from 'node:util';
import { asDelay } from '../delay.js';
import { ArbiterError } from '../errors.js';

/** A socket that the service manager has opened and handed to this process. */
export interface PassedSocket {
  readonly fd: number;
  /** `FileDescriptorName=` in its unit. */
  readonly name: string;
}

/** What socket activation brought. */
export interface Activation {
  readonly sockets: readonly PassedSocket[];
  /** For a message: which sockets came, or why none did. */
  readonly came: string;
}

/** SD_LISTEN_FDS_START */
const FIRST_FD = 3;
/** What sd_listen_fds_with_names(3) calls a socket whose name was not told. */
const UNNAMED = 'unknown';

/**
 * The sockets that are for this process: sd_listen_fds(3). Throws `ERR_BIND` where the variables contradict each other.
 */
export function readActivation(env: NodeJS.ProcessEnv, pid: number): Activation {
  const { LISTEN_PID: owner, LISTEN_FDS: number, LISTEN_FDNAMES: names } = env;
  if (owner === undefined)
    return { sockets: [], came: 'this process was not activated by a socket, LISTEN_PID is not set' };
  if (Number(owner) !== pid) {
    const came = `the sockets are for the process ${inspect(owner)} (LISTEN_PID), and this is ${pid}; is npm or a shell in between?`;
    return { sockets: [], came };
  }
  if (number === undefined || !/^[1-9]\d{0,5}$/.test(number)) {
    throw new ArbiterError('ERR_BIND', `LISTEN_FDS: expected the number of passed sockets, got ${inspect(number)}`);
  }
  const count = Number(number);
  const given = names?.split(':') ?? Array.from({ length: count }, () => UNNAMED);
  if (given.length !== count) {
    throw new ArbiterError('ERR_BIND', `LISTEN_FDNAMES: expected ${count} names (LISTEN_FDS), got ${inspect(names)}`);
  }
  const sockets = given.map((name, index) => ({ fd: FIRST_FD + index, name }));
  return { sockets, came: `the passed sockets are named ${given.map((name) => inspect(name)).join(', ')}` };
}

/**
 * How often to tell that this process is well, milliseconds: half of the limit, as sd_watchdog_enabled(3) advises.
 * Undefined where the service manager does not ask for it, or does not ask this process.
 */
export function watchdogInterval(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { WATCHDOG_USEC: limit = '', WATCHDOG_PID: owner } = env;
  if (!/^[1-9]\d*$/.test(limit) || (owner !== undefined && Number(owner) !== pid)) return undefined;
  return asDelay(Math.max(1, Math.floor(Number(limit) / 2_000)));
}

/** The variables by which the service manager speaks to this process alone; LISTEN_PIDFDID is of systemd 258. */
const VARIABLES: ReadonlySet<string> = new Set([
  ...['LISTEN_PID', 'LISTEN_PIDFDID', 'LISTEN_FDS', 'LISTEN_FDNAMES'],
  ...['NOTIFY_SOCKET', 'WATCHDOG_PID', 'WATCHDOG_USEC'],
]);

/**
 * The environment for children. It is without these variables, since an application that speaks to systemd itself would
 * speak for the whole service.
 */
export function withoutServiceVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !VARIABLES.has(name)));
}
