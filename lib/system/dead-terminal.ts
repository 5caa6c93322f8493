import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Those of the standard descriptors that were a terminal when this was loaded. */
const terminals = [0, 1, 2].filter((fd) => isatty(fd));

/**
 * Puts /dev/null in the place of each standard descriptor whose terminal is gone. What is written there is lost anyhow; but a process of Node 20
 * aborts as it exits, since it cannot restore the terminal's settings.
 */
export function replaceDeadTerminals(): void {
  for (const fd of terminals) {
    if (isatty(fd)) continue;
    try {
      // The lowest number that is free is the next to be given.
      closeSync(fd);
      openSync('/dev/null', fd === 0 ? 'r' : 'w');
    } catch {
      // The application has closed it before.
    }
  }
}

/**
 * The same for a process that goes on: the second time that it prints something with `console`, an error that nobody listens to would end it, with
 * all that is still to be answered.
 */
export function leaveTerminal(): void {
  replaceDeadTerminals();
  const ignore = (): void => undefined;
  if (terminals.includes(1)) process.stdout.on('error', ignore);
  if (terminals.includes(2)) process.stderr.on('error', ignore);
}
