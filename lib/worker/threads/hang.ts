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

/** How long the answers to the clients wait for the stack. Milliseconds. */
const HEAD_START = 50;

/** What a thread that hung was doing. It has been told to terminate by then. */
export type Findings = Omit<TimeoutReport, 'clock' | 'elapsed'>;

/**
 * Finds out where a thread hangs, answers its clients, and terminates it. Returns undefined if the thread has recovered
 * meanwhile.
 *
 * The thread is held (paused by the inspector) while its clients are answered. Otherwise it could answer too, or
 * close a connection, whose descriptor would soon belong to another thread. If the thread cannot be held, its clients
 * get no answer. A thread that still hangs is told to terminate before it is released.
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
    // The lines that the thread has left for the access log come before those of these answers.
    if (hold?.isOrdered) writeLeft(thread.lines);
    access?.farewell(farewells(answered, peers, status, clients.length === 1 ? known : undefined));
    return {
      ...{ thread: thread.number, answered: answered.length > 0 },
      ...(hung && { hung }),
      ...(stack !== undefined && { stack }),
      ...(request && { request }),
    };
  } finally {
    // A thread that has recovered goes on.
    hold?.release(!thread.terminated);
  }
}
