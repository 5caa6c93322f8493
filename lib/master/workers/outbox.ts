import { Fifo } from '../../protocol/fifo.js';
import { encodeLetter, type Letter, type Receipt, ROOM, type Unheard } from '../../protocol/mail.js';

/**
 * Why a message was not heard, in one lane or in all. A lane leads to one thread, or to a worker without threads.
 * `absent`: there is no thread of that number.
 */
export interface Loss {
  readonly why: Unheard | 'absent' | 'ended';
  /** The threads in which it was not heard; 0 for a worker without threads. Empty where the worker has ended. */
  readonly threads: readonly number[];
  /** Whether a listener there may have got it nevertheless. */
  readonly unsure: boolean;
}

/** Called once; with undefined when the message was heard in all lanes that it was for. */
export type OnSettled = (loss: Loss | undefined) => void;

interface Entry extends Letter {
  readonly onSettled: OnSettled;
  /** Its place in the order in which they were posted. */
  readonly order: number;
  /** How many lanes have not said yet what became of it. */
  open: number;
  loss: Loss | undefined;
}

/** What has been written to the pipe for one thread, and has not been settled. */
class Lane {
  readonly pending = new Fifo<Entry>();
  settled = 0;
}

/**
 * The messages for one worker, from the call that sends one until the worker says whether it was heard. The outbox
 * holds, in order, what the pipe has not taken yet. Its limit counts all messages that are not settled, wherever they
 * are, so no layer below needs a limit of its own. No I/O.
 *
 * A message is settled once: when all its lanes have said what became of it, or when the worker has ended, whichever is
 * first.
 */
export class Outbox {
  readonly #unsent = new Fifo<Entry>();
  #lanes: readonly Lane[] = [];
  /** The number of the first lane: 0 in a worker without threads. */
  #first = 0;
  #threads = 0;
  #opened = false;
  #closed = false;
  #posted = 0;
  #count = 0;
  #size = 0;

  /** The worker has so many threads. It says so before the outbox is opened; later calls are ignored. */
  setThreads(count: number): void {
    if (!this.#opened) this.#threads = count;
  }

  /** The worker can hear messages from now on. What was posted before has waited for that. */
  open(): void {
    if (this.#opened) return;
    this.#opened = true;
    this.#first = this.#threads === 0 ? 0 : 1;
    this.#lanes = Array.from({ length: this.#threads || 1 }, () => new Lane());
  }

  /** Returns false, and does nothing, where there is no room. */
  post(letter: Letter, onSettled: OnSettled): boolean {
    const size = letter.text.length;
    if (this.#count >= ROOM.count || this.#size + size > ROOM.size) return false;
    this.#count++;
    this.#size += size;
    const entry: Entry = { ...letter, onSettled, order: this.#posted++, open: 0, loss: undefined };
    if (this.#closed) this.#settle(entry, { why: 'ended', threads: [], unsure: false });
    else this.#unsent.push(entry);
    return true;
  }

  /**
   * Lines for the pipe, about `most` characters of them; undefined when there is nothing to write, or the outbox is not
   * open yet.
   */
  next(most: number): string | undefined {
    if (!this.#opened) return undefined;
    let lines = '';
    while (lines.length < most) {
      const entry = this.#unsent.shift();
      if (entry === undefined) break;
      const lanes = this.#lanesOf(entry.thread);
      if (lanes.length === 0) {
        this.#settle(entry, { why: 'absent', threads: [entry.thread], unsure: false });
        continue;
      }
      entry.open = lanes.length;
      for (const lane of lanes) lane.pending.push(entry);
      lines += encodeLetter(entry);
    }
    return lines === '' ? undefined : lines;
  }

  /** What a worker reports of a lane. The report may be nonsense, but it cannot settle what was not sent. */
  take({ thread, to, not }: Receipt): void {
    const lane = this.#lanes[thread - this.#first];
    while (lane !== undefined && lane.settled < to) {
      const entry = lane.pending.shift();
      if (entry === undefined) return;
      lane.settled++;
      if (not !== undefined) entry.loss = joined(entry.loss, { why: not, threads: [thread], unsure: not === 'thread' });
      if (--entry.open === 0) this.#settle(entry, entry.loss);
    }
  }

  /** The worker has ended, and its last words have been read. */
  close(): void {
    this.#closed = true;
    const sent = new Set<Entry>();
    for (const { pending } of this.#lanes)
      for (let entry = pending.shift(); entry; entry = pending.shift()) sent.add(entry);
    // An entry may be pending in several lanes, but is settled once; hence the set. One lane may be ahead of another.
    for (const entry of [...sent].sort((a, b) => a.order - b.order))
      this.#settle(entry, { why: 'ended', threads: [], unsure: true });
    for (let entry = this.#unsent.shift(); entry; entry = this.#unsent.shift())
      this.#settle(entry, { why: 'ended', threads: [], unsure: false });
  }

  #lanesOf(thread: number): readonly Lane[] {
    if (thread === 0) return this.#lanes;
    const lane = this.#first === 1 ? this.#lanes[thread - 1] : undefined;
    return lane ? [lane] : [];
  }

  #settle({ text, onSettled }: Entry, loss: Loss | undefined): void {
    this.#count--;
    this.#size -= text.length;
    onSettled(loss);
  }
}

/**
 * The losses in several threads as one. The reason is that of the last thread that has ended, or else that nobody
 * listens.
 */
function joined(before: Loss | undefined, { why, threads, unsure }: Loss): Loss {
  if (before === undefined) return { why, threads, unsure };
  return {
    why: unsure ? why : before.why,
    threads: [...before.threads, ...threads],
    unsure: before.unsure || unsure,
  };
}
