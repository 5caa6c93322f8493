import type { WarningMessage } from '../../protocol/warning.js';

/** How many stack frames are taken at an exit. */
const FRAMES = 50;

/**
 * The warning that the application has ended the process, or the thread, with the number of requests that had no
 * answer. To be called on `'exit'`.
 */
export function exitWarning(code: number, active: number, thread: number | undefined): WarningMessage {
  const stack = stackOfExit();
  const how =
    stack === undefined ? `the application ended it with exit code ${code}` : `process.exit(${code}) was called`;
  return {
    type: 'warning',
    code: 'exit',
    message: active > 0 ? how + lossText(active) : `${how}${OWN_WORDS}`,
    ...(stack && { stack }),
    ...(thread !== undefined && { thread }),
  };
}

/** The log of this library does not show why the application exits, so the message says where to look. */
const OWN_WORDS = ': what the application says of it is in its own output';

function lossText(active: number): string {
  const what = active === 1 ? 'a request was' : `${active} requests were`;
  return ` while ${what} in flight: 500 where nothing had been sent, else broken off`;
}

/**
 * The stack of the call of `process.exit()`, which emits `'exit'` synchronously. Undefined if the process ends without
 * that call.
 */
function stackOfExit(): string | undefined {
  const { stackTraceLimit, prepareStackTrace } = Error;
  // The application, or a library of it, may have changed how stacks are made. `Reflect.set` does not throw, even if
  // these properties of `Error` are frozen.
  Reflect.set(Error, 'stackTraceLimit', FRAMES);
  Reflect.set(Error, 'prepareStackTrace', undefined);
  const frames = framesOf(new Error());
  Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  Reflect.set(Error, 'prepareStackTrace', prepareStackTrace);
  const exit = frames.findLastIndex((frame) => /\bprocess\.exit \(node:/.test(frame));
  return exit < 0 ? undefined : frames.slice(exit + 1).join('\n');
}

/** Empty if the application makes something else of a stack and has frozen `Error.prepareStackTrace`. */
function framesOf(error: Error): string[] {
  try {
    const { stack }: { readonly stack?: unknown } = error;
    return typeof stack === 'string' ? stack.split('\n').slice(1) : [];
  } catch {
    return [];
  }
}
