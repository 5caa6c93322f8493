import { ArbiterError } from '../../errors.js';
import { integer, invalid, named } from '../../options/checks.js';
import { type Letter, ROOM } from '../../protocol/mail.js';
import { userText } from '../../protocol/messages.js';
import { workerName } from '../common/names.js';
import type { Loss } from '../workers/outbox.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import type { WorkerInfo } from '../workers/worker-info.js';

/** Which threads of a worker get a message, see {@link Arbiter.send}. */
export interface SendOptions {
  /** The number of one thread, from 1, of a worker with threads. @defaultValue all of them */
  readonly thread?: number | undefined;
}

/** What has become of a message to all workers, see {@link Arbiter.broadcast}. */
export interface BroadcastResult {
  /** Workers that have heard the message, as they were when it was sent. */
  readonly delivered: readonly WorkerInfo[];
  /** Workers that have not heard the message, or may not have, and why: `ERR_MESSAGE_LOST` or `ERR_MESSAGE_ROOM`. */
  readonly lost: readonly { readonly worker: WorkerInfo; readonly error: ArbiterError }[];
}

/** Messages of the host to the applications in its workers: who gets one, and what its sender is told of it. */
export class Post {
  readonly #workers: () => readonly WorkerHandle[];
  readonly #threads: number;

  /** @param threads - how many threads a worker may have. */
  constructor(workers: () => readonly WorkerHandle[], threads: number) {
    this.#workers = workers;
    this.#threads = threads;
  }

  async send(id: number, message: unknown, options: SendOptions = {}): Promise<void> {
    integer(1)(id, 'id of send()');
    const letter = { thread: this.#threadOf(options), text: userText(message) };
    const worker = this.#holder(id);
    if (worker) return this.#deliver(worker, letter);
    throw lost(
      `${workerName(id)} is not there to hear the message: it has ended, or leaves, or there never was one`,
      false,
    );
  }

  async broadcast(message: unknown): Promise<BroadcastResult> {
    const letter = { thread: 0, text: userText(message) };
    const delivered: WorkerInfo[] = [];
    const lost: { worker: WorkerInfo; error: ArbiterError }[] = [];
    await Promise.all(
      this.#workers()
        .filter(hears)
        .map((worker) => {
          const info = worker.info();
          return this.#deliver(worker, letter).then(
            () => delivered.push(info),
            (error: ArbiterError) => lost.push({ worker: info, error }),
          );
        }),
    );
    return { delivered, lost };
  }

  #threadOf(options: SendOptions): number {
    const { thread } = named(options, 'send()', ['thread']);
    if (thread === undefined) return 0;
    if (this.#threads === 0) throw invalid('thread of send()', 'none, since these workers have no threads', thread);
    return integer(1, this.#threads)(thread, 'thread of send()');
  }

  /**
   * The worker of a slot that gets its messages. While one worker replaces another, it is the one that is ready. If
   * both are, it is the substitute, which stays.
   */
  #holder(id: number): WorkerHandle | undefined {
    const holders = this.#workers().filter((worker) => worker.id === id && hears(worker));
    return holders.sort((a, b) => Number(a.ready) - Number(b.ready) || a.term - b.term || a.age - b.age).at(-1);
  }

  #deliver(worker: WorkerHandle, letter: Letter): Promise<void> {
    return new Promise((resolve, reject) => {
      const taken = worker.post(letter, (loss) => {
        if (loss === undefined) resolve();
        else reject(lost(lossText(nameOf(worker), loss), loss.unsure));
      });
      if (!taken) reject(new ArbiterError('ERR_MESSAGE_ROOM', `${nameOf(worker)} ${NO_ROOM}`));
    });
  }
}

/**
 * Whether a message can reach a worker. One that boots gets it once it is up. One that was told to end has no use for
 * it, and one that has failed will not come up.
 */
function hears({ leaving, exited, timedOut, failure }: WorkerHandle): boolean {
  return !leaving && !exited && !timedOut && failure === undefined;
}

const NO_ROOM = `gets no further message now: at most ${ROOM.count} messages, or ${ROOM.size} characters, may be under way, and it has not heard those before`;

function nameOf({ id, pid }: WorkerHandle): string {
  return `${workerName(id)} (pid ${pid})`;
}

function lossText(worker: string, { why, threads, unsure }: Loss): string {
  const [first] = threads;
  const which = first === undefined || first === 0 ? '' : `thread ${threads.join(', ')} of `;
  if (why === 'nobody') return `nobody listens in ${which}${worker}: its application has no worker.on('message') there`;
  if (why === 'absent') return `there is no ${which}${worker}`;
  if (!unsure) return `${worker} ended before the message had been sent to it`;
  return `${which}${worker} ended while the message was under way: it may have been heard`;
}

function lost(message: string, mayBeHeard: boolean): ArbiterError {
  return Object.assign(new ArbiterError('ERR_MESSAGE_LOST', message), { mayBeHeard });
}
