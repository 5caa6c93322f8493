/*
 * The files of this library may be loaded twice into a worker: once as the ES modules that it begins with, and for the script as CommonJS, by a loader like tsx, or by
 * another way to the same files, where links are not followed. Two copies of one code understand each other, so the first one serves for the second.
 */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LIBRARY } from '../../options/library.js';
import { leaveForCopies, leftByCopy } from '../context.js';

/** What the copy that has begun a worker does for one of the same files. */
export interface FirstCopy {
  readonly library: string;
  /** `start()` of an Arbiter with these options, as that copy does it. */
  readonly start: (options: object) => Promise<void>;
}

/** Leaves it for others. */
export function beFirstCopy(): void {
  const start: FirstCopy['start'] = async (options) => {
    // By a name that no bundler follows: the worker has no use for all of it before.
    const { Arbiter } = await import(pathToFileURL(join(LIBRARY, 'index.js')).href);
    await new Arbiter(options).start();
  };
  leaveForCopies('start', { library: LIBRARY, start } satisfies FirstCopy);
}

/** The start of an Arbiter with these options by the copy that has begun this worker; undefined where its files are other ones. */
export function startByFirstCopy(options: object): Promise<void> | undefined {
  const first = leftByCopy('start') as FirstCopy | undefined;
  return first && isSame(first.library, LIBRARY) ? first.start(options) : undefined;
}

function isSame(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    return false;
  }
}
