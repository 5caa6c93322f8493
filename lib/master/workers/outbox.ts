import { Fifo } from '../../protocol/fifo.js';
import { encodeLetter, type Letter, type Receipt, ROOM, type Unheard } from '../../protocol/mail.js';

/** Why a message was not heard, in one lane or in all. `absent`: there is no thread of that number. */
export interface Loss {
  readonly why: Unheard | 'absent' | 'ended';
  /** In which threads it was not; of a worker without any, 0. Empty where the worker has ended. */
  readonly threads: readonly number[];
  /** Whether a listener may have got it all the same, there. */
  readonly unsure: boolean;
}

/** Called once: with nothing when it was heard in all lanes that it was for. */
export type OnSettled = (loss: Loss | undefined) => void;

interface Entry extends Letter {
  readonly onSettled: OnSettled;
  /** Lanes that have said nothing of it yet. */
  open: number;
  loss: Loss | undefined;
}

/** What has been written to the pipe for one thread, and has not been settled. */
class Lane {
  readonly pending = new Fifo<Entry>();
  settled = 0;
}

/**
 * The messages for one worker, from the call that sends one to the word that it was heard, or was not. It holds what the pipe has not taken yet, in
 * order, up to a limit that counts all that is under way, wherever it is: so nothing below needs one. No I/O.
 *
 * A message is settled once, by the first of: all its lanes have said what became of it, or the worker has ended.
 */
export class Outbox {
  readonly #unsent = new Fifo<Entry>();
  #lanes: readonly Lane[] = [];
  /** The number of the first lane: 0 in a worker without threads. */
  #first = 0;
  #threads = 0;
  #opened = false;
  #closed = false;
  #count = 0;
  #size = 0;

  /** Said before it is opened: the worker has so many threads. */
  setThreads(count: number): void {
    if (!this.#opened) this.#threads = count;
  }

  /** The worker can hear from now on. What has been posted before has waited for that. */
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
    const entry: Entry = { ...letter, onSettled, open: 0, loss: undefined };
    if (this.#closed) this.#settle(entry, { why: 'ended', threads: [], unsure: false });
    else this.#unsent.push(entry);
    return true;
  }

  /** Lines for the pipe, about so many characters of them; undefined when there is nothing to be written, or not yet. */
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

  /** What a worker says of a lane. It may be nonsense: what was not sent is not settled by it. */
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

  /** The worker has ended, and said its last word. */
  close(): void {
    this.#closed = true;
    const sent = new Set<Entry>();
    for (const { pending } of this.#lanes)
      for (let entry = pending.shift(); entry; entry = pending.shift()) sent.add(entry);
    // In an order: a lane may be behind the others.
    for (const entry of sent) this.#settle(entry, { why: 'ended', threads: [], unsure: true });
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

/** Of several threads: the reason of the last one that has ended, else that nobody listens. */
function joined(before: Loss | undefined, { why, threads, unsure }: Loss): Loss {
  if (before === undefined) return { why, threads, unsure };
  return {
    why: unsure ? why : before.why,
    threads: [...before.threads, ...threads],
    unsure: before.unsure || unsure,
  };
}
