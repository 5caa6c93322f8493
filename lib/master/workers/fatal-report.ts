import { debugWorker } from '../../debug.js';
import type { SerializedError } from '../../serialized-error.js';
import { closeQuietly, files } from '../../system/files.js';
import { workerName } from '../common/names.js';
import { openUnlinked } from '../common/unlinked.js';

/**
 * Where a worker process leaves Node's diagnostic report when V8 ends it. No JavaScript runs then, so the worker cannot
 * tell the master itself. It is a file without a name, one for each worker, which inherits it.
 */
export interface FatalReport {
  /** Undefined where no file could be opened. */
  readonly fd: number | undefined;
  /** What ended the process, if it left a report. Call it once, when the process has ended: it closes the file. */
  take(id: number): FatalWords | undefined;
}

export interface FatalWords {
  readonly error: SerializedError;
  /** The thread in which it happened, by Node's number; 0 is the main thread. */
  readonly threadId: number;
}

/**
 * How much of a report is read. What matters comes first; the report ends with all handles of the process and its
 * environment. Bytes.
 */
const HEAD_SIZE = 64 * 1024;

export function openFatalReport(): FatalReport {
  let fd: number | undefined;
  try {
    fd = openUnlinked();
    // The worker opens the file anew by its descriptor, and may run as another user by then. Nobody else can open it.
    files.fchmodSync(fd, 0o666);
  } catch (error) {
    // Perhaps there are no more descriptors. What the report would have said is on standard error too.
    debugWorker('no file for a report: %o', error);
  }
  return {
    fd,
    take(id) {
      if (fd === undefined) return undefined;
      const head = Buffer.alloc(HEAD_SIZE);
      let length = 0;
      try {
        length = files.readSync(fd, head, 0, HEAD_SIZE, 0);
      } catch (error) {
        // The exit is reported all the same.
        debugWorker('no report: %o', error);
      }
      closeQuietly(fd);
      const text = head.toString('utf8', 0, length);
      const error = parseFatalReport(text, id);
      const threadId = field(text, 'threadId');
      return error && { error, threadId: typeof threadId === 'number' ? threadId : 0 };
    },
  };
}

/**
 * The error in a report. The end of the report may be missing: it may be long, and a process may be killed while it
 * writes. Undefined for anything else, since a worker can write there what it likes.
 */
export function parseFatalReport(head: string, id: number): SerializedError | undefined {
  const trigger = field(head, 'trigger');
  const event = field(head, 'event');
  if (typeof event !== 'string') return undefined;
  if (trigger === 'OOMError') {
    const limit = field(head, 'memoryLimit');
    const megabytes = typeof limit === 'number' ? ` (heap limit: ${Math.round(limit / 2 ** 20)} MB)` : '';
    return described(`${workerName(id)} ran out of memory: ${event}${megabytes}`, 'ERR_WORKER_OUT_OF_MEMORY', []);
  }
  return trigger === 'FatalError'
    ? described(`${workerName(id)} ended by a fatal error: ${event}`, 'ERR_WORKER_FATAL', stackOf(head))
    : undefined;
}

function described(message: string, code: string, frames: readonly string[]): SerializedError {
  const stack = [`Error: ${message}`, ...frames.map((frame) => `    ${frame}`)].join('\n');
  return { name: 'Error', message, code, stack };
}

/** The first string or number of that name. */
function field(head: string, name: string): unknown {
  const [, value] = new RegExp(`"${name}":\\s*("(?:[^"\\\\]|\\\\.)*"|\\d+)`).exec(head) ?? [];
  return value === undefined ? undefined : parse(value);
}

function stackOf(head: string): string[] {
  const start = head.indexOf('"javascriptStack"');
  const end = head.indexOf('"javascriptHeap"', start);
  if (start < 0 || end < 0) return [];
  const { javascriptStack } = (parse(`{${head.slice(start, end).trimEnd().replace(/,$/, '')}}`) ?? {}) as {
    readonly javascriptStack?: { readonly stack?: unknown } | null;
  };
  const stack = javascriptStack?.stack;
  return Array.isArray(stack) ? stack.filter((frame) => typeof frame === 'string') : [];
}

/** Undefined for what is not JSON: an unknown escape, or a number that begins with 0. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
