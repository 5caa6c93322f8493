import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { describe } from '../../options/application.js';
import type { RequestListener } from '../../options/handler.js';
import type { ApplicationEvents } from './application-events.js';

/** Takes over a connection after the head of a request. May return a promise. */
export type ConnectionListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => unknown;

/**
 * An application of any kind, as the listeners of an `http.Server`. Each of them may throw, or return a promise that
 * rejects.
 */
export interface Listener {
  readonly request: RequestListener;
  /** Present when the application takes upgrades. */
  readonly upgrade?: ConnectionListener | undefined;
  /**
   * Whether an upgrade is meant for the application. If not, it is served as the plain request that it also is. It
   * works like `shouldUpgradeCallback` of Node's servers.
   *
   * @defaultValue all but offers of HTTP/2 and TLS (`h2c`, `TLS/1.3` …)
   */
  readonly shouldUpgrade?: ((request: IncomingMessage) => boolean) | undefined;
  /** Present when the application takes CONNECT requests. */
  readonly connect?: ConnectionListener | undefined;
  /** Present when the application answers `Expect: 100-continue` itself. Such requests are not passed to `request`. */
  readonly checkContinue?: RequestListener | undefined;
  /** The same for any other `Expect` header. */
  readonly checkExpectation?: RequestListener | undefined;
  /** Present when the application answers malformed requests itself. */
  readonly clientError?: ((error: Error, socket: Duplex) => unknown) | undefined;
  /**
   * Tells the application that the drain begins. Requests are still served, and more may come. Nothing waits for its
   * result.
   */
  readonly drain?: (() => unknown) | undefined;
  /** Ends what the application has opened. Called once, after the last request; a promise is awaited. */
  readonly close?: (() => unknown) | undefined;
  /** @internal The application is a server. It is fed itself, and asked for its listeners at each event. */
  readonly own?: { readonly server: Server; readonly events: ApplicationEvents };
  /**
   * @internal A server that belongs to the application, and whose listeners count beside those above, except for
   * requests.
   */
  readonly beside?: Server;
}

/** The listeners that it may have beside `request`. */
const MORE = [
  'upgrade',
  'shouldUpgrade',
  'connect',
  'checkContinue',
  'checkExpectation',
  'clientError',
  'drain',
  'close',
];

/**
 * Checks what `createListener()` has returned, since its class may be the user's. Throws a TypeError if it is no
 * listener.
 */
export function asListener(made: unknown): Listener {
  if (typeof made === 'function') return { request: made as RequestListener };
  const listener = (typeof made === 'object' && made !== null ? made : {}) as Readonly<Record<string, unknown>>;
  if (typeof listener['request'] !== 'function') {
    const hint = made === undefined ? '; is its return missing?' : '';
    const expected = 'a function (request, response) => …, or an object with that as request';
    throw new TypeError(`expected from createListener() of the worker class ${expected}, got ${describe(made)}${hint}`);
  }
  for (const name of MORE) {
    const part = listener[name];
    if (part === undefined || typeof part === 'function') continue;
    const of = `${name} of what createListener() of the worker class returns`;
    throw new TypeError(`expected as ${of} a function, or nothing, got ${describe(part)}`);
  }
  return made as Listener;
}
