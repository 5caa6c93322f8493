import { readFileSync } from 'node:fs';

const SETTING = '/proc/sys/net/ipv4/ip_local_port_range';

/**
 * The first and the last of the ports that the kernel gives to outgoing connections, where it tells: Linux. The range
 * of IPv4 is also that of IPv6. `read` is for tests.
 */
export function outgoingPorts(
  read: () => string | undefined = readSetting,
): readonly [first: number, last: number] | undefined {
  const [, first, last] = /^(\d+)\s+(\d+)\s*$/.exec(read() ?? '') ?? [];
  return first === undefined ? undefined : [Number(first), Number(last)];
}

function readSetting(): string | undefined {
  try {
    return readFileSync(SETTING, 'latin1');
  } catch {
    return undefined;
  }
}
