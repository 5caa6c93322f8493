import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

/** The standard descriptors that were a terminal when this module was loaded. */
const terminals = [0, 1, 2].filter((fd) => isatty(fd));

/**
 * Puts /dev/null in the place of each standard descriptor whose terminal is gone. What is written there is lost anyhow.
 * But otherwise a process of Node 20 aborts as it exits, since it cannot restore the terminal's settings.
 */
export function replaceDeadTerminals(): void {
  for (const fd of terminals) {
    if (isatty(fd)) continue;
    try {
      // A file gets the lowest free number, which is the one that was just closed.
      closeSync(fd);
      openSync('/dev/null', fd === 0 ? 'r' : 'w');
    } catch {
      // The application has closed the descriptor before.
    }
  }
}

/**
 * The same for a process that goes on. The second time that it prints something with `console`, an 'error' event
 * without a listener would end it, with all requests that are still to be answered.
 */
export function leaveTerminal(): void {
  replaceDeadTerminals();
  const ignore = (): void => undefined;
  if (terminals.includes(1)) process.stdout.on('error', ignore);
  if (terminals.includes(2)) process.stderr.on('error', ignore);
}
