import { inspect } from 'node:util';
import { isNativeError } from 'node:util/types';

/** An error as plain data. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly cause?: SerializedError;
  /** The first of those that an `AggregateError` stands for, as of a connection that every address has refused. */
  readonly errors?: readonly SerializedError[];
}

/*
 * Characters of a message and of a stack; of a name and a code, and of each text of an error that is one of several; how many causes and how many
 * of several there are. All together must be one line of the pipe, whatever they are made of.
 */
const MAX_TEXT = 8192;
const MAX_SHORT = 512;
const MAX_CAUSES = 4;
const MAX_PARTS = 4;
/** Said of what throws as soon as somebody looks at it. */
const UNREADABLE = 'thrown: an object whose properties cannot be read';

export function serializeError(thrown: unknown, depth = 0, most: number = MAX_TEXT): SerializedError {
  try {
    if (!(thrown instanceof Error)) return { name: 'Error', message: clip(`thrown: ${inspect(thrown)}`, most) };
    const { name, message, stack, cause, code } = thrown as NodeJS.ErrnoException;
    const parts = depth < MAX_CAUSES - 1 ? partsOf(thrown) : [];
    return {
      name: clip(String(name), MAX_SHORT),
      // Node gives none to the error of a connection that several addresses have refused.
      message: clip(String(message) || parts.map(wordOf).join('; '), most),
      ...(typeof stack === 'string' && { stack: clip(stack, most) }),
      ...(typeof code === 'string' && { code: clip(code, MAX_SHORT) }),
      ...(cause !== undefined && depth < MAX_CAUSES && { cause: serializeError(cause, depth + 1, most) }),
      ...(parts.length > 0 && { errors: parts }),
    };
  } catch {
    // A getter of the application's error class threw: the report must still go out.
    return { name: 'Error', message: UNREADABLE };
  }
}

/** What an `AggregateError` stands for. Many libraries keep something else in `errors`, as the values that they have refused, which are none of a log's business. */
function partsOf(thrown: Error): SerializedError[] {
  try {
    const { errors } = thrown as Partial<AggregateError>;
    if (!Array.isArray(errors)) return [];
    const parts = thrown instanceof AggregateError ? errors : errors.filter((error) => error instanceof Error);
    // With its cause, and nothing below that.
    return parts.slice(0, MAX_PARTS).map((error) => serializeError(error, MAX_CAUSES - 1, MAX_SHORT));
  } catch {
    return [];
  }
}

function wordOf({ name, message, code = name }: SerializedError): string {
  return message || code;
}

/*
 * What the application and the host throw may be anything: a getter, a proxy, a class that shows itself in a way of its own. To look at it may throw
 * again, where nobody expects it. So it is looked at by these alone.
 */

/** What it says, for a part of another message. */
export function messageOf(thrown: unknown): string {
  return looked(() => {
    if (thrown instanceof Error) return String(thrown.message) || serializeError(thrown).message;
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
  const own: Record<string, unknown> = { name: data.name };
  if (data.stack !== undefined) own['stack'] = data.stack;
  if (data.code !== undefined) own['code'] = data.code;
  if (data.errors !== undefined) own['errors'] = data.errors.map(reviveError);
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
