import { setFlagsFromString } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';

/**
 * The flags of V8 that are stronger than a limit of `resourceLimits`, by limit. They are there for the whole process, also when the host's
 * command line or NODE_OPTIONS meant the heap of a process without threads.
 */
const STRONGER: Readonly<Record<string, readonly string[]>> = {
  maxOldGenerationSizeMb: ['--max-old-space-size', '--max-heap-size'],
  maxYoungGenerationSizeMb: ['--max-semi-space-size'],
};

/**
 * Has the heap limits hold of threads that are started from now on. V8 looks at its flags when it makes a heap, so that of the main thread,
 * which is there, keeps its own. To 0, a flag is as if it had not been given.
 */
export function enforceHeapLimits(limits: ResourceLimits | undefined): void {
  for (const [limit, flags] of Object.entries(STRONGER)) {
    if (limits?.[limit as keyof ResourceLimits] === undefined) continue;
    for (const flag of flags) setFlagsFromString(`${flag}=0`);
  }
}
