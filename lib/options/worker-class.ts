import type { Handler } from './handler.js';

/** The worker classes that come with the library. */
export type BuiltInClass = 'sync' | 'threaded' | 'async';

/** Whether a worker serves in its process's main thread, or in threads that the main thread supervises. */
export type WorkerKind = 'process' | 'threads';

/** The shape of a worker class for handlers of the type `App`: any subclass of {@link Worker} has it. */
export interface WorkerClass<App> {
  readonly kind: WorkerKind;
  new (
    context: never,
    app: App,
  ): {
    readonly app: App;
    run(): void | Promise<void>;
    stop(): void | Promise<void>;
  };
}

/** A module specifier. It holds a path or the name of an export, which tells it from a misspelt built-in class. */
export type WorkerModule = `.${string}` | `/${string}` | `file:${string}` | `${string}#${string}`;

/** The built-in classes serve a {@link Handler}; another type of handler needs a class of its own. */
export type WorkerClassOption<App> = WorkerClass<App> | WorkerModule | ([App] extends [Handler] ? BuiltInClass : never);
