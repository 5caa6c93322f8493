import type { Timeout } from '../worker.js';

/** What is waited for now, and was not then; of `process.getActiveResourcesInfo()`. */
export function without(resources: readonly string[], before: readonly string[]): string[] {
  const rest = [...before];
  return resources.filter((resource) => {
    const known = rest.indexOf(resource);
    if (known !== -1) rest.splice(known, 1);
    return known === -1;
  });
}

/** The client's own connection is not what its request waits for. */
export function connectionOf(request: Timeout['request']): string[] {
  if (request === undefined) return [];
  return [request.remoteAddress === undefined ? 'PipeWrap' : 'TCPSocketWrap'];
}

/** A worker that was not ready yet. */
export const NOBODY: Timeout = { answered: false, ended: Promise.resolve() };
