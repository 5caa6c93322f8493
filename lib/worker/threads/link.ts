import type { TlsOptions } from 'node:tls';
import { type MessagePort, workerData } from 'node:worker_threads';
import { ROOM } from '../../protocol/mail.js';
import { moveOwnLines } from '../access/own.js';
import type { Link } from '../lifecycle/link.js';
import { noRoom } from '../lifecycle/outgoing.js';
import { Renewals } from '../lifecycle/renewals.js';
import { sentCount } from '../lifecycle/sent.js';
import { descriptors } from '../vitals/descriptors.js';
import { Allowance } from './mail.js';
import type { Moved, ThreadData, ThreadMessage, ThreadOrder } from './messages.js';

/** What the link of a thread has beyond that of a process. */
export interface ThreadLink extends Link {
  /** Memory for the image of this thread's slot: its bytes, before they are stored on the scoreboard. */
  readonly slot: SharedArrayBuffer;
  /** Memory for the signs of life of this thread. */
  readonly vitals: SharedArrayBuffer;
  /** Memory for the child processes that this thread starts. */
  readonly offspring: SharedArrayBuffer;
  /** Counts requests that this thread has finished. */
  readonly countRequests: (count: number) => void;
  /** The descriptor on which the process has opened standard error. */
  readonly log: number | undefined;
}

/** The link of a thread: a message port to the main thread of its process. */
export function linkToProcess(): ThreadLink {
  const { port, tls, requests, shortages, slot, vitals, offspring, log, ...data } = (workerData as ThreadData).prefork;
  const allowance = new Allowance(data.allowance);
  const sent = sentCount(data.sent);
  const tell = (message: ThreadMessage | Moved): void => {
    if ('text' in message) {
      const { length } = message.text;
      if (allowance.count >= ROOM.count || allowance.size + length > ROOM.size) throw noRoom();
      allowance.take(length);
      // The message waits in any case, until the main thread has passed it on.
      sent.add();
      sent.store();
    }
    port.postMessage(message);
  };
  const orders = listen(port);
  descriptors.share(shortages, () => tell({ type: 'short' }));
  orders.set('short', () => descriptors.hear());
  orders.set('access', (order) => {
    if (order.type !== 'access') return;
    moveOwnLines(order.fd);
    tell({ type: 'moved' });
  });
  let kept = false;
  /** Answers that calls of `shared()` wait for. */
  let sharing = 0;
  const renewals = new Renewals();
  orders.set('tickets', (order) => order.type === 'tickets' && renewals.bring(order.keys));
  orders.set('usr1', () => process.emit('SIGUSR1', 'SIGUSR1'));
  return {
    tell,
    slot,
    vitals,
    offspring,
    log,
    countRequests(count) {
      const before = Atomics.add(requests.count, 0, count);
      if (before < requests.limit && before + count >= requests.limit) tell({ type: 'recycle', why: 'requests' });
    },
    tls: async () => tls as TlsOptions,
    onTicketKeys: renewals.onTicketKeys,
    // When the master is gone, the process ends, and its threads with it.
    onGone: () => undefined,
    onWake: (act) => void orders.set('wake', act),
    onNumbers: (act) => void orders.set('numbers', (order) => order.type === 'numbers' && act(order.ask)),
    leaveSockets: () => tell({ type: 'left' }),
    onLetters(act) {
      orders.set('messages', (order) => {
        if (order.type === 'messages') act(order.texts.map((text) => ({ thread: 0, text })));
      });
    },
    // A thread has no threads whose messages it could forward.
    forward: () => undefined,
    onOrders({ drain, quit, serve, hurry, stacks }) {
      orders.set('drain', () => drain()).set('quit', quit);
      orders.set('serve', (order) => order.type === 'serve' && serve(order.id));
      orders.set('stacks', (order) => order.type === 'stacks' && stacks(order.ask));
      orders.set('hurry', (order) => order.type === 'hurry' && hurry(order.farewell));
    },
    keepAlive() {
      kept = true;
      port.ref();
    },
    shared(name, bytes) {
      tell({ type: 'share', name, bytes });
      // The thread must not end while it waits, even if it waits for nothing else.
      port.ref();
      sharing++;
      return new Promise((resolve) => {
        const onOrder = (order: ThreadOrder): void => {
          if (order.type !== 'shared' || order.name !== name) return;
          port.off('message', onOrder);
          sharing--;
          if (!kept && sharing === 0) port.unref();
          resolve(order.buffer);
        };
        port.on('message', onOrder);
      });
    },
  };
}

function listen(port: MessagePort): Map<ThreadOrder['type'], (order: ThreadOrder) => unknown> {
  const acts = new Map<ThreadOrder['type'], (order: ThreadOrder) => unknown>();
  port.on('message', (order: ThreadOrder) => {
    acts.get(order.type)?.(order);
  });
  // The port alone must not keep a thread alive whose script ends before it serves.
  port.unref();
  return acts;
}
