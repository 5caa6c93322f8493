import * as module from 'node:module';

/** From Node 22.10 on. */
interface CompileCache {
  getCompileCacheDir?(): string | undefined;
  flushCompileCache?(): void;
}

/**
 * Node writes its compile cache, where one is asked for by `NODE_COMPILE_CACHE`, when a process ends: too late for the workers that boot next, and never for one that
 * is killed. So it is written when the application has been loaded; what is there already is not written again.
 */
export function keepCompiled(): void {
  const { getCompileCacheDir, flushCompileCache } = module as CompileCache;
  if (getCompileCacheDir?.() !== undefined) flushCompileCache?.();
}
