import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker as Thread } from 'node:worker_threads';
import { descriptor } from '../../log/standard-error.js';
import type { SlowMessage, ThreadActivity } from '../../protocol/activity.js';
import { encodeSpec, SPEC_VARIABLE, type WorkerSpec } from '../../protocol/spec.js';
import { SLOT_SIZE } from '../../scoreboard/scoreboard.js';
import { newLines } from '../access/lines.js';
import { ownDescriptor } from '../access/own.js';
import { writeLeft } from '../access/rescue.js';
import type { Look } from '../insight/look.js';
import { SlowWatch } from '../insight/slow-watch.js';
import { ownSent } from '../lifecycle/sent.js';
import { namesOf } from '../sockets.js';
import { Vitals } from '../vitals/vitals.js';
import { grace } from '../watchdog/glimpse.js';
import { Allowance, mail } from './mail.js';
import type { Moved, ThreadData, ThreadMessage, ThreadOrder } from './messages.js';
import { Offspring } from './offspring.js';
import { type Finding, ThreadWatch } from './watch.js';

/** How long a thread has to answer what it is doing; if its event loop turns, it does so in that time. Milliseconds. */
const OWN_WORD = 200;

export interface ThreadEvents {
  readonly onMessage: (message: ThreadMessage) => void;
  /** An error that the thread did not catch itself: it ran out of its heap, or its first code threw. */
  readonly onError: (error: Error) => void;
  readonly onExit: (code: number) => void;
  /** The thread hangs, and will not end by itself. */
  readonly onHang: (finding: Finding) => void;
  readonly onSlow: (report: SlowMessage) => void;
  /** Pauses the thread for a moment, to see what it is doing. */
  readonly look: Look;
}

/** The main thread's view of one thread. It reports what happens, and decides nothing. */
export class ThreadHandle {
  /** The number of the thread, from 1. A replacement has the number of its predecessor. */
  readonly number: number;
  readyAt: number | undefined;
  /** In a spare: the thread has booted, and waits until the process has a slot. */
  waits = false;
  /** The thread has reported why it could not boot. */
  failed = false;
  /** A clock of the thread has run out. */
  timedOut = false;
  readonly watch: ThreadWatch;
  readonly offspring: Offspring = new Offspring();
  readonly allowance: Allowance = new Allowance();
  /** The image of its slot on the scoreboard. */
  readonly image: SharedArrayBuffer = new SharedArrayBuffer(SLOT_SIZE);
  /** The lines of the access log that the thread has not written yet. */
  readonly lines: SharedArrayBuffer | undefined = ownDescriptor && newLines(ownDescriptor.fd);
  /**
   * Callbacks for when the thread no longer writes to an old descriptor of the access log, in the order of the moves.
   */
  readonly #moving: (() => void)[] = [];
  /** The sockets that it listens on, see {@link namesOf}. */
  readonly sockets: readonly (string | number)[];
  /** The thread accepts no more. */
  left = false;
  /** The thread has been told to terminate. */
  terminated = false;
  readonly #worker: Thread;
  readonly #port: MessagePort;
  readonly slow: SlowWatch;
  #said: ((activity: ThreadActivity | undefined) => void) | undefined;

  /**
   * Starts the thread with the script of the process: the entry of the module form, or the host's, with its
   * arguments.
   */
  constructor(
    spec: WorkerSpec,
    data: Pick<ThreadData['prefork'], 'tls' | 'requests' | 'shortages'>,
    events: ThreadEvents,
  ) {
    this.number = spec.thread as number;
    this.sockets = namesOf(spec, spec.copies);
    const vitals = new Vitals().memory;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const [, script = '', ...argv] = process.argv;
    const { resourceLimits } = spec.serving;
    this.#worker = new Thread(script, {
      argv,
      env: { ...process.env, [SPEC_VARIABLE]: encodeSpec(spec) },
      workerData: {
        prefork: {
          ...data,
          log: descriptor(),
          slot: this.image,
          vitals,
          offspring: this.offspring.memory,
          allowance: this.allowance.memory,
          sent: ownSent.memory,
          lines: this.lines,
          port: port2,
        },
      } satisfies ThreadData,
      transferList: [port2],
      name: `prefork #${spec.id}.${spec.thread}`,
      ...(resourceLimits && { resourceLimits }),
    });
    const hear = (message: ThreadMessage | Moved): void => {
      if (message.type === 'moved') this.#moving.shift()?.();
      else if (message.type === 'stacks') this.#said?.(message.threads[0]);
      else if (!mail.hears(this, message)) events.onMessage(message);
    };
    port1.on('message', hear);
    const leave = ownDescriptor?.join({
      move: (fd, moved) => {
        this.#moving.push(moved);
        this.order({ type: 'access', fd });
      },
    });
    this.watch = new ThreadWatch(vitals, spec.clocks, spec.spawnedAt, events.onHang);
    const watched = {
      ...{ vitals: this.watch.vitals, image: this.image, thread: this.number },
      grace: () => grace(this.watch.vitals.systemThread),
      look: events.look,
      sockets: this.sockets,
    };
    this.slow = new SlowWatch(watched, spec.clocks.slowAfter, events.onSlow);
    this.#worker.on('error', events.onError);
    this.#worker.on('exit', (code) => {
      this.watch.stop();
      this.slow.stop();
      this.#said?.(undefined);
      setImmediate(() => {
        // The last messages of the thread may still be in the port's queue, since on a busy machine `exit` may come
        // before them. They are handled before the exit is reported.
        for (let last = receiveMessageOnPort(port1); last; last = receiveMessageOnPort(port1)) hear(last.message);
        port1.close();
        mail.close(this);
        writeLeft(this.lines);
        leave?.();
        for (const moved of this.#moving.splice(0)) moved();
        events.onExit(code);
      });
    });
  }

  get threadId(): number {
    return this.#worker.threadId;
  }

  get ready(): boolean {
    return this.readyAt !== undefined;
  }

  order(order: ThreadOrder): void {
    this.#port.postMessage(order);
  }

  /** What the thread is doing: its own answer, or what a look at it shows if it does not answer in time. */
  async activity(ask: number): Promise<ThreadActivity> {
    const said = new Promise<ThreadActivity | undefined>((resolve) => {
      this.#said = resolve;
      setTimeout(resolve, OWN_WORD, undefined).unref();
    });
    this.order({ type: 'stacks', ask });
    return (await said) ?? this.slow.activity();
  }

  /** Terminates the thread. It runs no more JavaScript; native code that it is in may go on for any time. */
  terminate(): void {
    this.terminated = true;
    void this.#worker.terminate();
  }
}
