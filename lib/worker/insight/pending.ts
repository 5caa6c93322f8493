/*
 * What the application in this thread waits for, as kinds of `process.getActiveResourcesInfo()`. It is reported when a
 * request is slow, and when a request or a boot is out of time. This file knows nothing of requests; the caller says
 * how many connections clients have.
 */

/** The most resources that a report names; an async worker may wait for thousands. */
const MOST = 100;
/** The kinds of listening sockets, which open and close as there is room, each with the kind of its connections. */
const CLIENTS: ReadonlyMap<string, string> = new Map([
  ['TCPServerWrap', 'TCPSocketWrap'],
  ['PipeServerWrap', 'PipeWrap'],
]);

/**
 * The resources that were active when the thread had nothing to do: the pipes of this library, the application's
 * output, the idle connections of a pool.
 */
let resting: readonly string[] = [];
/** The kinds that connections of clients can have, by the listening sockets seen so far. */
const kinds = new Set<string>();

/** The resources that are active now and were not then, both from `process.getActiveResourcesInfo()`. */
export function without(resources: readonly string[], then: readonly string[]): string[] {
  const rest = [...then];
  return resources.filter((resource) => {
    const known = rest.indexOf(resource);
    if (known !== -1) rest.splice(known, 1);
    return known === -1;
  });
}

/**
 * Notes that the thread has nothing to do at this moment. To be called whenever that is known, since the resources at
 * rest change.
 *
 * @param connections - how many connections of clients are open.
 */
export function noteRest(connections: number): void {
  resting = beyondClients(connections);
}

/** Calls `open`, and counts the resources that it opens as those at rest, whatever the thread does at this moment. */
export function noteOpened<T>(open: () => T): T {
  const then = process.getActiveResourcesInfo();
  const opened = open();
  resting = [...resting, ...without(process.getActiveResourcesInfo(), then)];
  return opened;
}

/** What the thread waits for now: its active resources, without those at rest and the connections of clients. */
export function pending(connections: number): string[] {
  return without(beyondClients(connections), resting).slice(0, MOST);
}

function beyondClients(connections: number): string[] {
  const resources = process.getActiveResourcesInfo();
  for (const kind of resources) {
    const client = CLIENTS.get(kind);
    if (client !== undefined) kinds.add(client);
  }
  // The connections of clients are taken to be the last that were opened: those of this library were there before.
  let clients = connections;
  return [...resources]
    .reverse()
    .filter((kind) => {
      const isClient =
        clients > 0 && (kind === 'TCPSocketWrap' || kind === 'PipeWrap') && (kinds.size === 0 || kinds.has(kind));
      if (isClient) clients--;
      return !isClient && !CLIENTS.has(kind);
    })
    .reverse();
}
