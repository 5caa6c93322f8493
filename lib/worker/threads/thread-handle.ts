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

/** A thread whose event loop turns says what it does within that time. Milliseconds. */
const OWN_WORD = 200;

export interface ThreadEvents {
  readonly onMessage: (message: ThreadMessage) => void;
  /** An error that the thread did not catch itself: it ran out of its heap, or its first code threw. */
  readonly onError: (error: Error) => void;
  readonly onExit: (code: number) => void;
  /** It will not end by itself. */
  readonly onHang: (finding: Finding) => void;
  readonly onSlow: (report: SlowMessage) => void;
  /** Has it stand still for a moment. */
  readonly look: Look;
}

/** The main thread's side of one thread. It reports and decides nothing. */
export class ThreadHandle {
  /** The number of the thread, from 1; a replacement has that of its predecessor. */
  readonly number: number;
  readyAt: number | undefined;
  /** Of a spare: it has booted, and waits until the process has a slot. */
  waits = false;
  /** It has said why it could not boot. */
  failed = false;
  /** A clock of it has run out. */
  timedOut = false;
  readonly watch: ThreadWatch;
  readonly offspring: Offspring = new Offspring();
  readonly allowance: Allowance = new Allowance();
  /** The image of its slot. */
  readonly image: SharedArrayBuffer = new SharedArrayBuffer(SLOT_SIZE);
  /** Its lines of the access log that wait. */
  readonly lines: SharedArrayBuffer | undefined = ownDescriptor && newLines(ownDescriptor.fd);
  /** What listens for the moment at which it has left a descriptor of the access log. */
  readonly #moving: (() => void)[] = [];
  /** What it listens on, see {@link namesOf}. */
  readonly sockets: readonly (string | number)[];
  /** It accepts no more. */
  left = false;
  /** It has been told to terminate. */
  terminated = false;
  readonly #worker: Thread;
  readonly #port: MessagePort;
  readonly slow: SlowWatch;
  #said: ((activity: ThreadActivity | undefined) => void) | undefined;

  /** Runs the script that the process runs: the module form's entry, or the host's with its arguments. */
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
        // What the thread said last is in the port's queue, and comes first. On a busy machine the end may be seen before it.
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

  /** What it does: as it says itself, or as it looks when it has said nothing. */
  async activity(ask: number): Promise<ThreadActivity> {
    const said = new Promise<ThreadActivity | undefined>((resolve) => {
      this.#said = resolve;
      setTimeout(resolve, OWN_WORD, undefined).unref();
    });
    this.order({ type: 'stacks', ask });
    return (await said) ?? this.slow.activity();
  }

  /** It runs no more JavaScript from now on; native code that it runs may go on for as long as it likes. */
  terminate(): void {
    this.terminated = true;
    void this.#worker.terminate();
  }
}
