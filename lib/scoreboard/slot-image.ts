import { endianness } from 'node:os';
import { type SlotRecord, type SlotRequest, type SlotRoom, type SlotState, STATE } from './slot-record.js';
import { readTimes, TIMES_TAIL, TimesImage } from './slot-times.js';

/*
 * The layout of one slot of the scoreboard, and nothing else. One `pwrite` stores a record, but a reader may
 * see half of the write. So the header has its sequence number at both ends. A request has the number of the
 * write that stored it twice: in the header, and in the word behind the request.
 */

/** Bytes from one slot to the next. A slot is read at once, and never lies in two pages of memory. */
export const SLOT_SIZE = 512;
/** Bytes of the part that every write stores. The fewer, the cheaper the write. */
export const HEADER_SIZE = 248;

const STATES: readonly number[] = Object.values(STATE);

/*
 * | bytes   | content                                                | names                | written                 |
 * |---------|--------------------------------------------------------|----------------------|-------------------------|
 * | 0–79    | sequence number, pid, state, load, beat, counters,     | WORD, FLOAT, SINGLE  | always                  |
 * |         | utilisation, patience, whether there is room           |                      |                         |
 * | 80–95   | for how long there was room, and when that was         | FLOAT.FREE, .FREE_AT | always                  |
 * | 96–247  | two histograms, see slot-times.ts; the sequence number | TIMES, WORD.SEQ_END  | always                  |
 * |         | once more                                              |                      |                         |
 * | 248–423 | the request: start, the lengths of method, id and URL, | STARTED_AT to        | with a start            |
 * |         | the three texts; the number of its write               | REQUEST_SEQ_END      |                         |
 * | 424–491 | the upper halves of the counts of the histograms, and  | FULL_SIZE on         | only once a count has   |
 * |         | their overflows                                        |                      | overflowed, then always |
 * | 492–495 | how many messages of the application the worker has    | SENT_OFFSET          | by itself, while        |
 * |         | accepted for sending                                   |                      | they wait               |
 *
 * In native byte order: a board never leaves its machine.
 */

/** Indices of 32 bit words. */
const WORD = {
  SEQ: 0,
  PID: 1,
  STATE: 2,
  ACTIVE: 3,
  CONNECTIONS: 4,
  EXIT: 5,
  ABANDONED: 15,
  REQUEST_SEQ: 18,
  ROOM: 19,
  SEQ_END: HEADER_SIZE / 4 - 1,
};
/** Indices of 64 bit floats. */
const FLOAT = { BEAT: 3, REQUESTS: 4, ERRORS: 5, RSS: 6, PATIENCE: 8, FREE: 10, FREE_AT: 11 };
/** Index of a 32 bit float. It takes half of a 64 bit place; the rarely written ABANDONED has the other half. */
const SINGLE = { ELU: 14 };
/** NONE: there is no acceptor. FULL: it has no room. OPEN: it has room. */
const ROOM = { NONE: 0, FULL: 1, OPEN: 2 };
// The following constants are offsets in bytes.
const TIMES = 96;
const STARTED_AT = HEADER_SIZE;
const METHOD_LENGTH = STARTED_AT + 8;
const ID_LENGTH = METHOD_LENGTH + 1;
const URL_LENGTH = METHOD_LENGTH + 2;
const TEXT = URL_LENGTH + 2;
const MAX_METHOD = 20;
const MAX_ID = 64;
const MAX_URL = 140;
const REQUEST_SEQ_END = TEXT + MAX_METHOD + MAX_URL;
/** Bytes of a write that stores a request. */
const FULL_SIZE = REQUEST_SEQ_END + 4;
const TIMES_END = FULL_SIZE + TIMES_TAIL;
/** The count here is written by itself, only when messages have to wait. */
export const SENT_OFFSET: number = TIMES_END;
const CUT = '...';
const LITTLE_ENDIAN = endianness() === 'LE';

/**
 * The worker's side: fields are set one by one, then {@link SlotImage.header} or {@link SlotImage.full} seals a write.
 */
export class SlotImage {
  readonly bytes: Buffer;
  readonly times: TimesImage;
  readonly #words: Uint32Array;
  readonly #floats: Float64Array;
  readonly #singles: Float32Array;
  /** The texts of the request that the image holds. */
  #method = '';
  #url: string | undefined;
  #id = '';

  /** @param memory - {@link SLOT_SIZE} bytes; shared, if another thread is to read the image. */
  constructor(memory: ArrayBuffer | SharedArrayBuffer = new ArrayBuffer(SLOT_SIZE)) {
    this.bytes = Buffer.from(memory);
    this.#words = new Uint32Array(memory, 0, HEADER_SIZE / 4);
    this.#floats = new Float64Array(memory);
    this.#singles = new Float32Array(memory, 0, HEADER_SIZE / 4);
    this.times = new TimesImage(memory, TIMES, FULL_SIZE);
  }

  setPid(pid: number): void {
    this.#words[WORD.PID] = pid;
  }

  setState(state: SlotState): void {
    this.#words[WORD.STATE] = state;
  }

  setLoad(active: number, connections: number): void {
    this.#words[WORD.ACTIVE] = active;
    this.#words[WORD.CONNECTIONS] = connections;
  }

  setExitCode(code: number): void {
    this.#words[WORD.EXIT] = code + 1;
  }

  setCounters(requests: number, errors: number, abandoned: number): void {
    this.#floats[FLOAT.REQUESTS] = requests;
    this.#floats[FLOAT.ERRORS] = errors;
    this.#words[WORD.ABANDONED] = abandoned;
  }

