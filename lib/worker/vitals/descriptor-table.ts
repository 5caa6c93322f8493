import { AsyncResource } from 'node:async_hooks';
import { closeSync } from 'node:fs';
import { DescriptorCount, describeDescriptors, descriptorLimit, holdDescriptors } from '../../system/descriptors.js';

/** The system, as far as it is asked here. */
export interface DescriptorTable {
  /** How many there may be; undefined where nobody knows. */
  readonly limit: () => number | undefined;
  readonly counter: () => Pick<DescriptorCount, 'glance' | 'read'>;
  readonly describe: () => string;
  readonly hold: (count: number) => number[];
  readonly close: (fd: number) => void;
  /** Calls back once the event loop has polled, whenever that is: it is not kept from waiting. */
  readonly afterPoll: (act: () => void) => void;
}

export const SYSTEM: DescriptorTable = {
  limit: descriptorLimit,
  counter: () => new DescriptorCount(),
  describe: describeDescriptors,
  hold: holdDescriptors,
  close: closeSync,
  // Not in the context of the request that happens to be under way.
  afterPoll: AsyncResource.bind((act: () => void) => void setImmediate(act).unref()),
};
