import { workerData } from 'node:worker_threads';
import { spec } from '../context.js';
import { Access } from './access.js';
import { Proxies } from './client.js';
import { AccessDescriptor } from './descriptor.js';
import { Lines, newLines } from './lines.js';

/** What a thread is given by its process. */
export interface ThreadLines {
  readonly prefork?: { readonly lines?: SharedArrayBuffer | undefined };
}

/** Of a process, what its threads write to. Undefined in these, and where there is no access log. */
export const ownDescriptor: AccessDescriptor | undefined =
  spec?.access && spec.thread === undefined ? new AccessDescriptor(spec.access) : undefined;

/** The lines of this thread that wait, where others find them. */
export const ownMemory: SharedArrayBuffer | undefined = ownDescriptor
  ? newLines(ownDescriptor.fd)
  : spec?.access && (workerData as ThreadLines | null)?.prefork?.lines;

/** Whose word on their clients counts. */
export const proxies: Proxies | undefined = spec?.trustProxy && new Proxies(spec.trustProxy);

/** The access log of this process, or thread, and the ids of its requests. Undefined where there is neither. */
const ownLines = ownMemory && new Lines(ownMemory);
export const access: Access | undefined =
  spec && (ownLines || spec.requestId) ? new Access(spec, ownLines, proxies) : undefined;

ownDescriptor?.join({
  move(fd, moved) {
    moveOwnLines(fd);
    moved();
  },
});

/** What waits is written where it would have been, and what follows to another descriptor. */
export function moveOwnLines(fd: number): void {
  access?.flush();
  if (ownLines) ownLines.fd = fd;
}
