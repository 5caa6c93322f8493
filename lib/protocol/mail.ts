/*
 * Messages of the host to the applications in its workers. Each is a line on the control pipe; in the other direction,
 * receipts say up to which message they were heard, that is, their listeners were called. A worker has a lane for each
 * of its threads, or a single lane if it has no threads. In a lane, messages keep their order, and are counted from 1.
 */

/** How many messages, and characters of JSON, may be under way in one direction between the Arbiter and one worker. */
export const ROOM: { readonly count: number; readonly size: number } = { count: 65_536, size: 16 << 20 };

/** A message on its way to a worker. */
export interface Letter {
  /** The number of a thread, from 1. 0: all threads, or the worker itself if it has none. */
  readonly thread: number;
  /** The message as JSON. */
  readonly text: string;
}

const LETTER = 'message ';

export function encodeLetter({ thread, text }: Letter): string {
  return `${LETTER}${thread} ${text}\n`;
}

/** Returns undefined for any other line. The text is not parsed. */
export function parseLetter(line: string): Letter | undefined {
  if (!line.startsWith(LETTER)) return undefined;
  const end = line.indexOf(' ', LETTER.length);
  const thread = Number(line.slice(LETTER.length, end));
  return end > LETTER.length && isCount(thread) ? { thread, text: line.slice(end + 1) } : undefined;
}

/** Why a message was not heard although the worker lives: nobody listened, or the thread of its lane has ended. */
export type Unheard = 'nobody' | 'thread';
const UNHEARD: readonly Unheard[] = ['nobody', 'thread'];

/** All messages of a lane up to number `to`, after those of the last receipt, were heard; or, with `not`, were not. */
export interface Receipt {
  readonly type: 'heard';
  /** 0 in a worker without threads. */
  readonly thread: number;
  readonly to: number;
  readonly not?: Unheard;
}

/** Sent by a worker with threads before it is ready: how many lanes it has. */
export interface Lanes {
  readonly type: 'lanes';
  readonly count: number;
}

const MAX_LANES = 65_536;

/**
 * Encodes a receipt or the lanes. Unlike all other messages of a worker, they are not JSON: there may be many of them.
 */
export function encodeMail(mail: Receipt | Lanes): string {
  if (mail.type === 'lanes') return `lanes ${mail.count}`;
  return `heard ${mail.thread} ${mail.to}${mail.not === undefined ? '' : ` ${mail.not}`}`;
}

/** Returns undefined for any other line. */
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
