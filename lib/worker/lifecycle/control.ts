import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { encodeMessage, type WorkerMessage } from '../../protocol/messages.js';
import { type Order, parseOrder, parsePlace, parseTicketKeys } from '../../protocol/orders.js';
import { decodeTls, FD, type WorkerSpec } from '../../protocol/spec.js';
import { DUTY } from '../../scoreboard.js';
import { closeSockets } from '../sockets.js';
import { writeDuty } from '../vitals/board.js';
import type { Link, Orders } from './link.js';
import { Renewals } from './renewals.js';
import { sharedBuffer } from './shared.js';

/**
 * Tells the master something, at once: also the last words of a process that is about to exit arrive, which a
 * stream could not promise. What does not fit into the pipe within 100 ms is lost; the master never reads slowly.
 */
function tellMaster(message: WorkerMessage): void {
  let rest = Buffer.from(encodeMessage(message));
  for (let attempt = 0; rest.length > 0 && attempt < 100; attempt++) {
    try {
      rest = rest.subarray(writeSync(FD.CONTROL, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return; // The master is gone.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** The link of a worker process: the control pipe. */
export function linkToMaster(spec: WorkerSpec): Link {
  const control = new Socket({ fd: FD.CONTROL, readable: true, writable: false });
  let rest = '';
  let kept = false;
  let tls: string | undefined;
  let onTls: (() => void) | undefined;
  const renewals = new Renewals();
  let orders: Pick<Orders, Order | 'serve'> | undefined;
  const take = (line: string): void => {
    if (spec.tls && tls === undefined) {
      tls = line;
      onTls?.();
      return;
    }
    const order = parseOrder(line);
    if (order) orders?.[order]();
    const keys = parseTicketKeys(line);
    if (keys) renewals.bring(keys);
    const id = parsePlace(line);
    if (id !== undefined) orders?.serve(id);
  };
  control.setEncoding('latin1').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(take);
  });
  control.on('error', () => undefined);
  // Without a listener, node opens its inspector on USR1; the application reopens its logs then, if it has any.
  process.on('SIGUSR1', () => undefined);
  // A process that never gets to serve must be able to end.
  control.unref();
  return {
    tell: tellMaster,
    async tls() {
      control.ref();
      if (tls === undefined) await new Promise<void>((resolve) => (onTls = resolve));
      control.unref();
      const line = tls ?? '';
      // It holds secrets, and is asked for once.
      tls = '';
      return decodeTls(line);
    },
    onTicketKeys: renewals.onTicketKeys,
    onWake: (act) => void process.on('SIGURG', act),
    leaveSockets() {
      closeSockets(spec);
      writeDuty(spec.slot, DUTY.NONE);
    },
    shared: async (name, bytes) => sharedBuffer(name, bytes),
    /** Nobody but the master holds the other end. */
    onGone: (act) => void control.once('close', act),
    onOrders(acts) {
      orders = acts;
    },
    keepAlive() {
      // A worker lives on also when it listens to nothing.
      control.ref();
      if (kept) return;
      kept = true;
      // Of whoever sends it.
      process.on('SIGQUIT', () => orders?.quit());
    },
  };
}
