import { inspect } from 'node:util';
import { isNativeError } from 'node:util/types';

/** An error as plain data. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly cause?: SerializedError;
  /** The first errors of an `AggregateError`, for example of a connection that every address has refused. */
  readonly errors?: readonly SerializedError[];
}

/*
 * MAX_TEXT: characters of a message and of a stack. MAX_SHORT: characters of a name and a code, and of each text of an
 * error in `errors`. MAX_CAUSES: length of the chain of causes. MAX_PARTS: how many of `errors` are kept. All together
 * must fit into one line of the pipe, whatever characters they have.
 */
const MAX_TEXT = 8192;
const MAX_SHORT = 512;
const MAX_CAUSES = 4;
const MAX_PARTS = 4;
/** The text for a thrown object whose properties throw when they are read. */
const UNREADABLE = 'thrown: an object whose properties cannot be read';

export function serializeError(thrown: unknown, depth = 0, most: number = MAX_TEXT): SerializedError {
  try {
    if (!(thrown instanceof Error)) return { name: 'Error', message: clip(`thrown: ${inspect(thrown)}`, most) };
    const { name, message, stack, cause, code } = thrown as NodeJS.ErrnoException;
    const parts = depth < MAX_CAUSES - 1 ? partsOf(thrown) : [];
    return {
      name: clip(String(name), MAX_SHORT),
      // Node's error for a connection that several addresses have refused has an empty message.
      message: clip(String(message) || parts.map(wordOf).join('; '), most),
      ...(typeof stack === 'string' && { stack: clip(stack, most) }),
      ...(typeof code === 'string' && { code: clip(code, MAX_SHORT) }),
      ...(cause !== undefined && depth < MAX_CAUSES && { cause: serializeError(cause, depth + 1, most) }),
      ...(parts.length > 0 && { errors: parts }),
    };
  } catch {
    // A getter of the application's error class threw. The report must still go out.
    return { name: 'Error', message: UNREADABLE };
  }
}

/**
 * The errors that an `AggregateError`, or another error with `errors`, stands for. Many libraries keep something else
 * in `errors`, such as the values that they have refused, which do not belong in a log.
 */
function partsOf(thrown: Error): SerializedError[] {
  try {
    const { errors } = thrown as Partial<AggregateError>;
    if (!Array.isArray(errors)) return [];
    const parts = thrown instanceof AggregateError ? errors : errors.filter((error) => error instanceof Error);
    // At this depth, an error keeps its cause, and nothing below that.
    return parts.slice(0, MAX_PARTS).map((error) => serializeError(error, MAX_CAUSES - 1, MAX_SHORT));
  } catch {
    return [];
  }
}

function wordOf({ name, message, code = name }: SerializedError): string {
  return message || code;
}

/*
 * The application and the host may throw anything: an object with getters, a proxy, a class with its own way to be
 * inspected. Even reading it may throw again, where nobody expects that. So only the following functions, and
 * serializeError(), read what was thrown.
 */

/** The message of what was thrown, to be a part of another message. */
export function messageOf(thrown: unknown): string {
  return looked(() => {
    if (thrown instanceof Error) return String(thrown.message) || serializeError(thrown).message;
    return typeof thrown === 'object' && !isNativeError(thrown) ? inspect(thrown) : String(thrown);
  });
}

/** Like `instanceof`, but does not throw for a revoked proxy. */
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
  const own: Record<string, unknown> = { name: data.name };
  if (data.stack !== undefined) own['stack'] = data.stack;
  if (data.code !== undefined) own['code'] = data.code;
  if (data.errors !== undefined) own['errors'] = data.errors.map(reviveError);
  for (const [key, value] of Object.entries(own)) {
    Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: key === 'code' });
  }
  return error;
}

/** Checks a value that was parsed from JSON. Returns undefined if it is not a serialized error. */
export function parseError(value: unknown, depth = 0): SerializedError | undefined {
  if (!isRecord(value) || depth > MAX_CAUSES) return undefined;
  const { name, message, stack, code } = value;
  if (typeof name !== 'string' || typeof message !== 'string') return undefined;
  const cause = parseError(value['cause'], depth + 1);
  const errors = depth < MAX_CAUSES - 1 ? parseParts(value['errors']) : [];
  return {
    name,
    message,
    ...(typeof stack === 'string' && { stack }),
    ...(typeof code === 'string' && { code }),
    ...(cause !== undefined && { cause }),
    ...(errors.length > 0 && { errors }),
  };
}

function parseParts(value: unknown): SerializedError[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MAX_PARTS).flatMap((part) => parseError(part, MAX_CAUSES - 1) ?? []);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function clip(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
