/**
 * What the master tells a worker on the control pipe, a line each: to drain, to end at once, or to serve on though somebody has sent it TERM.
 * Not by signals: those reach a worker from anywhere, most of all when a whole process group or cgroup is told to end.
 */
export type Order = 'drain' | 'quit' | 'stay';
const ORDERS: readonly Order[] = ['drain', 'quit', 'stay'];

/** Begins the order for a spare to take a slot. */
const SERVE = 'serve ';

/** Has a spare take that slot, and serve. */
export function encodeServe(id: number): string {
  return `${SERVE}${id}\n`;
}

/** The slot in a line that tells a spare to take it; undefined for any other line. */
export function parseServe(line: string): number | undefined {
  return numberBehind(SERVE, line);
}

const STACKS = 'stacks ';

/** Has a worker say what its threads are doing; the answer has that number. */
export function encodeAsk(ask: number): string {
  return `${STACKS}${ask}\n`;
}

/** The number of such an order; undefined for any other line. */
export function parseAsk(line: string): number | undefined {
  return numberBehind(STACKS, line);
}

const NUMBERS = 'numbers ';

/** Has a worker tell the application's own numbers; the answer has that number. */
export function encodeNumbers(ask: number): string {
  return `${NUMBERS}${ask}\n`;
}

/** The number of such an order; undefined for any other line. */
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

/** The file of the access log has been moved away, and there is another one. Each worker is told, whatever state it is in. */
export const REOPEN = 'reopen';

const TICKETS = 'tickets ';
/** Bytes: a name, a key for the HMAC, and one for AES; as Node takes them. */
export const TICKET_KEYS = 48;

/** All workers decrypt the tickets of TLS sessions with these from now on. The first ones come with the `tls` options. */
export function encodeTicketKeys(keys: Buffer): string {
  return `${TICKETS}${keys.toString('base64')}\n`;
}

/** Undefined for a line that says something else, or of a newer master. */
export function parseTicketKeys(line: string): Buffer | undefined {
  if (!line.startsWith(TICKETS)) return undefined;
  const keys = Buffer.from(line.slice(TICKETS.length), 'base64');
  return keys.length === TICKET_KEYS ? keys : undefined;
}

/** Undefined for a line of a newer master, or of nobody. */
export function parseOrder(line: string): Order | undefined {
  return ORDERS.find((order) => order === line);
}
