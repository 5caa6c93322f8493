/* All that the doctor looks for. */
import type { Finding, Look, Surroundings } from './finding.js';
import { cpuQuota, killsAll, memoryLimit, processLimit } from './resources.js';
import { killMode, notifies, serviceType, stopTime } from './service.js';
import { descriptors, nodeEnvironment, nodeVersion, reaper, root, sharedMemory, somaxconn } from './system.js';

const ALL: readonly Look[] = [
  ...[nodeVersion, memoryLimit, processLimit, descriptors, sharedMemory, notifies],
  ...[cpuQuota, killsAll, somaxconn, killMode, stopTime, serviceType, root, reaper, nodeEnvironment],
];

/** Errors first. */
export function findingsOf(surroundings: Surroundings): readonly Finding[] {
  const found = ALL.map((look) => look(surroundings)).filter((finding) => finding !== undefined);
  return found.sort((one, other) => Number(one.severity === 'warning') - Number(other.severity === 'warning'));
}
