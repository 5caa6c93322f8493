/*
 * The files of this library may be loaded twice into one worker. The worker itself begins with them as ES modules. The
 * script may load them again: as CommonJS, by a loader like tsx, or by another path, where symbolic links are not
 * followed. Both copies are the same code, so the first one does the work of the second.
 */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LIBRARY } from '../../options/library.js';
import { leaveForCopies, leftByCopy } from '../context.js';

/** What the copy that the worker began with does for a second copy of the same files. */
export interface FirstCopy {
  readonly library: string;
  /** Calls `start()` of an Arbiter of the first copy, with these options. */
  readonly start: (options: object) => Promise<void>;
}

/** Registers this copy as the first, where later copies find it. */
export function beFirstCopy(): void {
  const start: FirstCopy['start'] = async (options) => {
    // A computed specifier, so that no bundler includes the whole library: the worker does not need it before this
    // call.
    const { Arbiter } = await import(pathToFileURL(join(LIBRARY, 'index.js')).href);
    await new Arbiter(options).start();
  };
  leaveForCopies('start', { library: LIBRARY, start } satisfies FirstCopy);
}

/**
 * Has the first copy start an Arbiter with these options. Returns undefined if there is no first copy, or if its files
 * are not the same.
 */
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
