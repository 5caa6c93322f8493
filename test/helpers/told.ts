import type { Host } from './host.js';

/** What the handler of the fixture `witness` tells of a request as it comes, and again when its body is complete. */
export interface Told {
  readonly number: number;
  readonly method?: string;
  readonly url?: string;
  readonly body?: string;
}

/** All that the handlers of a host have told, in order. */
export function toldBy(host: Host): Told[] {
  return host.of('worker:message').map(({ args }) => args[1] as Told);
}

/** The targets (`url`) of all requests that have reached a handler. */
export function urlsSeen(host: Host): string[] {
  return toldBy(host).flatMap(({ url }) => (url === undefined ? [] : [url]));
}
