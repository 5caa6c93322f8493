import { closeSync, constants, openSync } from 'node:fs';
import { monotonic } from '../monotonic.js';
import { leaveTerminal } from './dead-terminal.js';

/** How often to look whether it is still there. Milliseconds. */
const INTERVAL = 2_000;
/** A signal because it is gone comes within that time; one that comes later was sent by somebody. Milliseconds. */
const FAREWELL = 10_000;

/** The controlling terminal of this process, which sends signals nobody has given orders by. */
export interface Terminal {
  /** Whether a signal that comes at this moment is the terminal's: its window has another size, or it has been closed. */
  sends(signal: string): boolean;
  close(): void;
}

/** What it is asked of; tests have another one. */
export interface TerminalSystem {
  /** Undefined when nobody can tell. */
  readonly present: () => boolean | undefined;
  readonly now: () => number;
  /** It is gone. */
  readonly leave: () => void;
}

/** The name stands for the terminal of whoever opens it. Without one there is ENXIO, also once it has been closed. */
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
 * Watches the controlling terminal. Who has sent a signal Node does not tell, so the terminal itself is asked. That it is gone does not
 * do: of a host in the background, or one that has been disowned, it may have gone long ago, without a signal; hence the looks in between.
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
