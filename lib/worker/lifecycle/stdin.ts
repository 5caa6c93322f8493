import childProcess, { ChildProcess, type StdioOptions } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { Readable } from 'node:stream';

type Stdio = StdioOptions | undefined;

/**
 * In a worker, fd 0 is the listening socket, and only the acceptor may use it.
 *
 * A child process that inherits it could take the connections of clients. Besides, libuv clears O_NONBLOCK on every
 * descriptor that a child inherits as 0, 1 or 2: all workers of the Arbiter would block in accept(2) until the next
 * client comes. `child_process.fork` inherits fd 0 by default. So wherever a child would inherit fd 0, it gets an empty
 * input instead.
 */
export function guardStdin(): void {
  Object.defineProperty(process, 'stdin', { configurable: true, enumerable: true, get: emptyInput });

  const prototype = ChildProcess.prototype as unknown as { spawn(options: { stdio?: Stdio }): unknown };
  const { spawn } = prototype;
  prototype.spawn = function (options) {
    return spawn.call(this, withoutSocket(options));
  };
  for (const name of ['spawnSync', 'execFileSync', 'execSync'] as const) {
    const original = childProcess[name] as (...args: unknown[]) => unknown;
    // The options are the last argument of all three.
    const guarded = (...args: unknown[]): unknown =>
      original(...args.map((arg) => (isOptions(arg) ? withoutSocket(arg) : arg)));
    Object.assign(childProcess, { [name]: guarded });
  }
  syncBuiltinESMExports();
}

let empty: Readable | undefined;
function emptyInput(): Readable {
  empty ??= Object.assign(Readable.from([]), { fd: -1, isTTY: false });
  return empty;
}

function isOptions(value: unknown): value is { stdio?: Stdio } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The options, with 'ignore' wherever the child would get fd 0. */
export function withoutSocket<T extends { stdio?: Stdio }>(options: T): T {
  const { stdio } = options;
  if (stdio === 'inherit') return { ...options, stdio: ['ignore', 'inherit', 'inherit'] };
  if (!Array.isArray(stdio)) return options;
  const guarded = stdio.map((entry, index) => {
    const inherits =
      entry === 0 ||
      (entry as { fd?: unknown } | null | undefined)?.fd === 0 ||
      (entry === 'inherit' && index === 0) ||
      entry === process.stdin;
    return inherits ? 'ignore' : entry;
  });
  return { ...options, stdio: guarded };
}
