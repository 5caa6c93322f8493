/*
 * What this thread waits for, as far as it is the application's: the kinds of `process.getActiveResourcesInfo()`, of a request that is slow or has
 * come to its limit, or of a boot. It knows of no request; whoever asks says how many connections clients have.
 */

/** Of a report; an async worker may wait for thousands. */
const MOST = 100;
/** What accepts clients, and is opened and closed as there is room. */
const LISTENERS: ReadonlySet<string> = new Set(['TCPServerWrap', 'PipeServerWrap']);

/** What was there before there was anything to do: the pipes of this library, what the application opened when it was loaded, and its output. */
let before: readonly string[] = [];
/** What has come to stay since, and was there when nothing was to be done: the connections of a pool. */
let kept: readonly string[] = [];

/** What is waited for now, and was not then; of `process.getActiveResourcesInfo()`. */
export function without(resources: readonly string[], then: readonly string[]): string[] {
  const rest = [...then];
  return resources.filter((resource) => {
    const known = rest.indexOf(resource);
    if (known !== -1) rest.splice(known, 1);
    return known === -1;
  });
}

/** From now on, there is something to do: the application is to be loaded, or clients come. */
export function noteStart(): void {
  before = process.getActiveResourcesInfo();
  kept = [];
}

/** What is opened now, at whatever moment, is there to stay. */
export function noteOpened<T>(open: () => T): T {
  const then = process.getActiveResourcesInfo();
  const opened = open();
  before = [...before, ...without(process.getActiveResourcesInfo(), then)];
  return opened;
}

/** At this moment nothing is to be done. */
export function noteRest(connections: number): void {
  kept = others(connections);
}

/**
 * What is waited for now, beyond what is there when nothing is to be done, and beyond the connections of clients.
 *
 * @param connections - those of clients that are open.
 */
export function pending(connections: number): string[] {
  return without(others(connections), kept).slice(0, MOST);
}

function others(connections: number): string[] {
  const resources = without(process.getActiveResourcesInfo(), before).filter((kind) => !LISTENERS.has(kind));
  let clients = connections;
  return resources.filter((kind) => {
    const isClient = clients > 0 && (kind === 'TCPSocketWrap' || kind === 'PipeWrap');
    if (isClient) clients--;
    return !isClient;
  });
}
