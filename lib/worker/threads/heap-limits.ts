import { setFlagsFromString } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';

/**
 * The V8 flags that override a limit of `resourceLimits`, by limit. A flag holds for the whole process, even if the
 * host's command line or NODE_OPTIONS meant it for the heap of a process without threads.
 */
const STRONGER: Readonly<Record<string, readonly string[]>> = {
  maxOldGenerationSizeMb: ['--max-old-space-size', '--max-heap-size'],
  maxYoungGenerationSizeMb: ['--max-semi-space-size'],
};

/**
 * Makes these heap limits hold for threads that are started from now on, by setting the flags that override them to 0,
 * which is as if they had not been given. V8 reads its flags when it creates a heap, so the main thread, whose heap
 * exists already, keeps its limits.
 */
export function enforceHeapLimits(limits: ResourceLimits | undefined): void {
  for (const [limit, flags] of Object.entries(STRONGER)) {
    if (limits?.[limit as keyof ResourceLimits] === undefined) continue;
    for (const flag of flags) setFlagsFromString(`${flag}=0`);
  }
}