  setBeat(now: number, rss: number, elu: number): void {
    this.#floats[FLOAT.BEAT] = now;
    this.#floats[FLOAT.RSS] = rss;
    this.#singles[SINGLE.ELU] = elu;
  }

  /** Until that time of `monotonic()`, a missing heartbeat does not count. */
  setPatience(until: number): void {
    this.#floats[FLOAT.PATIENCE] = until;
  }

  setRoom({ free, at, open }: SlotRoom): void {
    this.#words[WORD.ROOM] = open ? ROOM.OPEN : ROOM.FULL;
    this.#floats[FLOAT.FREE] = free;
    this.#floats[FLOAT.FREE_AT] = at;
  }

  get startedAt(): number {
    return this.#floats[STARTED_AT / 8] as number;
  }

  setRequest(method: string, url: string, startedAt: number, id = ''): void {
    const { bytes } = this;
    this.#floats[STARTED_AT / 8] = startedAt;
    // Skips the calls into native code below: under load, many requests are alike.
    if (method === this.#method && url === this.#url && id === this.#id) return;
    this.#method = method;
    this.#url = url;
    this.#id = id;
    const methodLength = bytes.write(method, TEXT, MAX_METHOD, 'latin1');
    const idLength = id === '' ? 0 : bytes.write(id, TEXT + methodLength, MAX_ID, 'latin1');
    const start = TEXT + methodLength + idLength;
    const most = MAX_URL - idLength;
    const urlLength = bytes.write(url, start, most, 'latin1');
    if (url.length > most) bytes.write(CUT, start + most - CUT.length, 'latin1');
    bytes[METHOD_LENGTH] = methodLength;
    bytes[ID_LENGTH] = idLength;
    bytes.writeUInt16LE(urlLength, URL_LENGTH);
  }

  /** Seals a write of the header alone and returns its length. */
  header(): number {
    const seq = ((this.#words[WORD.SEQ] as number) + 1) >>> 0;
    this.#words[WORD.SEQ] = seq;
    this.#words[WORD.SEQ_END] = seq;
    return this.times.overflows ? TIMES_END : HEADER_SIZE;
  }

  /** Seals a write of header and request and returns its length. */
  full(): number {
    this.header();
    const seq = this.#words[WORD.SEQ] as number;
    this.#words[WORD.REQUEST_SEQ] = seq;
    this.bytes.writeUInt32LE(seq, REQUEST_SEQ_END);
    return this.times.overflows ? TIMES_END : FULL_SIZE;
  }
}

/** The master's side: the record in a slot, or undefined for an empty, torn or nonsensical one. */
export function readSlot(bytes: Buffer): SlotRecord | undefined {
  const word = (index: number): number => readWord(bytes, index * 4);
  const float = (index: number): number => readFloat(bytes, index * 8);
  const state = word(WORD.STATE);
  if (state === STATE.EMPTY || !STATES.includes(state) || word(WORD.SEQ) !== word(WORD.SEQ_END)) return undefined;
  const times = readTimes(bytes, TIMES, FULL_SIZE, LITTLE_ENDIAN);
  if (times === undefined) return undefined;
  const room = word(WORD.ROOM);
  const exit = word(WORD.EXIT);
  const active = word(WORD.ACTIVE);
  return {
    pid: word(WORD.PID),
    state: state as SlotState,
    active,
    connections: word(WORD.CONNECTIONS),
    exitCode: exit === 0 ? undefined : exit - 1,
    beat: float(FLOAT.BEAT),
    requests: float(FLOAT.REQUESTS),
    errors: float(FLOAT.ERRORS),
    abandoned: word(WORD.ABANDONED),
    rss: float(FLOAT.RSS),
    elu: readSingle(bytes, SINGLE.ELU * 4),
    patientUntil: float(FLOAT.PATIENCE),
    request: active > 0 ? readRequest(bytes, word(WORD.REQUEST_SEQ)) : undefined,
    ...times,
    sent: readWord(bytes, SENT_OFFSET),
    room:
      room === ROOM.NONE ? undefined : { free: float(FLOAT.FREE), at: float(FLOAT.FREE_AT), open: room === ROOM.OPEN },
  };
}

function readRequest(bytes: Buffer, seq: number): SlotRequest | undefined {
  const methodLength = bytes[METHOD_LENGTH] as number;
  const idLength = bytes[ID_LENGTH] as number;
  const urlLength = bytes.readUInt16LE(URL_LENGTH);
  const idStart = TEXT + methodLength;
  const urlStart = idStart + idLength;
  if (methodLength > MAX_METHOD || idLength + urlLength > MAX_URL || bytes.readUInt32LE(REQUEST_SEQ_END) !== seq)
    return undefined;
  return {
    method: bytes.toString('latin1', TEXT, idStart),
    url: bytes.toString('latin1', urlStart, urlStart + urlLength),
    startedAt: readFloat(bytes, STARTED_AT),
    ...(idLength > 0 && { id: bytes.toString('latin1', idStart, urlStart) }),
  };
}

function readWord(bytes: Buffer, offset: number): number {
  return LITTLE_ENDIAN ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset);
}

function readSingle(bytes: Buffer, offset: number): number {
  return LITTLE_ENDIAN ? bytes.readFloatLE(offset) : bytes.readFloatBE(offset);
}

function readFloat(bytes: Buffer, offset: number): number {
  return LITTLE_ENDIAN ? bytes.readDoubleLE(offset) : bytes.readDoubleBE(offset);
}
