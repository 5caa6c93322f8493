import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { LineWriter, type LossText, type Output } from './line-writer.js';

export const STDERR = 2;

/** The descriptor of this process's own open file description of the same pipe or terminal, once it is opened. */
let own: number | undefined;
let writer: LineWriter | undefined;

/**
 * Opens standard error for {@link say}. It is to be called early: later, file descriptors may be short, and the pipe
 * may belong to another user. It may be called again.
 *
 * @param inherited - the descriptor if another thread of this process has opened it, see {@link descriptor}.
 */
export function openStandardError(inherited?: number): void {
  own ??= inherited;
  writer ??= new LineWriter(openOutput());
}

/** The descriptor that {@link openStandardError} has opened; undefined if it writes to the shared one. */
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
 * A write to a pipe that nobody reads blocks the event loop for ever, unless the pipe has O_NONBLOCK. That flag belongs
 * to the open file description, which all processes share that inherited it: a process that starts a child clears the
 * flag for all of them. So the pipe, or terminal, is opened once more.
 */
function openOutput(): Output {
  if (own !== undefined) return to(own);
  try {
    const stats = fstatSync(STDERR, { bigint: true });
    if (stats.isFIFO() || isatty(STDERR)) own = reopen();
    if (own !== undefined) return to(own);
    if (stats.isFIFO() || stats.isSocket()) return toShared();
  } catch {
    // It is unknown what standard error is. An error will show when something is written to it.
  }
  // A file takes all bytes, or returns an error.
  return to(STDERR);
}

const to = (fd: number): Output => {
  return (bytes) => writeSync(fd, bytes);
};

function reopen(): number | undefined {
  // On other systems, opening /dev/fd only duplicates the descriptor, with the same flags.
  if (process.platform !== 'linux') return undefined;
  try {
    return openSync(`/proc/self/fd/${STDERR}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // The pipe belongs to another user, for example in a container that does not run as root.
    return undefined;
  }
}

/**
 * A socket cannot be opened again. So O_NONBLOCK is set before each write, for all that share the socket. Node sets it
 * too, when it first writes to standard error itself.
 */
function toShared(): Output {
  const { _handle: handle } = new Socket({ fd: STDERR, readable: false, writable: true }).unref() as unknown as {
    readonly _handle: { setBlocking(on: boolean): number };
  };
  return (bytes) => {
    handle.setBlocking(false);
    return writeSync(STDERR, bytes);
  };
}
