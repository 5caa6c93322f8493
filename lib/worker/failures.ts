import type { BootPhase, FailedMessage } from '../protocol/messages.js';
import { isOf, messageOf, serializeError } from '../serialized-error.js';
import { explained } from './own-script.js';

/** Listening failed; `socket` is the index of the address in `bind`. */
export class ListenError extends Error {
  readonly socket: number;
  constructor(socket: number, cause: Error) {
    super(cause.message, { cause });
    this.socket = socket;
  }
}

/** The application is not something that the worker class can serve. */
export class AppError extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

/** A boot failure that a thread has reported already. */
export class ReportedFailure extends Error {
  readonly report: FailedMessage;
  constructor(report: FailedMessage) {
    super(report.error.message);
    this.report = report;
  }
}

/** The message that tells the master of a boot failure. */
export function failureReport(error: unknown, phase: BootPhase): FailedMessage {
  if (isOf(error, ReportedFailure)) return error.report;
  const failed = { type: 'failed', phase, error: explained(error) } as const;
  if (isOf(error, AppError)) return { ...failed, phase: 'load', error: explained(error.cause) };
  if (!isOf(error, ListenError)) return failed;
  return { ...failed, phase: 'bind', error: serializeError(error.cause), socket: error.socket };
}
