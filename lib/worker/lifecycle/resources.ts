import type { Timeout } from '../worker.js';

/** The client's own connection is not what its request waits for. */
export function connectionOf(request: Timeout['request']): string[] {
  if (request === undefined) return [];
  return [request.remoteAddress === undefined ? 'PipeWrap' : 'TCPSocketWrap'];
}

/** A worker that was not ready yet. */
export const NOBODY: Timeout = { answered: false, ended: Promise.resolve() };
