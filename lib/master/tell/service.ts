import type { ArbiterError } from '../../errors.js';
import { errorTitle } from '../../log/stack.js';
import { watchdogInterval } from '../../system/systemd.js';
import { openServiceManager, type ServiceManager } from '../../system/systemd-notify.js';
import type { ArbiterStats } from '../scoreboard/stats.js';
import type { WorkerInfo } from '../workers/worker-info.js';

/** Tells the service manager how this process is: sd_notify(3). */
export interface Service {
  /** Takes every event of the Arbiter. */
  onEvent(event: string, args: readonly unknown[]): void;
  /** Another process is the main one of the service from now on, and speaks for it. */
  handOver(pid: number): void;
  /** That process did not stay: this one is the main one again. */
  takeBack(): void;
  /** Resolves when what was told has been sent. */
  close(): Promise<void>;
}

/** Where it takes what it tells from. */
export interface ServiceSource {
  readonly stats: () => ArbiterStats<string>;
  readonly onFailure: (error: ArbiterError) => void;
  /** Whether the service goes on when this process ends. */
  readonly othersServe: () => boolean;
}

/** Changes come in crowds, and a line for humans can wait. Milliseconds. */
const STATUS_DELAY = 250;

/** Undefined where nobody asks: NOTIFY_SOCKET is not set. */
export function startService(env: NodeJS.ProcessEnv, source: ServiceSource): Service | undefined {
  const { NOTIFY_SOCKET: socket } = env;
  if (!socket) return undefined;
  return new SystemdService(openServiceManager(socket, source.onFailure), source, watchdogInterval(env, process.pid));
}

class SystemdService implements Service {
  readonly #manager: ServiceManager;
  readonly #source: ServiceSource;
  readonly #watchdog: NodeJS.Timeout | undefined;
  #statusTimer: NodeJS.Timeout | undefined;
  #lastStatus = '';
  #failedReload: unknown;
  #silent = false;

  constructor(manager: ServiceManager, source: ServiceSource, interval: number | undefined) {
    this.#manager = manager;
    this.#source = source;
    // From the master's own event loop and from nowhere else: a host that hangs is to be restarted.
    if (interval !== undefined) this.#watchdog = setInterval(() => this.#tell('WATCHDOG=1'), interval).unref();
  }

  onEvent(event: string, [first]: readonly unknown[]): void {
    if (event === 'reload' || event === 'rollback') this.#failedReload = first instanceof Error ? first : undefined;
    if (event === 'reload') {
      // systemd 253 compares it with when it has asked for the reload.
      this.#tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, this.#status());
    } else if (event === 'ready' || event === 'reloaded' || event === 'rollback') {
      this.#tell('READY=1', this.#status());
    } else if (event === 'signal' && ENDING.has(first)) {
      // Not at every stop: of a host that only stops its Arbiter, and goes on, systemd would kill what is left; and of an
      // upgrade that backs out, the process before it.
      if (!this.#source.othersServe()) this.#tell('STOPPING=1');
    } else if (!this.#silent) {
      this.#statusTimer ??= setTimeout(() => this.#tellStatus(), STATUS_DELAY).unref();
    }
  }

  handOver(pid: number): void {
    this.#tell(`MAINPID=${pid}`);
    this.#silent = true;
  }

  takeBack(): void {
    this.#silent = false;
    this.#tell(`MAINPID=${process.pid}`, 'READY=1', this.#status());
  }

  close(): Promise<void> {
    clearInterval(this.#watchdog);
    clearTimeout(this.#statusTimer);
    this.#silent = true;
    return this.#manager.close();
  }

  #tellStatus(): void {
    this.#statusTimer = undefined;
    const before = this.#lastStatus;
    const status = this.#status();
    if (status !== before) this.#tell(status);
  }

  #status(): string {
    this.#lastStatus = `STATUS=${statusLine(this.#source.stats(), this.#failedReload)}`;
    return this.#lastStatus;
  }

  #tell(...message: readonly string[]): void {
    if (!this.#silent) this.#manager.tell(...message);
  }
}

/** Signals that are meant for the whole program. */
const ENDING: ReadonlySet<unknown> = new Set(['SIGTERM', 'SIGINT', 'SIGQUIT']);

type StatusView = Pick<ArbiterStats<string>, 'state' | 'generation' | 'target' | 'degraded' | 'failing'> & {
  readonly held?: boolean;
  readonly workers: readonly Pick<WorkerInfo, 'state'>[];
};

/** One line for humans, with nothing in it that would begin another. */
export function statusLine(
  { state, generation, workers, target, degraded, failing, held }: StatusView,
  failedReload?: unknown,
): string {
  // While they are replaced, there may be more.
  const ready = Math.min(target, workers.filter((worker) => worker.state === 'ready').length);
  return [
    `${state}, ${ready} of ${target} workers ready, generation ${generation}`,
    ...(held ? ['held: no worker serves until HUP, TTIN or TTOU'] : []),
    ...(degraded ? [`degraded: workers ${failing.map(({ id }) => `#${id}`).join(', ')} fail again and again`] : []),
    ...(failedReload === undefined ? [] : [`the last reload failed: ${errorTitle(failedReload)}`]),
  ].join('; ');
}
