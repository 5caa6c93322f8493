import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { type Letter, parseLetter } from '../../protocol/mail.js';
import {
  type Order,
  parseAsk,
  parseNumbers,
  parseOrder,
  parseServe,
  parseTicketKeys,
  REOPEN,
} from '../../protocol/orders.js';
import { decodeTls, FD, type WorkerSpec } from '../../protocol/spec.js';
import { DUTY } from '../../scoreboard/scoreboard.js';
import { ownDescriptor } from '../access/own.js';
import { closeSockets } from '../sockets.js';
import { writeDuty } from '../vitals/board.js';
import type { Link, Orders } from './link.js';
import { Outgoing } from './outgoing.js';
import { Renewals } from './renewals.js';
import { ownSent } from './sent.js';
import { sharedBuffer } from './shared.js';

/** Writes to the control pipe. Returns how many bytes it took: 0 when it is full, undefined when the master is gone. */
function write(bytes: Uint8Array): number | undefined {
  try {
    return writeSync(FD.CONTROL, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : undefined;
  }
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function reopenAccessLog(tell: Link['tell']): void {
  try {
    ownDescriptor?.reopen();
  } catch (error) {
    const message = `the file of the access log could not be opened anew, so its lines still go to the one of before: ${(error as Error).message}`;
    tell({ type: 'warning', code: 'access-log', message });
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
  let orders: Pick<Orders, Order | 'serve' | 'stacks'> | undefined;
  const onNumbers: ((ask: number) => void)[] = [];
  const outgoing = new Outgoing(write, pause, ownSent);
  let onLetters: ((letters: readonly Letter[]) => void) | undefined;
  let letters: Letter[] = [];
  const take = (line: string): void => {
    if (spec.tls && tls === undefined) {
      tls = line;
      onTls?.();
      return;
    }
    const letter = parseLetter(line);
    if (letter) {
      letters.push(letter);
      return;
    }
    if (line === REOPEN) reopenAccessLog(outgoing.tell);
    const order = parseOrder(line);
    if (order) orders?.[order]();
    const keys = parseTicketKeys(line);
    if (keys) renewals.bring(keys);
    const id = parseServe(line);
    if (id !== undefined) orders?.serve(id);
    const ask = parseAsk(line);
    if (ask !== undefined) orders?.stacks(ask);
    const numbers = parseNumbers(line);
    if (numbers !== undefined) for (const act of onNumbers) act(numbers);
  };
  control.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(take);
    if (letters.length === 0) return;
    // Messages are delivered after the orders that came in the same chunk.
    const all = letters;
    letters = [];
    onLetters?.(all);
  });
  control.on('error', () => undefined);
  // Without a listener, Node opens its inspector on USR1. An application may listen too, to reopen its logs.
  process.on('SIGUSR1', () => undefined);
  process.on('exit', () => outgoing.end());
  // The pipe alone must not keep a process alive that never gets to serve.
  control.unref();
  return {
    tell: outgoing.tell,
    forward: (message, onTaken) => outgoing.forward(message, onTaken),
    onLetters: (act) => {
      onLetters = act;
    },
    async tls() {
      control.ref();
      if (tls === undefined) await new Promise<void>((resolve) => (onTls = resolve));
      control.unref();
      const line = tls ?? '';
      // The line holds secrets, and it is asked for only once.
      tls = '';
      return decodeTls(line);
    },
    onTicketKeys: renewals.onTicketKeys,
    onWake: (act) => void process.on('SIGURG', act),
    onNumbers: (act) => void onNumbers.push(act),
    leaveSockets() {
      closeSockets(spec);
      writeDuty(spec.slot, DUTY.NONE);
    },
    shared: async (name, bytes) => sharedBuffer(name, bytes),
    /** The master alone holds the other end of the pipe, so its end means that the master is gone. */
    onGone: (act) => void control.once('close', act),
    onOrders(acts) {
      orders = acts;
    },
    keepAlive() {
      // A worker lives on even when it listens on no socket.
      control.ref();
      if (kept) return;
      kept = true;
      // QUIT ends the worker at once, whoever sends it.
      process.on('SIGQUIT', () => orders?.quit());
    },
  };
}
