import { closeSync, constants, openSync } from 'node:fs';
import { monotonic } from '../monotonic.js';
import { leaveTerminal } from './dead-terminal.js';

/** How often to look whether the terminal is still there. Milliseconds. */
const INTERVAL = 2_000;
/**
 * A HUP that comes because the terminal is gone comes within this time. A later one was sent by somebody. Milliseconds.
 */
const FAREWELL = 10_000;

/** The controlling terminal of this process. It sends signals that nobody has given as an order. */
export interface Terminal {
  /**
   * Whether a signal that comes at this moment is the terminal's: the size of its window has changed, or it has been
   * closed.
   */
  sends(signal: string): boolean;
  close(): void;
}

/** Where the state of the terminal comes from; tests have another one. */
export interface TerminalSystem {
  /** Whether there is a controlling terminal; undefined when nobody can tell. */
  readonly present: () => boolean | undefined;
  readonly now: () => number;
  /** Called when the terminal is gone. */
  readonly leave: () => void;
}

/**
 * /dev/tty stands for the controlling terminal of whoever opens it. Without one, and once it has been closed, the error
 * is ENXIO.
 */
function present(): boolean | undefined {
  try {
    closeSync(openSync('/dev/tty', constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EMFILE' || code === 'ENFILE' || code === 'EINTR' ? undefined : code === 'EACCES';
  }
}

/**
 * Watches the controlling terminal. Node does not tell who has sent a signal, so the terminal itself is asked. That the
 * terminal is gone now is not enough: for a host in the background, or one that was disowned, it may have gone long
 * ago, without a signal. So the terminal is also looked at between signals.
 */
export function watchTerminal(system: TerminalSystem = { present, now: monotonic, leave: leaveTerminal }): Terminal {
  let has = system.present() === true;
  let goneAt = Number.NEGATIVE_INFINITY;
  const look = (): void => {
    const had = has;
    has = system.present() ?? had;
    if (!had || has) return;
    goneAt = system.now();
    system.leave();
  };
  const timer = has ? setInterval(look, INTERVAL).unref() : undefined;
  return {
    sends(signal) {
      if (signal !== 'SIGWINCH' && signal !== 'SIGHUP') return false;
      look();
      return signal === 'SIGWINCH' ? has : !has && system.now() - goneAt < FAREWELL;
    },
    close: () => clearInterval(timer),
  };
}
