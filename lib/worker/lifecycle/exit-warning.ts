import type { WarningMessage } from '../../protocol/warning.js';

/** Frames of the stack of an exit. */
const FRAMES = 50;

/** Tells that the application has ended the process, or the thread, and how many requests had no answer. Called by its `'exit'`. */
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

/** Whoever reads only this log sees no reason otherwise. */
const OWN_WORDS = ': what the application says of it is in its own output';

function lossText(active: number): string {
  const what = active === 1 ? 'a request was' : `${active} requests were`;
  return ` while ${what} in flight: 500 where nothing had been sent, else broken off`;
}

/** The event comes from within the call; undefined of an end without one. */
function stackOfExit(): string | undefined {
  const { stackTraceLimit, prepareStackTrace } = Error;
  // What the application, or a library of it, makes of a stack may be anything. Where somebody has frozen it, nothing is set, and nothing thrown.
  Reflect.set(Error, 'stackTraceLimit', FRAMES);
  Reflect.set(Error, 'prepareStackTrace', undefined);
  const frames = framesOf(new Error());
  Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  Reflect.set(Error, 'prepareStackTrace', prepareStackTrace);
  const exit = frames.findLastIndex((frame) => /\bprocess\.exit \(node:/.test(frame));
  return exit < 0 ? undefined : frames.slice(exit + 1).join('\n');
}

/** None where the application makes something else of a stack, and has frozen that. */
function framesOf(error: Error): string[] {
  try {
    const { stack }: { readonly stack?: unknown } = error;
    return typeof stack === 'string' ? stack.split('\n').slice(1) : [];
  } catch {
    return [];
  }
}
