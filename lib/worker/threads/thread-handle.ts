import { MessageChannel, type MessagePort, Worker as Thread } from 'node:worker_threads';
import { encodeSpec, SPEC_VARIABLE, type WorkerSpec } from '../../protocol.js';
import type { ThreadData, ThreadMessage, ThreadOrder } from './messages.js';

export interface ThreadEvents {
  readonly onMessage: (message: ThreadMessage) => void;
  /** An error that the thread did not catch itself: it ran out of its heap, or its first code threw. */
  readonly onError: (error: Error) => void;
  readonly onExit: (code: number) => void;
}

/** The main thread's side of one thread. It reports and decides nothing. */
export class ThreadHandle {
  /** The number of the thread, from 1; a replacement has that of its predecessor. */
  readonly number: number;
  readyAt: number | undefined;
  /** It has said why it could not boot. */
  failed = false;
  readonly #port: MessagePort;

  /** Runs the script that the process runs: the module form's entry, or the host's with its arguments. */
  constructor(spec: WorkerSpec, data: Omit<ThreadData['prefork'], 'port'>, events: ThreadEvents) {
    this.number = spec.thread as number;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const [, script = '', ...argv] = process.argv;
    const { resourceLimits } = spec.serving;
    const worker = new Thread(script, {
      argv,
      env: { ...process.env, [SPEC_VARIABLE]: encodeSpec(spec) },
      workerData: { prefork: { ...data, port: port2 } } satisfies ThreadData,
      transferList: [port2],
      name: `prefork #${spec.id}.${spec.thread}`,
      ...(resourceLimits && { resourceLimits }),
    });
    port1.on('message', events.onMessage);
    worker.on('error', events.onError);
    worker.on('exit', (code) => {
      // What the thread said last is in the port's queue, and comes first.
      setImmediate(() => {
        port1.close();
        events.onExit(code);
      });
    });
  }

  get ready(): boolean {
    return this.readyAt !== undefined;
  }

  order(order: ThreadOrder): void {
    this.#port.postMessage(order);
  }
}
