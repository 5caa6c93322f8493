import { setTimeout as delay } from 'node:timers/promises';
import type { Hung, TimedOutRequest } from '../../protocol/activity.js';
import type { TimeoutReport } from '../../protocol/messages.js';
import { peersOf } from '../../system/peers.js';
import { access } from '../access/own.js';
import { farewells, writeLeft } from '../access/rescue.js';
import { hungAddress } from '../insight/client-address.js';
import { SlowRecord } from '../insight/slow-record.js';
import type { Refusal } from '../raw-response.js';
import { readImage } from '../vitals/board.js';
import { STAGE } from '../vitals/vitals.js';
import { bidFarewell } from '../watchdog/farewell.js';
import { TRACE_LIMIT } from '../watchdog/trace.js';
import type { ThreadHandle } from './thread-handle.js';
import type { Tracer } from './tracer.js';

/** The clients' answers do not wait longer for the stack. Milliseconds. */
const HEAD_START = 50;

/** What a thread that hung was doing, when it had been told to terminate. */
export type Findings = Omit<TimeoutReport, 'clock' | 'elapsed'>;

/**
 * Finds out where a thread hangs, answers its clients, and has it terminate; undefined when it has come back to itself meanwhile.
 *
 * It is held while its clients are answered, so that it neither answers too nor closes a connection, whose descriptor
 * would soon be another thread's. Where it cannot be held, its clients get no answer. It must terminate before it is let go.
 */
export async function endHungThread(
  thread: ThreadHandle,
  tracer: Tracer,
  status: Refusal,
): Promise<Findings | undefined> {
  const { vitals } = thread.watch;
  const before = vitals.read();
  const hold = await tracer.hold(thread.threadId);
  try {
    const limit = thread.watch.had(TRACE_LIMIT);
    if (hold) await Promise.race([hold.stack, hold.ordered.then(() => delay(HEAD_START)), limit]);
    const { beat, request: begun, stage } = vitals.read();
    if (beat !== before.beat || begun !== before.request) return undefined;
    const clients = hold?.isOrdered ? vitals.waitingClients() : [];
    const peers = peersOf(clients, thread.sockets);
    const record = new SlowRecord(vitals.memory);
    record.rename(peers);
    const answered = await bidFarewell([...peers.keys()], status);
    const stack = await Promise.race([hold?.stack, limit]);
    const known = stage === STAGE.BOOTING ? undefined : readImage(thread.image)?.request;
    const remoteAddress = hold?.isOrdered ? hungAddress(clients, peers, record, thread.sockets) : undefined;
    const request: TimedOutRequest | undefined = known && { ...known, ...(remoteAddress && { remoteAddress }) };
    const hung: Hung | undefined = stack === undefined ? (hold?.isOrdered ? 'native' : undefined) : 'javascript';
    thread.terminate();
    // Its lines of before come first.
    if (hold?.isOrdered) writeLeft(thread.lines);
    access?.farewell(farewells(answered, peers, status, clients.length === 1 ? known : undefined));
    return {
      ...{ thread: thread.number, answered: answered.length > 0 },
      ...(hung && { hung }),
      ...(stack !== undefined && { stack }),
      ...(request && { request }),
    };
  } finally {
    hold?.release();
  }
}
