/** The stable codes of {@link ArbiterError.code}. */
export type ArbiterErrorCode =
  /** An option is unknown, of a wrong type, out of range, or contradicts another one. */
  | 'ERR_INVALID_OPTION'
  /** The method does not make sense in the present state (start twice, scale before start). */
  | 'ERR_STATE'
  /** Node runs with `--permission`, but without flags that a master needs. */
  | 'ERR_PERMISSION'
  /** An inline `app` needs an entry script of the host, which the workers run again, and there is none. */
  | 'ERR_NO_ENTRY'
  /** This library has been bundled into another file, so that workers could not be started. */
  | 'ERR_BUNDLED'
  /** An address could not be bound. The cause is the system's error. */
  | 'ERR_BIND'
  /** The module of `app` is missing, throws while it loads, or exports no handler. */
  | 'ERR_APP_LOAD'
  /** A worker process ended, or failed, before it was ready. */
  | 'ERR_WORKER_BOOT'
  /** A worker process was not ready within `bootTimeout`. */
  | 'ERR_BOOT_TIMEOUT'
  /** A worker of the new generation failed, and the reload was rolled back. The cause says how the worker failed. */
  | 'ERR_RELOAD_FAILED'
  /** The process that was to take over did not start to serve; the old one serves on. */
  | 'ERR_UPGRADE_FAILED'
  /**
   * A message to a worker was not confirmed, and `mayBeHeard` says whether a listener may have got it; or messages of a
   * worker did not reach the Arbiter before the worker ended.
   */
  | 'ERR_MESSAGE_LOST'
  /** Too much is under way between the Arbiter and a worker: this message was refused. */
  | 'ERR_MESSAGE_ROOM'
  /** A listener that the host registered on the Arbiter threw or rejected, or its logger did. */
  | 'ERR_LISTENER'
  /** The pid file belongs to a living process, or cannot be written. */
  | 'ERR_PIDFILE'
  /** The file of the access log cannot be opened. The cause is the system's error. */
  | 'ERR_ACCESS_LOG'
  /** The service manager (systemd) could not be notified of the state of this process. */
  | 'ERR_NOTIFY'
  /**
   * The guard, the helper process that ends the workers if the master is killed, could not be kept running; it is tried
   * again.
   */
  | 'ERR_GUARD'
  /**
   * There is no room for the scoreboard, the shared memory in which the master sees what its workers do. The cause is
   * the system's error.
   */
  | 'ERR_SCOREBOARD'
  /** The system refused an operation of the master, which goes on and tries it again. */
  | 'ERR_SYSTEM'
  /**
   * At the stop, something that `start()` had made could not be undone: for example, the file of a socket could not be
   * removed. All the rest was undone.
   */
  | 'ERR_CLEANUP';

/** The exit code for each error. 3 and 4 are Gunicorn's `WORKER_BOOT_ERROR` and `APP_LOAD_ERROR`. */
const EXIT_CODES: Readonly<Record<ArbiterErrorCode, number>> = {
  ERR_INVALID_OPTION: 1,
  ERR_STATE: 1,
  ERR_NO_ENTRY: 1,
  ERR_PERMISSION: 1,
  ERR_BUNDLED: 1,
  ERR_BIND: 1,
  ERR_APP_LOAD: 4,
  ERR_WORKER_BOOT: 3,
  ERR_BOOT_TIMEOUT: 3,
  ERR_RELOAD_FAILED: 1,
  ERR_UPGRADE_FAILED: 1,
  ERR_MESSAGE_LOST: 1,
  ERR_MESSAGE_ROOM: 1,
  ERR_PIDFILE: 1,
  ERR_ACCESS_LOG: 1,
  ERR_NOTIFY: 1,
  ERR_LISTENER: 1,
  ERR_GUARD: 1,
  ERR_SCOREBOARD: 1,
  ERR_SYSTEM: 1,
  ERR_CLEANUP: 1,
};

/**
 * The one error class of this library.
 *
 * `message` says what was expected and what came. `cause` is the underlying error, if there is one:
 * the system's error of a failed bind, the application's own error with its own stack for a failed boot.
 */
export class ArbiterError extends Error {
  override readonly name = 'ArbiterError';
  /** Stable and documented; test for this, not for the message. */
  readonly code: ArbiterErrorCode;
  /**
   * Only for `ERR_MESSAGE_LOST` of a message to a worker: whether a listener may have got it nevertheless. False: no
   * listener has, in the worker or the threads that the error names.
   */
  declare readonly mayBeHeard?: boolean;

  constructor(code: ArbiterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** The exit code for a program that ends because of this error: 4 for `ERR_APP_LOAD`, 3 for a failed boot, else 1. */
  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}
