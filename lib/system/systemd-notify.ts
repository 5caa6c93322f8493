import { debugService } from '../debug.js';
import { ArbiterError } from '../errors.js';
import { type Child, signalChild, spawnChild } from './child.js';

/** The line to the service manager. */
export interface ServiceManager {
  /**
   * Sends assignments such as `READY=1` as one message, behind those before it. One of the same variables that still
   * waits there is replaced: it is out of date.
   */
  tell(...message: readonly string[]): void;
  /** Resolves when all has been sent, or could not be within two seconds. Nothing is sent afterwards. */
  close(): Promise<void>;
}

const PROGRAM = 'systemd-notify';
/** The program itself waits up to 5 s until its message has been read; beyond that it hangs. Milliseconds. */
const SEND_LIMIT = 10_000;
const CLOSE_LIMIT = 2_000;
/** Characters of what the program says when it fails. */
const MAX_COMPLAINT = 500;

const namesOf = (message: readonly string[]): string => message.map((text) => text.replace(/=.*/s, '')).join(', ');

/**
 * Sends by the program systemd-notify, since Node has no Unix datagram socket. One runs at a time, so that messages keep
 * their order. It ends when its message has been read: whoever is gone by then cannot be attributed to a service. None
 * of them keeps the host alive. Only the first failure is reported; without the program, it is the only attempt.
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

/** Runs the program once; it ends after this has returned. */
function send(
  message: readonly string[],
  socket: string,
  onEnd: (failure: NodeJS.ErrnoException | undefined) => void,
): Child {
  debugService('%o', message);
  // Of the host's environment what it needs to be found: LD_PRELOAD and the like are for the host.
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
  // There is no stream where there was no descriptor left for one.
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
