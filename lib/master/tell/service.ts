import type { ArbiterError } from '../../errors.js';
import { errorTitle } from '../../log/stack.js';
import { watchdogInterval } from '../../system/systemd.js';
import { openServiceManager, type ServiceManager } from '../../system/systemd-notify.js';
import type { ArbiterStats } from '../scoreboard/stats.js';
import type { WorkerInfo } from '../workers/worker-info.js';

/** Tells the service manager the state of this process: sd_notify(3). */
export interface Service {
  /** Takes every event of the Arbiter. */
  onEvent(event: string, args: readonly unknown[]): void;
  /** Another process is the main one of the service from now on, and speaks for it. */
  handOver(pid: number): void;
  /** That process did not stay, so this one is the main process again. */
  takeBack(): void;
  /** Resolves when what was told has been sent. */
  close(): Promise<void>;
}

/** Where the service takes what it tells from. */
export interface ServiceSource {
  readonly stats: () => ArbiterStats<string>;
  readonly onFailure: (error: ArbiterError) => void;
  /** Whether the service goes on when this process ends. */
  readonly othersServe: () => boolean;
}

/** How long a status line waits: changes come in bursts, and a line for humans can wait. Milliseconds. */
const STATUS_DELAY = 250;

/** Undefined where there is no service manager to tell: NOTIFY_SOCKET is not set. */
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
    // Only the master's own event loop sends this, and nothing else: a host that hangs is to be restarted.
    if (interval !== undefined) this.#watchdog = setInterval(() => this.#tell('WATCHDOG=1'), interval).unref();
  }

  onEvent(event: string, [first]: readonly unknown[]): void {
    if (event === 'reload' || event === 'rollback') this.#failedReload = first instanceof Error ? first : undefined;
    if (event === 'reload') {
      // systemd 253 compares this with the time at which it asked for the reload.
      this.#tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, this.#status());
    } else if (event === 'ready' || event === 'reloaded' || event === 'rollback') {
      this.#tell('READY=1', this.#status());
    } else if (event === 'signal' && ENDING.has(first)) {
      // Not at every stop. If a host only stops its Arbiter and goes on, systemd would kill what is left. If an upgrade
      // backs out, it would kill the old process.
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

/** One line for humans, without anything that would begin another line. */
export function statusLine(
  { state, generation, workers, target, degraded, failing, held }: StatusView,
  failedReload?: unknown,
): string {
  // While workers are replaced, more than `target` may be ready.
  const ready = Math.min(target, workers.filter((worker) => worker.state === 'ready').length);
  return [
    `${state}, ${ready} of ${target} workers ready, generation ${generation}`,
    ...(held ? ['held: no worker serves until HUP, TTIN or TTOU'] : []),
    ...(degraded ? [`degraded: workers ${failing.map(({ id }) => `#${id}`).join(', ')} fail again and again`] : []),
    ...(failedReload === undefined ? [] : [`the last reload failed: ${errorTitle(failedReload)}`]),
  ].join('; ');
}
