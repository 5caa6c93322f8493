/* `prefork ctl stop`: tells a master to stop, and waits until it has. */
import { setTimeout as delay } from 'node:timers/promises';
import { type ControlClient, UnreachableError } from './ctl-client.js';

/** How often a master that is stopping is looked at. Milliseconds. */
const LOOK = 100;

/**
 * Resolves with the master's answer when the master has ended; to close its control is the last thing that it does. It
 * is asked over one connection, on which no other process can answer. Once that connection is lost, another process may
 * answer at the same address: with another pid, with the same pid (in another container), or with a refusal of this
 * token.
 */
export async function stopMaster(client: ControlClient, now: boolean): Promise<{ pid: number; body: object }> {
  client.keepConnection();
  const { pid } = await client.get('/livez');
  const body = await client.post(`/stop?graceful=${!now}`);
  while (await isThere(client, pid, client.connections)) await delay(LOOK);
  return { pid, body };
}

async function isThere(client: ControlClient, pid: number, connections: number): Promise<boolean> {
  try {
    const other = await client.get('/livez');
    // A connection may be lost though the master is there, as while this command was suspended.
    return client.connections === connections || (other.pid === pid && other.state === 'stopping');
  } catch (error) {
    return client.connections === connections && !(error instanceof UnreachableError);
  }
}
