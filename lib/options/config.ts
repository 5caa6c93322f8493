import type { ArbiterOptions } from './types.js';
import type { BuiltInClass, WorkerModule } from './worker-class.js';

/**
 * What `prefork.config.js` may say: the options of an {@link Arbiter}, none of them required, since the command line
 * may name the application. The application and a worker class of yours must be modules, which the workers load.
 */
export interface PreforkConfig extends Partial<Omit<ArbiterOptions, 'app' | 'workerClass'>> {
  /** The module of the application, as on the command line. @defaultValue the one of the command line */
  readonly app?: string | URL | undefined;
  /** As for an Arbiter, but not a class itself. @defaultValue `'sync'` */
  readonly workerClass?: BuiltInClass | WorkerModule | undefined;
}

/**
 * Returns its argument. It tells an editor the type of a config file: `export default defineConfig({ workers: 8 })`.
 */
export function defineConfig(config: PreforkConfig): PreforkConfig {
  return config;
}
