import { after, type TestContext } from 'node:test';
import type { Host } from './host.js';

/**
 * A host for all tests of a file that leave it as they have found it: to boot one takes more than most of them. It is started for the first of
 * them, and ends with the file. Whoever counts what its host has done, stops it, or needs it fresh has one of its own.
 */
export function shared(start: (t: TestContext) => Host): () => Host {
  const ends: (() => unknown)[] = [];
  let host: Host | undefined;
  // Within a test it would be the end of that test.
  after(async () => {
    for (const end of ends) await end();
  });
  const context = { after: (end: () => unknown) => void ends.push(end) } as unknown as TestContext;
  return () => {
    host ??= start(context);
    return host;
  };
}
