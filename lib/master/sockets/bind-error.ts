import { ArbiterError } from '../../errors.js';
import { outgoingPorts } from '../../system/outgoing-ports.js';

/**
 * The `ERR_BIND` for an address, with the system's error as its cause. `ports` tells the range of ports for outgoing
 * connections.
 */
export function bindError(address: string, cause: unknown, ports: typeof outgoingPorts = outgoingPorts): ArbiterError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = (code === 'EADDRINUSE' && takenByChance(address, ports)) || (WHY.get(code) ?? message);
  return new ArbiterError('ERR_BIND', `cannot bind ${address}: ${why}`, { cause });
}

/** A map, not an object: the error may be a worker's, and its code anything. */
const WHY: ReadonlyMap<string | undefined, string> = new Map(
  Object.entries({
    EADDRINUSE: 'the address is in use already, by a server of this process or another (EADDRINUSE)',
    EACCES: 'permission denied (EACCES)',
    EPERM: 'permission denied (EPERM)',
    EADDRNOTAVAIL: 'this machine does not have that address (EADDRNOTAVAIL)',
    ENOENT: 'the directory does not exist (ENOENT)',
    ENOTFOUND: 'the host name is not known (ENOTFOUND)',
    EBADF: 'no such descriptor is open (EBADF)',
  }),
);

/**
 * What the error says when an outgoing connection may have the port: then no process is found that listens there, and
 * the port may be free the next time.
 */
function takenByChance(address: string, ports: typeof outgoingPorts): string | undefined {
  const [, digits] = (!/\bunix:/.test(address) && /:(\d+)(?: |$)/.exec(address)) || [];
  const [first, last] = (digits !== undefined && ports()) || [];
  const port = Number(digits);
  if (first === undefined || last === undefined || port < first || port > last) return undefined;
  return `the address is in use already, by a server of this process or another, or by an outgoing connection: the kernel gives these the ports ${first} to ${last} (EADDRINUSE)`;
}
