import { isRecord } from '../serialized-error.js';

/**
 * What a worker warns of. `connections`: all that it may hold were taken, and idle ones had to go; `slow-client`: a connection was cut
 * because a request waited for its client; `pipelining`: a client wanted more answers at once than are kept for it; `websocket`: a
 * client did not answer the close frame; `server`: something of an exported `http.Server` has no effect, or the application takes upgrades (WebSockets) in
 * a class that serves none; `drain`: answers had not come to
 * their end when the time of a drain was nearly over, and were ended; `descriptors`: clients' connections take nearly all descriptors that it may
 * have, or there were hardly any when it began; `exit`: the application ended the process, or the thread, by `process.exit`; `access-log`: lines of the access log are
 * lost, since they could not be written, or its file could not be opened anew; `proxy-protocol`: a connection of a trusted proxy was
 * closed, since it did not begin with the right header; `metrics`: numbers of its own that cannot be exported, or kept when it has ended; `listen`: a script of `prefork run`
 * has a further server listen, which is not bound, or an exported application listens by itself, which only one worker can; `term`: a drain waits for
 * the application's listeners of SIGTERM.
 */
export type WarningCode =
  | 'connections'
  | 'slow-client'
  | 'pipelining'
  | 'websocket'
  | 'server'
  | 'drain'
  | 'descriptors'
  | 'exit'
  | 'access-log'
  | 'proxy-protocol'
  | 'metrics'
  | 'listen'
  | 'term';
const CODES: readonly WarningCode[] = [
  'connections',
  'slow-client',
  'pipelining',
  'websocket',
  'server',
  'drain',
  'descriptors',
  'exit',
  'access-log',
  'proxy-protocol',
  'metrics',
  'listen',
  'term',
];

/** Something that an operator should know, and that ends nothing. */
export interface WorkerWarning {
  readonly code: WarningCode;
  /** One line. */
  readonly message: string;
  /** How many more of this code there have been since the last one was told: each is told once a minute at most. */
  readonly repeated?: number;
  /** The number of the thread, from 1. */
  readonly thread?: number;
  /** Where it comes from, innermost call first, one line each: of an `exit`. */
  readonly stack?: string;
}

export type WarningMessage = { readonly type: 'warning' } & WorkerWarning;

export function parseWarning(value: unknown): WarningMessage | undefined {
  if (!isRecord(value)) return undefined;
  const { message, repeated, thread, stack } = value;
  const code = CODES.find((name) => name === value['code']);
  if (code === undefined || typeof message !== 'string') return undefined;
  return {
    type: 'warning',
    ...{ code, message },
    ...(typeof repeated === 'number' && { repeated }),
    ...(typeof thread === 'number' && { thread }),
    ...(typeof stack === 'string' && { stack }),
  };
}
