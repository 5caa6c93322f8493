/** Of a report; an async worker may wait for thousands. */
const MOST = 100;
/** What accepts clients, and is opened and closed as there is room. */
const LISTENERS: ReadonlySet<string> = new Set(['TCPServerWrap', 'PipeServerWrap']);

/** What is waited for now, and was not then; of `process.getActiveResourcesInfo()`. */
export function without(resources: readonly string[], before: readonly string[]): string[] {
  const rest = [...before];
  return resources.filter((resource) => {
    const known = rest.indexOf(resource);
    if (known !== -1) rest.splice(known, 1);
    return known === -1;
  });
}

/**
 * What is waited for now, beyond what is there when nothing is to be done, and beyond the connections of clients.
 *
 * @param idle - of `process.getActiveResourcesInfo()` at such a moment.
 * @param connections - those of clients that are open.
 */
export function pendingBeyond(idle: readonly string[], connections: number): string[] {
  const resources = without(process.getActiveResourcesInfo(), idle).filter((kind) => !LISTENERS.has(kind));
  let clients = connections;
  const others = resources.filter((kind) => {
    const isClient = clients > 0 && (kind === 'TCPSocketWrap' || kind === 'PipeWrap');
    if (isClient) clients--;
    return !isClient;
  });
  return others.slice(0, MOST);
}
