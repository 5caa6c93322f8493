import { workerData } from 'node:worker_threads';
import { spec } from '../context.js';
import { Access } from './access.js';
import { Proxies } from './client.js';
import { AccessDescriptor } from './descriptor.js';
import { Lines, newLines } from './lines.js';

/** What a thread gets from its process as `workerData`. */
export interface ThreadLines {
  readonly prefork?: { readonly lines?: SharedArrayBuffer | undefined };
}

/** In a process: the descriptor that its threads write to. Undefined in a thread, and where there is no access log. */
export const ownDescriptor: AccessDescriptor | undefined =
  spec?.access && spec.thread === undefined ? new AccessDescriptor(spec.access) : undefined;

/** The waiting lines of this thread, in memory where others find them. */
export const ownMemory: SharedArrayBuffer | undefined = ownDescriptor
  ? newLines(ownDescriptor.fd)
  : spec?.access && (workerData as ThreadLines | null)?.prefork?.lines;

/** The proxies whose word about their clients counts. */
export const proxies: Proxies | undefined = spec?.trustProxy && new Proxies(spec.trustProxy);

/** The access log of this process or thread, and the ids of its requests. Undefined where neither is configured. */
const ownLines = ownMemory && new Lines(ownMemory);
export const access: Access | undefined =
  spec && (ownLines || spec.requestId) ? new Access(spec, ownLines, proxies) : undefined;

ownDescriptor?.join({
  move(fd, moved) {
    moveOwnLines(fd);
    moved();
  },
});

/** Writes what waits to the descriptor before, and what follows to another one. */
export function moveOwnLines(fd: number): void {
  access?.flush();
  if (ownLines) ownLines.fd = fd;
}
