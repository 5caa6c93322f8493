import * as module from 'node:module';

/** Available from Node 22.10 on. */
interface CompileCache {
  getCompileCacheDir?(): string | undefined;
  flushCompileCache?(): void;
}

/**
 * Writes the compile cache, if `NODE_COMPILE_CACHE` asks for one. Node itself writes it when the process ends. That is
 * too late for the workers that boot next, and never happens in a worker that is killed. So it is written once the
 * application is loaded; entries that exist already are not written again.
 */
export function keepCompiled(): void {
  const { getCompileCacheDir, flushCompileCache } = module as CompileCache;
  if (getCompileCacheDir?.() !== undefined) flushCompileCache?.();
}
