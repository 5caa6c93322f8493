/*
 * Messages of the host to the applications in its workers: a line each on the control pipe, and on the way back how far they have been heard. A
 * worker has a lane for each of its threads, and one if it has none. In a lane, messages come in their order, and are counted from 1.
 */

/** So many messages, and characters of JSON, may be under way in one direction between the Arbiter and one worker. */
export const ROOM: { readonly count: number; readonly size: number } = { count: 65_536, size: 16 << 20 };

/** A message on its way down. */
export interface Letter {
  /** The number of one thread; 0 for all, and for a worker that has none. */
  readonly thread: number;
  /** JSON. */
  readonly text: string;
}

const LETTER = 'message ';

export function encodeLetter({ thread, text }: Letter): string {
  return `${LETTER}${thread} ${text}\n`;
}

/** Undefined for a line that says something else. The text is as it was written. */
export function parseLetter(line: string): Letter | undefined {
  if (!line.startsWith(LETTER)) return undefined;
  const end = line.indexOf(' ', LETTER.length);
  const thread = Number(line.slice(LETTER.length, end));
  return end > LETTER.length && isCount(thread) ? { thread, text: line.slice(end + 1) } : undefined;
}

/** Why a message was not heard in a lane whose worker lives: nobody listened, or its thread has ended. */
export type Unheard = 'nobody' | 'thread';
const UNHEARD: readonly Unheard[] = ['nobody', 'thread'];

/** All messages of a lane up to that one, of which nothing had been said before, were heard, or were not. */
export interface Receipt {
  readonly type: 'heard';
  /** 0 in a worker without threads. */
  readonly thread: number;
  readonly to: number;
  readonly not?: Unheard;
}

/** Said before it is ready by a worker that has threads: so many lanes it has. */
export interface Lanes {
  readonly type: 'lanes';
  readonly count: number;
}

const MAX_LANES = 65_536;

/** Not JSON as all else that a worker says: there may be many. */
export function encodeMail(mail: Receipt | Lanes): string {
  if (mail.type === 'lanes') return `lanes ${mail.count}`;
  return `heard ${mail.thread} ${mail.to}${mail.not === undefined ? '' : ` ${mail.not}`}`;
}

/** Undefined for a line that says something else. */
export function parseMail(line: string): Receipt | Lanes | undefined {
  // Any other message begins with a brace, and may be long.
  if (!line.startsWith('heard ') && !line.startsWith('lanes ')) return undefined;
  const [type, ...words] = line.split(' ', 5);
  const [first = Number.NaN, second = Number.NaN] = words
    .slice(0, 2)
    .map((word) => (/^\d+$/.test(word) ? Number(word) : Number.NaN));
  if (type === 'lanes')
    return words.length === 1 && first > 0 && first <= MAX_LANES ? { type, count: first } : undefined;
  if (type !== 'heard' || !isCount(first) || !isCount(second) || words.length > 3) return undefined;
  const not = UNHEARD.find((why) => why === words[2]);
  if (words.length === 3 && not === undefined) return undefined;
  return { type, thread: first, to: second, ...(not && { not }) };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
