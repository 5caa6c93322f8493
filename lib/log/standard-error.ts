import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { LineWriter, type LossText, type Output } from './line-writer.js';

export const STDERR = 2;

/** Ours, once it is there: a description of the same pipe or terminal that is ours alone. */
let own: number | undefined;
let writer: LineWriter | undefined;

/**
 * Opens standard error for {@link say}, in good time: later, descriptors may be short, and the pipe another user's. It may be called again.
 *
 * @param inherited - the descriptor that another thread of this process has opened, see {@link descriptor}.
 */
export function openStandardError(inherited?: number): void {
  own ??= inherited;
  writer ??= new LineWriter(openOutput());
}

/** What {@link openStandardError} has opened; undefined where it writes to the one that all share. */
export function descriptor(): number | undefined {
  openStandardError();
  return own;
}

/** Writes lines of this library to standard error, see {@link LineWriter}. */
export function say(text: string, lossText: LossText = plainLoss): void {
  openStandardError();
  writer?.write(text, lossText);
}

function plainLoss(count: number): string {
  return `prefork: process ${process.pid}: ${lossMessage(count)}\n`;
}

export function lossMessage(count: number): string {
  return `nobody read standard error: what was to be written here was dropped, ${count === 1 ? 'once' : `${count} times`}`;
}

/**
 * A write to a pipe that nobody empties waits for ever, event loop and all, unless it has O_NONBLOCK. That flag belongs to what is open, which
 * all have in common who inherited it: whoever starts a child takes it away from all others. So the pipe, or terminal, is opened once more.
 */
function openOutput(): Output {
  if (own !== undefined) return to(own);
  try {
    const stats = fstatSync(STDERR, { bigint: true });
    if (stats.isFIFO() || isatty(STDERR)) own = reopen();
    if (own !== undefined) return to(own);
    if (stats.isFIFO() || stats.isSocket()) return toShared();
  } catch {
    // What standard error is, shows when something is written to it.
  }
  // A file takes all, or says why not.
  return to(STDERR);
}

const to = (fd: number): Output => {
  return (bytes) => writeSync(fd, bytes);
};

function reopen(): number | undefined {
  // Elsewhere, /dev/fd gives what is open already.
  if (process.platform !== 'linux') return undefined;
  try {
    return openSync(`/proc/self/fd/${STDERR}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // It is another user's, such as that of a container that is not run as root.
    return undefined;
  }
}

/** A socket cannot be opened again. So the flag is set before each write: Node sets it too, when it first writes to standard error itself. */
function toShared(): Output {
  const { _handle: handle } = new Socket({ fd: STDERR, readable: false, writable: true }).unref() as unknown as {
    readonly _handle: { setBlocking(on: boolean): number };
  };
  return (bytes) => {
    handle.setBlocking(false);
    return writeSync(STDERR, bytes);
  };
}
