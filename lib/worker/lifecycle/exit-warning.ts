import type { WarningMessage } from '../../protocol/warning.js';

/** Frames of the stack of an exit. */
const FRAMES = 50;

/** Tells that the application has ended the process, or the thread, though `active` requests had no answer. Called by its `'exit'`. */
export function exitWarning(code: number, active: number, thread: number | undefined): WarningMessage {
  const what = active === 1 ? 'a request was' : `${active} requests were`;
  const stack = stackOfExit();
  return {
    type: 'warning',
    code: 'exit',
    message: `process.exit(${code}) was called while ${what} in flight: 500 where nothing had been sent, else broken off`,
    ...(stack !== '' && { stack }),
    ...(thread !== undefined && { thread }),
  };
}

/** The event comes from within the call. */
function stackOfExit(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = FRAMES;
  const frames = new Error().stack?.split('\n').slice(1) ?? [];
  Error.stackTraceLimit = stackTraceLimit;
  const exit = frames.findLastIndex((frame) => /\bprocess\.exit \(node:/.test(frame));
  return frames.slice(exit + 1).join('\n');
}
