import { ArbiterError } from '../errors.js';
import { isOf, type SerializedError, serializeError } from '../serialized-error.js';
import { printable } from './text.js';

/** The most lines of one stack. The watchdog's stacks have fewer; a message that contains a whole document has more. */
const MAX_LINES = 80;
const INDENT = '    ';
/** The first line of a stack whose error has no message of its own. */
const UNTITLED = /^[\w$]+(?: \[\w+\])?:?\s*$/;

/** The title of an error, in one line. */
export function errorTitle(thrown: unknown): string {
  const error = serializeError(thrown);
  if (!isOf(thrown, ArbiterError)) return title(error);
  return `${printable(firstLine(error.message))} (${thrown.code})`;
}

/** Where an error came from: its frames and its causes, as indented lines, without the title of the first one. */
export function errorLines(thrown: unknown): string[] {
  const error = serializeError(thrown);
  // The frames of this library's own errors are useless to a reader; their causes are not.
  const own = isOf(thrown, ArbiterError) ? [] : [...framesOf(error), ...partLines(error)];
  return [...own, ...causeLines(error.cause)];
}

/** The title and the lines below it. */
export function errorText(thrown: unknown): string {
  return [errorTitle(thrown), ...errorLines(thrown)].join('\n');
}

/** A stack as indented lines. */
export function stackLines(stack: string): string[] {
  const lines = stack.split('\n').filter((line) => line.trim() !== '');
  const shown = lines.slice(0, MAX_LINES).map((line) => INDENT + printable(line.trim()));
  return lines.length > MAX_LINES ? [...shown, `${INDENT}… ${lines.length - MAX_LINES} more lines`] : shown;
}

function causeLines(error: SerializedError | undefined): string[] {
  if (error === undefined) return [];
  return [`${INDENT}caused by: ${title(error)}`, ...framesOf(error), ...partLines(error), ...causeLines(error.cause)];
}

/** The lines of the errors that one error stands for. */
function partLines({ errors = [] }: SerializedError): string[] {
  return errors.flatMap((error) => [
    `${INDENT}one of them: ${title(error)}`,
    ...framesOf(error),
    ...causeLines(error.cause),
  ]);
}

/**
 * The stack of an error, without its first line if that is in the title. An error of another realm has its stack in its
 * message.
 */
function framesOf({ message, stack = message }: SerializedError): string[] {
  const [first = '', ...rest] = stack.split('\n');
  // The stack of a syntax error begins with the place in the source, which no frame contains.
  const isTitle = UNTITLED.test(first) || (first.endsWith(firstLine(message)) && !/^\s+at /.test(first));
  return stackLines(isTitle ? rest.join('\n') : stack);
}

function title({ name, message }: SerializedError): string {
  return printable(message === '' ? name : `${name}: ${firstLine(message)}`);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] as string;
}
