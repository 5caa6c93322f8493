import { setTimeout as delay } from 'node:timers/promises';
import { type Asked, ask, GRACE, SHORT_GRACE } from './punctual.js';

/** How many clients send requests that are served, one at a time. */
const OTHERS = 2;
/** How long such a client waits between two requests. Milliseconds. */
const PAUSE = 5;
/** For how long a worker waits less for its clients after one for which it has waited in vain. Milliseconds. */
const RECOVERY = 10_000;

interface Sent extends Asked {
  /** When its connection began. */
  readonly at: number;
}

/** What clients saw while some of them sent requests that hang. */
export interface LoadWithHangs {
  /** The status lines of the answers to the requests that hung. */
  readonly statuses: readonly string[];
  /** How many other requests were served. */
  readonly served: number;
  /**
   * How many other requests were sent late by the client itself, and so went to a worker or thread that had begun to
   * hang. Each hang may meet each client once: more than that are failures.
   */
  readonly late: number;
  readonly failures: readonly Asked[];
}

/**
 * Sends requests that hang, while others are sent that are served. A hang takes CPU, so only two are under way at a
 * time: the other workers serve the other clients, and a second on a worker's clock is one in which it had the CPU.
 */
export async function loadWithHangs(
  url: string,
  { hangs, hanging, other }: { hangs: number; hanging: (number: number) => string; other: string },
): Promise<LoadWithHangs> {
  const statuses: string[] = [];
  const all: Sent[] = [];
  const others = new Set<Sent>();
  let left = hangs;
  const send = async (path: string): Promise<Sent> => {
    const at = performance.now();
    const sent = { ...(await ask(url, path)), at };
    all.push(sent);
    return sent;
  };
  const serve = async (): Promise<void> => {
    while (left > 0) {
      others.add(await send(other));
      // Without a pause, the clients would have most of the CPU.
      await delay(PAUSE);
    }
  };
  const hang = async (): Promise<void> => {
    while (left > 0) {
      const { answer } = await send(hanging(left--));
      statuses.push(answer.split('\r\n')[0] ?? '');
    }
  };
  await Promise.all([...Array.from({ length: OTHERS }, serve), hang(), hang()]);
  const unserved = [...others].filter(({ answer }) => !answer.startsWith('HTTP/1.1 200 OK'));
  const late = unserved.filter((sent) => sent.silent > graceOf(sent, all));
  const failures = late.length > OTHERS * hangs ? unserved : unserved.filter((sent) => !late.includes(sent));
  const served = others.size - unserved.length;
  return { statuses, served, late: late.length, failures };
}

/** How long this client could be silent: a worker that has just waited for another one in vain is impatient. */
function graceOf({ at, silent }: Sent, all: readonly Sent[]): number {
  const isAfter = (other: Sent): boolean => other.at < at + silent && at - other.at < RECOVERY;
  return all.some((other) => other.silent > GRACE && isAfter(other)) ? SHORT_GRACE : GRACE;
}
