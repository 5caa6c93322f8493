import { AsyncResource } from 'node:async_hooks';
import { closeSync } from 'node:fs';
import { DescriptorCount, describeDescriptors, descriptorLimit, holdDescriptors } from '../../system/descriptors.js';

/** What is asked of the system about file descriptors; a test can stand in for it. */
export interface DescriptorTable {
  /** How many descriptors may be open; undefined where that is not known. */
  readonly limit: () => number | undefined;
  readonly counter: () => Pick<DescriptorCount, 'glance' | 'read'>;
  readonly describe: () => string;
  readonly hold: (count: number) => number[];
  readonly close: (fd: number) => void;
  /** Calls back once the event loop has polled, whenever that is. It does not keep the loop from waiting. */
  readonly afterPoll: (act: () => void) => void;
}

export const SYSTEM: DescriptorTable = {
  limit: descriptorLimit,
  counter: () => new DescriptorCount(),
  describe: describeDescriptors,
  hold: holdDescriptors,
  close: closeSync,
  // Bound, so that it does not run in the async context of the request that happens to be under way.
  afterPoll: AsyncResource.bind((act: () => void) => void setImmediate(act).unref()),
};
