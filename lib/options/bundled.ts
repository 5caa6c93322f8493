import { ArbiterError } from '../errors.js';
import { strayed } from './library.js';

/** The setting of each bundler that keeps a package out of the bundle. */
const EXTERNAL = [
  'esbuild: --external:prefork',
  "webpack: externals: { prefork: 'commonjs prefork' }, or 'module prefork' where it writes ES modules",
  'ncc: --external prefork',
  "Rollup, Rolldown: external: ['prefork']",
].join('; ');

/** Throws `ERR_BUNDLED` if this library does not run from its own files: then no worker could be started. */
export function refuseBundled(found: ReturnType<typeof strayed> = strayed()): void {
  if (found === undefined) return;
  const where = found.from === '' ? 'a file of an unknown place' : found.from;
  throw new ArbiterError(
    'ERR_BUNDLED',
    `prefork runs from ${where}, without the files that its workers are started from: it has been bundled, or copied in part. ` +
      `Mark prefork external, and have it in node_modules beside the bundle (${EXTERNAL})`,
  );
}
