import { type Channel, channel } from 'node:diagnostics_channel';
import type { ArbiterEvents } from './events.js';
import type { Journal } from './journal.js';

/** What is published on the diagnostics channel `prefork:EVENT`, for each event of every Arbiter of this process. */
export interface ArbiterMessage<E extends keyof ArbiterEvents = keyof ArbiterEvents> {
  /** The `name` of the Arbiter. */
  readonly name: string;
  readonly event: E;
  /** The arguments that the listeners of the event get. */
  readonly args: Readonly<ArbiterEvents[E]>;
}

/** The channels of all Arbiters. A channel that is kept knows of later subscribers. */
const channels = new Map<string, Channel>();

/**
 * Publishes the events of an Arbiter to all subscribers, before its listeners are called. Without subscribers, it only
 * looks whether there is one.
 */
export function mirror(name: string): Journal {
  return (event, args) => {
    let found = channels.get(event);
    if (found === undefined) {
      found = channel(`prefork:${event}`);
      channels.set(event, found);
    }
    if (found.hasSubscribers) found.publish({ name, event, args: [...args] } satisfies ArbiterMessage);
  };
}
