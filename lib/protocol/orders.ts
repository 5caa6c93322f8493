/**
 * An order of the master to a worker, a line on the control pipe: to drain, to end at once, or to serve on although
 * somebody has sent SIGTERM. Orders are not signals, since anybody can send those, above all to a whole process group
 * or cgroup.
 */
export type Order = 'drain' | 'quit' | 'stay';
const ORDERS: readonly Order[] = ['drain', 'quit', 'stay'];

/** The beginning of the order for a spare to take a slot. A spare is a worker that has booted and waits for a slot. */
const SERVE = 'serve ';

/** Orders a spare to take that slot, and to serve. */
export function encodeServe(id: number): string {
  return `${SERVE}${id}\n`;
}

/** The slot in a line that tells a spare to take it; undefined for any other line. */
export function parseServe(line: string): number | undefined {
  return numberBehind(SERVE, line);
}

const STACKS = 'stacks ';

/** Orders a worker to say what its threads are doing. The answer carries the number `ask`. */
export function encodeAsk(ask: number): string {
  return `${STACKS}${ask}\n`;
}

/** The number in such an order; undefined for any other line. */
export function parseAsk(line: string): number | undefined {
  return numberBehind(STACKS, line);
}

const NUMBERS = 'numbers ';

/** Orders a worker to send the application's own metrics. The answer carries the number `ask`. */
export function encodeNumbers(ask: number): string {
  return `${NUMBERS}${ask}\n`;
}

/** The number in such an order; undefined for any other line. */
export function parseNumbers(line: string): number | undefined {
  return numberBehind(NUMBERS, line);
}

function numberBehind(word: string, line: string): number | undefined {
  const number = line.startsWith(word) ? Number(line.slice(word.length)) : 0;
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

export function encodeOrder(order: Order): string {
  return `${order}\n`;
}

/** Order to reopen the file of the access log, since it has been moved away. Each worker gets it, in any state. */
export const REOPEN = 'reopen';

const TICKETS = 'tickets ';
/** Length in bytes, as Node takes them: a name, a key for the HMAC, and a key for AES. */
export const TICKET_KEYS = 48;

/**
 * Orders a worker to use these keys for the tickets of TLS sessions from now on. The first keys come with the `tls`
 * options.
 */
export function encodeTicketKeys(keys: Buffer): string {
  return `${TICKETS}${keys.toString('base64')}\n`;
}

/** Returns undefined for any other line, also for one of a newer master. */
export function parseTicketKeys(line: string): Buffer | undefined {
  if (!line.startsWith(TICKETS)) return undefined;
  const keys = Buffer.from(line.slice(TICKETS.length), 'base64');
  return keys.length === TICKET_KEYS ? keys : undefined;
}

/** Returns undefined for any other line, also for an order of a newer master. */
export function parseOrder(line: string): Order | undefined {
  return ORDERS.find((order) => order === line);
}
