import { isRecord } from '../serialized-error.js';

/**
 * What a worker warns of.
 *
 * - `connections`: the worker held as many connections as it may, and closed idle ones.
 * - `slow-client`: a connection was cut because a request waited for its client.
 * - `pipelining`: a client wanted more answers at once than are kept for it.
 * - `websocket`: a client did not answer the close frame.
 * - `server`: a setting of an exported `http.Server` has no effect, or the application takes upgrades (WebSockets) in a
 *   class that serves none.
 * - `drain`: answers had not come to their end when the time of a drain was nearly over, and were ended.
 * - `descriptors`: clients' connections take nearly all file descriptors that the worker may have, or there were hardly
 *   any when it began.
 * - `exit`: the application ended the process, or the thread, by `process.exit`.
 * - `access-log`: lines of the access log are lost, since they could not be written, or its file could not be reopened.
 * - `proxy-protocol`: a connection of a trusted proxy was closed, since it did not begin with the right header.
 * - `metrics`: metrics of the application cannot be exported, or cannot be kept when the worker has ended.
 * - `listen`: a script of `prefork run` has a further server listen, which is not bound, or an exported application
 *   listens by itself, which only one worker can.
 * - `term`: a drain waits for the application's listeners of SIGTERM.
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

/** Something that an operator should know. The warning itself ends nothing. */
export interface WorkerWarning {
  readonly code: WarningCode;
  /** One line. */
  readonly message: string;
  /**
   * How many more warnings of this code there were since the last one was reported: each code is reported once a minute
   * at most.
   */
  readonly repeated?: number;
  /** The number of the thread, from 1. */
  readonly thread?: number;
  /** For an `exit`: the stack of the call, innermost call first, one line each. */
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
