import type { ArbiterOptions, BuiltInClass, WorkerModule } from './types.js';

/**
 * What `prefork.config.js` may say: the options of an {@link Arbiter}, of which none is required, since the command line may bring the application.
 * The application and a worker class of yours are modules, which the workers load.
 */
export interface PreforkConfig extends Partial<Omit<ArbiterOptions, 'app' | 'workerClass'>> {
  /** The module of the application, as on the command line. @defaultValue the one of the command line */
  readonly app?: string | URL | undefined;
  /** As of an Arbiter, but for a class itself. @defaultValue `'sync'` */
  readonly workerClass?: BuiltInClass | WorkerModule | undefined;
}

/** Returns what it is given, so that an editor knows its type: `export default defineConfig({ workers: 8 })`. */
export function defineConfig(config: PreforkConfig): PreforkConfig {
  return config;
}
