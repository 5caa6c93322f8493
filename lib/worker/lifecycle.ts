import { inspect } from 'node:util';
import { type BootPhase, serializeError, type WorkerSpec } from '../protocol.js';
import { STATE } from '../scoreboard.js';
import { ListenError } from './acceptor.js';
import type { Worker } from './base.js';
import { onMasterGone, tellMaster } from './control.js';
import type { Slot } from './slot.js';

/** How this process ends. 3 and 4 are Gunicorn's codes for a failed boot and an application that does not load. */
const EXIT = { OK: 0, CRASH: 1, BOOT: 3, LOAD: 4 } as const;
/** How long the last answers may take after an uncaught exception, and after the master's death. Milliseconds. */
const CRASH_LIMIT = 1_000;
const ORPHAN_LIMIT = 400;

/** The signals, errors and exits of a worker process, from its first line to its last. */
export interface Lifecycle {
  readonly slot: Slot;
  /** What an error before readiness is blamed on. */
  phase: BootPhase;
  /** Reports a failed boot and exits. */
  readonly failBoot: (error: unknown) => never;
  /** Reports an error after readiness, lets the worker answer, and exits. */
  readonly fail: (error: unknown) => void;
  /** Hands the process over to a worker that serves. */
  readonly serving: (worker: Worker<unknown>) => void;
}

export function startLifecycle({ app, name }: WorkerSpec, slot: Slot): Lifecycle {
  const beforeServing =
    app === undefined ? `without a call of run() or start() of the Arbiter named '${name}'` : 'before it served';
  let worker: Worker<unknown> | undefined;
  let reported = false;
  let draining = false;
  let crashing = false;

  const failBoot = (error: unknown): never => {
    reported = true;
    const listening = error instanceof ListenError;
    const phase = listening ? 'bind' : lifecycle.phase;
    tellMaster({
      type: 'failed',
      phase,
      error: serializeError(listening ? error.cause : error),
      ...(listening && { socket: error.socket }),
    });
    process.exit(phase === 'load' ? EXIT.LOAD : EXIT.BOOT);
  };
  const fail = (error: unknown): void => {
    if (!worker) return void failBoot(error);
    tellMaster({ type: 'error', error: serializeError(error) });
    process.stderr.write(
      `prefork: worker ${process.pid}: uncaught: ${error instanceof Error ? error.stack : inspect(error)}\n`,
    );
    // A second one on the way out: the state is worse than unknown.
    if (crashing) process.exit(EXIT.CRASH);
    crashing = true;
    // The answer to the request that is in flight now must not hide it from the master.
    slot.freeze();
    exitWithin(CRASH_LIMIT);
    exitAfter(worker.crash());
  };
  const drain = (): void => {
    if (draining || crashing || !worker) return;
    draining = true;
    slot.setState(STATE.DRAINING);
    exitAfter(worker.stop());
  };
  // A drain may turn into a crash on the way, so the code is chosen at the end.
  const exitAfter = (finished: Promise<void>): void => {
    finished.then(() => process.exit(crashing ? EXIT.CRASH : EXIT.OK), fail);
  };
  const exitWithin = (limit: number): void => void setTimeout(() => process.exit(EXIT.CRASH), limit);
  const lifecycle: Lifecycle = {
    slot,
    phase: 'boot',
    failBoot,
    fail,
    serving(ready) {
      worker = ready;
      process.on('SIGTERM', drain);
      process.on('SIGQUIT', () => {
        slot.setState(STATE.DRAINING);
        process.exit(EXIT.OK);
      });
      slot.setState(STATE.SERVING);
      tellMaster({ type: 'ready' });
    },
  };

  // The terminal sends INT to the whole group; what it means is the master's to say.
  process.on('SIGINT', () => undefined);
  process.on('uncaughtException', fail);
  process.on('exit', (code) => {
    slot.flush();
    if (worker || reported) return;
    const error = new Error(`the process ended with exit code ${code} ${beforeServing}`);
    tellMaster({ type: 'failed', phase: 'boot', error: serializeError(error) });
  });
  onMasterGone(() => {
    if (!worker) process.exit(EXIT.CRASH);
    exitWithin(ORPHAN_LIMIT);
    drain();
  });
  return lifecycle;
}
