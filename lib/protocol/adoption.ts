import { isRecord } from '../serialized-error.js';

/**
 * A worker has started a process that is in a process group of its own, and that must end with the worker. `born` is
 * its start time as in the process table.
 */
export interface AdoptMessage {
  readonly type: 'adopt';
  readonly pid: number;
  readonly born: number;
}

export function parseAdoption(value: unknown): AdoptMessage | undefined {
  const { pid, born } = isRecord(value) ? value : {};
  if (!isCount(pid) || !isCount(born) || pid <= 1) return undefined;
  return { type: 'adopt', pid, born };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
