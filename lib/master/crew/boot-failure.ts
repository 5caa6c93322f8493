import { ArbiterError } from '../../errors.js';
import type { BootPhase, WorkerMessage } from '../../protocol/messages.js';
import { reviveError, type SerializedError } from '../../serialized-error.js';
import { workerName } from '../common/names.js';
import { bindError } from '../sockets/bind-error.js';
import type { ThreadExit, WorkerExit } from '../tell/events.js';
import type { WorkerHandle } from '../workers/worker-handle.js';

type FailedMessage = Extract<WorkerMessage, { type: 'failed' }>;

/**
 * The error for a worker that has reported why it cannot boot; the reported error is its cause. `addresses` are the
 * names of the listening sockets, in their order.
 */
export function reportedFailure(
  id: number,
  { phase, error, socket }: FailedMessage,
  addresses: readonly string[],
): ArbiterError {
  const cause = reviveError(error);
  // Two processes can bind the same address as long as neither listens; the later one learns of it here.
  if (phase === 'bind') return bindError(addresses[socket ?? 0] ?? addresses[0] ?? '', cause);
  return new ArbiterError(...FAILED[phase](id, cause.message), { cause });
}

const FAILED: Readonly<
  Record<Exclude<BootPhase, 'bind'>, (id: number, why: string) => ['ERR_APP_LOAD' | 'ERR_WORKER_BOOT', string]>
> = {
  load: (id, why) => ['ERR_APP_LOAD', `${workerName(id)}: the application failed to load: ${why}`],
  boot: (id, why) => ['ERR_WORKER_BOOT', `${workerName(id)} failed before it was ready: ${why}${hintAt(why)}`],
};

/** The error for a worker that ended before it was ready and reported nothing. */
export function silentFailure(id: number, { code, signal }: WorkerExit, spawnError?: Error): ArbiterError {
  if (spawnError) {
    return new ArbiterError(
      'ERR_WORKER_BOOT',
      `${workerName(id)} could not be spawned: ${spawnError.message}${hintAt((spawnError as NodeJS.ErrnoException).code)}`,
      { cause: spawnError },
    );
  }
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  const hint = signal === null ? ` (${code === BAD_FLAG ? OF_FLAGS : OF_OTHERS})` : '';
  return new ArbiterError('ERR_WORKER_BOOT', `${workerName(id)} ended with ${how} before it was ready${hint}`);
}

/**
 * Node's own exit code for a flag that it does not take, before any code of this library runs. A process that ends
 * later reports why. https://nodejs.org/api/process.html#exit-codes
 */
const BAD_FLAG = 9;
const OF_FLAGS = "node did not take a flag: see 'execArgv', NODE_OPTIONS, and what it has written to standard error";
/** For example, a module of `--require` is not there. */
const OF_OTHERS = "it left no word: see 'execArgv', NODE_OPTIONS, and what it has written to standard error";

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: "does 'cwd' exist?",
  E2BIG: 'is a variable of the environment too long?',
  EMFILE: 'this process has no descriptor left, see ulimit -n',
  ENFILE: 'the system has no descriptor left',
  EAGAIN: 'too many processes, see ulimit -u and pids.max',
  ENOMEM: 'no memory left',
};

/** A hint for an error code. For a thread that cannot be started, the code is all that Node's message says. */
function hintAt(code = ''): string {
  return Object.hasOwn(HINTS, code) ? ` (${HINTS[code]})` : '';
}

/** The report that a worker would have sent if V8, or Node, had not ended it. */
export function fatalFailure(error: SerializedError): FailedMessage {
  return { type: 'failed', phase: 'boot', error };
}

export function bootTimeoutFailure(id: number, limit: number): ArbiterError {
  return new ArbiterError('ERR_BOOT_TIMEOUT', `${workerName(id)} was not ready within bootTimeout (${limit} ms)`);
}

/** The error for a worker of a new generation that ended before it was proven. */
export function earlyDeath(
  { id, ready, served, lastError }: WorkerHandle,
  { code, signal, reason }: WorkerExit,
): ArbiterError {
  const how = `${reason}, ${signal ?? `exit code ${code}`}`;
  const when = ready ? `${Math.round(served)} ms after it was ready` : 'while it served and some of its threads booted';
  const message = `worker #${id} ended ${when} (${how})`;
  return new ArbiterError('ERR_WORKER_BOOT', message, { cause: lastError });
}

/** The error for a worker of a new generation that somebody else told to end before it was proven. */
export function earlyDismissal({ id, served }: WorkerHandle): ArbiterError {
  return new ArbiterError('ERR_WORKER_BOOT', `worker #${id} got a SIGTERM ${Math.round(served)} ms after it was ready`);
}

/**
 * The error for a worker of a new generation that lost a thread before it was proven: the replacement of the thread
 * runs the same code.
 */
export function earlyThreadDeath({ id, lastError }: WorkerHandle, { thread, code, reason }: ThreadExit): ArbiterError {
  const message = `thread ${thread} of worker #${id} ended (${reason}, exit code ${code})`;
  return new ArbiterError('ERR_WORKER_BOOT', message, { cause: lastError });
}
