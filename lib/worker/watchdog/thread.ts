/* The watchdog: a thread that watches the main thread of its process, and acts when it hangs. */
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { openStandardError, say } from '../../log/standard-error.js';
import { monotonic } from '../../monotonic.js';
import type { TimedOutRequest } from '../../protocol/activity.js';
import { encodeMessage, type WorkerMessage } from '../../protocol/messages.js';
import { type AccessSpec, type ClockLimits, FD } from '../../protocol/spec.js';
import { peersOf } from '../../system/peers.js';
import { killOwnGroup } from '../../system/process-group.js';
import { ThreadFigures } from '../../system/thread-figures.js';
import { onLoss } from '../access/loss.js';
import { farewells, writeLeft } from '../access/rescue.js';
import { hungAddress } from '../insight/client-address.js';
import type { Looking } from '../insight/look.js';
import { SlowRecord } from '../insight/slow-record.js';
import { SlowWatch } from '../insight/slow-watch.js';
import { lastAsk, readImage, storeImage } from '../vitals/board.js';
import { Judge, type Verdict } from '../vitals/judge.js';
import { STAGE, Vitals } from '../vitals/vitals.js';
import { Absence } from './absence.js';
import { bidFarewell } from './farewell.js';
import { glimpseMainThread, grace, lookTwice } from './glimpse.js';
import { inTraceLimit, traceMainThread } from './trace.js';

/** What a watchdog is given when it starts. */
export interface WatchdogData {
  readonly vitals: SharedArrayBuffer;
  /** The image of the slot (as it is before it is stored), and its index on the scoreboard. */
  readonly image: SharedArrayBuffer;
  readonly slot: number;
  readonly limits: ClockLimits;
  readonly spawnedAt: number;
  /** When the watchdog was started. */
  readonly since: number;
  /** The listening sockets, see `namesOf()`. */
  readonly sockets: readonly (string | number)[];
  /** Where standard error has been opened, see `descriptor()`. */
  readonly log: number | undefined;
  /** The lines of the access log that wait to be written, and where the log goes. */
  readonly lines: SharedArrayBuffer | undefined;
  readonly access: AccessSpec | undefined;
}

/**
 * The longest rest between two looks. The shorter it is, the less time is excused by mistake when the main
 * thread was kept from running. Milliseconds.
 */
const LONGEST_REST = 500;
/** How long the clients' answers wait for the stack at most. Milliseconds. */
const HEAD_START = 50;
/** An event loop whose turn has been due for so long does not read its orders for now. Milliseconds. */
const STILL = 3 * 50;

const {
  vitals: memory,
  image,
  slot,
  limits,
  spawnedAt,
  since,
  sockets,
  log,
  lines,
  access,
} = workerData as WatchdogData;
const vitals = new Vitals(memory);
const judge = new Judge(limits, spawnedAt);
const absence = new Absence(ThreadFigures.of(vitals.systemThread), since);
const record = new SlowRecord(memory);
const watched = {
  ...{ vitals, image, thread: undefined, sockets },
  grace: () => grace(vitals.systemThread),
  look: (looking: Looking) => lookTwice(vitals, () => glimpseMainThread(vitals.systemThread, looking)),
};
const slow = new SlowWatch(watched, limits.slowAfter, tell);

function look(): void {
  const now = monotonic();
  const signs = vitals.read();
  // The boot is over, and nothing else is limited: without a timer, this thread ends.
  if (signs.stage !== STAGE.BOOTING && limits.timeout === 0 && limits.slowAfter === 0) return;
  // The main thread does not read its orders.
  if (now - signs.beat - signs.interval > STILL) answer(lastAsk(slot));
  const away = absence.measure(now, signs.beat);
  const verdict = judge.look(now, signs, away);
  vitals.looked(now, signs, typeof verdict === 'number' ? undefined : verdict.elapsed);
  if (typeof verdict !== 'number' && !verdict.alive) {
    void act(verdict).catch(giveUp);
    return;
  }
  // A thread whose event loop turns ends by itself, a beat later.
  const rest = typeof verdict === 'number' ? Math.min(LONGEST_REST, verdict, limits.timeout / 4 || LONGEST_REST) : 20;
  const pause = Math.max(5, Math.ceil(rest));
  absence.expect(now + pause);
  setTimeout(look, pause);
}

/** Says in the main thread's place what that does, if it has been asked and has not answered. */
function answer(ask: number): void {
  if (ask === 0 || record.isAnswered(ask)) return;
  record.answers(ask);
  void slow.activity().then((activity) => tell({ type: 'stacks', ask, threads: [activity] }));
}

/** The main thread hangs: finds out where, answers its clients, tells the master, and kills the process. */
async function act({ clock, elapsed }: Verdict): Promise<void> {
  slow.stop();
  await slow.settled();
  const tracing = inTraceLimit(traceMainThread(), absence);
  const { stage } = vitals.read();
  // The main thread is paused by now, or pauses as soon as it returns from native code: it answers no more clients.
  await Promise.race([tracing, delay(HEAD_START)]);
  const clients = vitals.waitingClients();
  const peers = peersOf(clients, sockets);
  record.rename(peers);
  const answered = await bidFarewell([...peers.keys()], 504);
  const stack = await tracing;
  const request = stage === STAGE.BOOTING ? undefined : readImage(image)?.request;
  const remoteAddress = hungAddress(clients, peers, record, sockets);
  const report = {
    clock,
    elapsed,
    answered: answered.length > 0,
    ...(stack === undefined ? { hung: 'native' as const } : { hung: 'javascript' as const, stack }),
    ...(request && { request: { ...request, ...(remoteAddress && { remoteAddress }) } satisfies TimedOutRequest }),
  };
  storeImage(slot, image);
  writeLeft(lines, access, farewells(answered, peers, 504, clients.length === 1 ? request : undefined));
  tell({ type: 'timeout', ...report });
  killOwnGroup();
}

/** Whatever has kept a report from being made, the process must end. */
function giveUp(error: Error): void {
  openStandardError(log);
  say(`prefork: worker ${process.pid}: its watchdog failed: ${error.stack}\n`);
  killOwnGroup();
}

/** Sends a message to the master. What does not fit into the pipe within 100 ms is lost. */
function tell(message: WorkerMessage): void {
  let rest = Buffer.from(encodeMessage(message));
  for (let attempt = 0; rest.length > 0 && attempt < 100; attempt++) {
    try {
      rest = rest.subarray(writeSync(FD.CONTROL, rest));
    } catch (error) {
      // The master is gone: nobody would hear of it.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

onLoss((message) => tell({ type: 'warning', code: 'access-log', message }));
look();
// The port does not keep this thread alive: without a timer it ends.
parentPort?.unref();
