import { debugService } from '../debug.js';
import { ArbiterError } from '../errors.js';
import { type Child, signalChild, spawnChild } from './child.js';

/** The connection to the service manager. */
export interface ServiceManager {
  /**
   * Sends assignments such as `READY=1` as one message, after the messages before it. If the last message that still
   * waits has the same variables, it is out of date, and is replaced.
   */
  tell(...message: readonly string[]): void;
  /** Resolves when everything has been sent, or could not be sent within two seconds. Nothing is sent afterwards. */
  close(): Promise<void>;
}

const PROGRAM = 'systemd-notify';
/**
 * The program itself waits up to 5 s until its message has been read; if it takes longer than this limit, it hangs.
 * Milliseconds.
 */
const SEND_LIMIT = 10_000;
const CLOSE_LIMIT = 2_000;
/** How many characters are kept of what the program says when it fails. */
const MAX_COMPLAINT = 500;

const namesOf = (message: readonly string[]): string => message.map((text) => text.replace(/=.*/s, '')).join(', ');

/**
 * Sends with the program systemd-notify, since Node has no Unix datagram socket. One program runs at a time, so
 * messages keep their order. It ends only when its message has been read, since systemd cannot attribute the message of
 * a process that is gone to a service. No program keeps the host alive. Only the first failure is reported. If the
 * program is missing, nothing more is tried.
 */
export function openServiceManager(socket: string, onFailure: (error: ArbiterError) => void): ServiceManager {
  const queue: (readonly string[])[] = [];
  let sending: Child | undefined;
  let closed = false;
  let failed = false;
  let onIdle: (() => void) | undefined;

  const onSent = (message: readonly string[], failure: NodeJS.ErrnoException | undefined): void => {
    sending = undefined;
    if (failure?.code === 'ENOENT') closed = true;
    if (closed) queue.length = 0;
    if (failure && !failed && !onIdle) {
      failed = true;
      onFailure(notifyError(message, failure));
    }
    next();
  };
  const next = (): void => {
    if (sending) return;
    const message = queue.shift();
    if (message) sending = send(message, socket, (failure) => onSent(message, failure));
    else onIdle?.();
  };
  return {
    tell(...message) {
      if (closed) return;
      const last = queue.at(-1);
      if (last && namesOf(last) === namesOf(message)) queue.pop();
      queue.push(message);
      next();
    },
    close() {
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          closed = true;
          if (sending) signalChild(sending, 'SIGKILL');
        }, CLOSE_LIMIT);
        onIdle = () => {
          closed = true;
          clearTimeout(timer);
          resolve();
        };
        sending?.ref();
        next();
      });
    },
  };
}

/** Runs the program once; `onEnd` is called after this has returned. */
function send(
  message: readonly string[],
  socket: string,
  onEnd: (failure: NodeJS.ErrnoException | undefined) => void,
): Child {
  debugService('%o', message);
  // Of the host's environment, the program gets only PATH, by which it is found: LD_PRELOAD and the like are for the
  // host.
  const env = { PATH: process.env['PATH'], NOTIFY_SOCKET: socket };
  const child = spawnChild(PROGRAM, message, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/', env });
  const timer = setTimeout(() => void signalChild(child, 'SIGKILL'), SEND_LIMIT).unref();
  let complaint = '';
  let ended = false;
  const end = (failure?: NodeJS.ErrnoException): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    onEnd(failure);
  };
  // There is no stream if no descriptor was left for it.
  const stderr = child.stderr as (typeof child.stderr & { unref(): void }) | null;
  stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, MAX_COMPLAINT);
  });
  stderr?.unref();
  child.unref();
  child.on('error', end);
  child.on('close', (code, signal) => {
    if (code === 0) end();
    else end(new Error(`${PROGRAM} ended with ${signal ?? `exit code ${code}`}: ${complaint.trim()}`));
  });
  return child;
}

function notifyError(message: readonly string[], cause: NodeJS.ErrnoException): ArbiterError {
  const why = cause.code === 'ENOENT' ? `the program ${PROGRAM} is not installed` : cause.message;
  const text = `the service manager (NOTIFY_SOCKET) was not told ${namesOf(message)}: ${why}`;
  return new ArbiterError('ERR_NOTIFY', text, { cause });
}
