/**
 * What the master tells a worker on the control pipe, a line each: to drain, to end at once, or to serve on though somebody has sent it TERM.
 * Not by signals: those reach a worker from anywhere, most of all when a whole process group or cgroup is told to end.
 */
export type Order = 'drain' | 'quit' | 'stay';
const ORDERS: readonly Order[] = ['drain', 'quit', 'stay'];

export function encodeOrder(order: Order): string {
  return `${order}\n`;
}

const TICKETS = 'tickets ';

/** All workers decrypt the tickets of TLS sessions with these from now on. The first ones come with the `tls` options. */
export function encodeTicketKeys(keys: Buffer): string {
  return `${TICKETS}${keys.toString('base64')}\n`;
}

/** Undefined for a line that says something else. */
export function parseTicketKeys(line: string): Buffer | undefined {
  return line.startsWith(TICKETS) ? Buffer.from(line.slice(TICKETS.length), 'base64') : undefined;
}

/** Undefined for a line of a newer master, or of nobody. */
export function parseOrder(line: string): Order | undefined {
  return ORDERS.find((order) => order === line);
}
