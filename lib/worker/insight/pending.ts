/*
 * What this thread waits for, as far as it is the application's: the kinds of `process.getActiveResourcesInfo()`, of a request that is slow or has
 * come to its limit, or of a boot. It knows of no request; whoever asks says how many connections clients have.
 */

/** Of a report; an async worker may wait for thousands. */
const MOST = 100;
/** What accepts clients, and is opened and closed as there is room; and what their connections are. */
const CLIENTS: ReadonlyMap<string, string> = new Map([
  ['TCPServerWrap', 'TCPSocketWrap'],
  ['PipeServerWrap', 'PipeWrap'],
]);

/** What was there when nothing was to be done: the pipes of this library, the application's output, the connections of a pool. */
let resting: readonly string[] = [];
/** What connections of clients may be, as far as anything has been seen that accepts them. */
const kinds = new Set<string>();

/** What is waited for now, and was not then; of `process.getActiveResourcesInfo()`. */
export function without(resources: readonly string[], then: readonly string[]): string[] {
  const rest = [...then];
  return resources.filter((resource) => {
    const known = rest.indexOf(resource);
    if (known !== -1) rest.splice(known, 1);
    return known === -1;
  });
}

/**
 * At this moment nothing is to be done; to be said whenever it is known, since what was there may have gone.
 *
 * @param connections - those of clients that are open.
 */
export function noteRest(connections: number): void {
  resting = beyondClients(connections);
}

/** What is opened now, at whatever moment, is there to stay. */
export function noteOpened<T>(open: () => T): T {
  const then = process.getActiveResourcesInfo();
  const opened = open();
  resting = [...resting, ...without(process.getActiveResourcesInfo(), then)];
  return opened;
}

/** What is waited for now, beyond what is there when nothing is to be done, and beyond the connections of clients. */
export function pending(connections: number): string[] {
  return without(beyondClients(connections), resting).slice(0, MOST);
}

function beyondClients(connections: number): string[] {
  const resources = process.getActiveResourcesInfo();
  for (const kind of resources) {
    const client = CLIENTS.get(kind);
    if (client !== undefined) kinds.add(client);
  }
  // Theirs are the last that were opened, as far as that is known: what the library itself has was there before.
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
