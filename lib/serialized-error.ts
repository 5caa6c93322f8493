import { inspect } from 'node:util';
import { isNativeError } from 'node:util/types';

/** An error as plain data. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly cause?: SerializedError;
}

const MAX_TEXT = 8192;
const MAX_CAUSES = 4;
/** Said of what throws as soon as somebody looks at it. */
const UNREADABLE = 'thrown: an object whose properties cannot be read';

export function serializeError(thrown: unknown, depth = 0): SerializedError {
  try {
    if (!(thrown instanceof Error)) return { name: 'Error', message: clip(`thrown: ${inspect(thrown)}`) };
    const { name, message, stack, cause } = thrown;
    const code = (thrown as NodeJS.ErrnoException).code;
    return {
      name: clip(String(name)),
      message: clip(String(message)),
      ...(typeof stack === 'string' && { stack: clip(stack) }),
      ...(typeof code === 'string' && { code: clip(code) }),
      ...(cause !== undefined && depth < MAX_CAUSES && { cause: serializeError(cause, depth + 1) }),
    };
  } catch {
    // A getter of the application's error class threw: the report must still go out.
    return { name: 'Error', message: UNREADABLE };
  }
}

/*
 * What the application and the host throw may be anything: a getter, a proxy, a class that shows itself in a way of its own. To look at it may throw
 * again, where nobody expects it. So it is looked at by these alone.
 */

/** Its stack, or what else there is to be seen of it; for whoever reads standard error. */
export function shown(thrown: unknown): string {
  return looked(() => (thrown instanceof Error && thrown.stack ? String(thrown.stack) : inspect(thrown)));
}

/** What it says, for a part of another message. */
export function messageOf(thrown: unknown): string {
  return looked(() => {
    if (thrown instanceof Error) return String(thrown.message);
    return typeof thrown === 'object' && !isNativeError(thrown) ? inspect(thrown) : String(thrown);
  });
}

/** As `instanceof`, which throws at a proxy that has been revoked. */
export function isOf<Kind>(thrown: unknown, kind: new (...args: never[]) => Kind): thrown is Kind {
  try {
    return thrown instanceof kind;
  } catch {
    return false;
  }
}

function looked(look: () => string): string {
  try {
    return look();
  } catch {
    return UNREADABLE;
  }
}

export function reviveError(data: SerializedError): Error {
  const error = new Error(data.message, data.cause === undefined ? undefined : { cause: reviveError(data.cause) });
  const own: Record<string, string> = { name: data.name };
  if (data.stack !== undefined) own['stack'] = data.stack;
  if (data.code !== undefined) own['code'] = data.code;
  for (const [key, value] of Object.entries(own)) {
    Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: key === 'code' });
  }
  return error;
}

/** The error in what came out of JSON, or undefined. */
export function parseError(value: unknown, depth = 0): SerializedError | undefined {
  if (!isRecord(value) || depth > MAX_CAUSES) return undefined;
  const { name, message, stack, code } = value;
  if (typeof name !== 'string' || typeof message !== 'string') return undefined;
  const cause = parseError(value['cause'], depth + 1);
  return {
    name,
    message,
    ...(typeof stack === 'string' && { stack }),
    ...(typeof code === 'string' && { code }),
    ...(cause !== undefined && { cause }),
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function clip(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
