import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RequestListener } from '../../options/handler.js';
import type { ApplicationEvents } from './application-events.js';

/** Takes over a connection after a request head. May return a promise. */
export type ConnectionListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => unknown;

/** An application, whatever it is, as the listeners of an `http.Server`. Each may throw, or return a promise that rejects. */
export interface Listener {
  readonly request: RequestListener;
  /** Present when the application takes upgrades. */
  readonly upgrade?: ConnectionListener;
  /**
   * Whether an upgrade is for the application; one that is not is served as the plain request that it also is. As
   * `shouldUpgradeCallback` of Node's servers. @defaultValue all but offers of HTTP/2 and TLS (`h2c`, `TLS/1.3` …)
   */
  readonly shouldUpgrade?: (request: IncomingMessage) => boolean;
  /** Present when the application takes CONNECT. */
  readonly connect?: ConnectionListener;
  /** Present when the application answers `Expect: 100-continue` itself. A request that comes here does not come to `request`. */
  readonly checkContinue?: RequestListener;
  /** The same for any other `Expect`. */
  readonly checkExpectation?: RequestListener;
  /** Present when the application answers malformed requests itself. */
  readonly clientError?: (error: Error, socket: Duplex) => unknown;
  /**
   * Tells the application that the drain begins: requests are still served, and more may come. Nothing waits for it.
   */
  readonly drain?: () => unknown;
  /** Ends what the application opened. To be called once, after the last request. */
  readonly close?: () => Promise<void>;
  /** @internal The application is a server: it is fed itself, and asked for its listeners at each event. */
  readonly own?: { readonly server: Server; readonly events: ApplicationEvents };
  /** @internal A server that belongs to the application, and whose listeners count beside those above, but for requests. */
  readonly beside?: Server;
}
