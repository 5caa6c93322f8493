import type { WorkerSpec } from '../protocol.js';
import type { Slot } from './slot.js';

/** What a worker is given when it is made. */
export interface WorkerContext {
  readonly spec: WorkerSpec;
  readonly slot: Slot;
  /** Ends this process with the error as the reason. */
  readonly fail: (error: unknown) => void;
}

/**
 * The life of a worker inside its process. `init` and `run` precede the report that it is ready; then it serves
 * until `stop` or `crash`, after which the process exits.
 */
export abstract class Worker<App> {
  readonly app: App;
  protected readonly context: WorkerContext;

  constructor(context: WorkerContext, app: App) {
    this.context = context;
    this.app = app;
  }

  /** Prepares what the worker needs before it serves. */
  init(): void | Promise<void> {}

  /** Begins to serve, and resolves when it does. */
  abstract run(): void | Promise<void>;

  /** Takes no more work; resolves when what is under way has ended. */
  abstract stop(): Promise<void>;

  /** After an uncaught exception: answers whom it still can and resolves soon, since the state of this process is unknown. */
  abstract crash(): Promise<void>;
}
