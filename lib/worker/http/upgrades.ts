import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { pendingOf, streamOf, transportOf } from '../connections/connection.js';
import type { ApplicationEvents } from '../handlers/application-events.js';
import type { Listener } from '../handlers/listener.js';
import type { FedServer } from './server.js';

/**
 * What general-purpose clients offer to every server, without knowing the application: HTTP/2 without TLS
 * (`curl --http2`, Java's HttpClient), and TLS within HTTP, RFC 2817.
 */
const OFFERS = /^(?:h2c?|http\/[\d.]+|tls\/[\d.]+)$/i;

function tokensOf({ headers: { upgrade = '' } }: IncomingMessage): string[] {
  return upgrade.split(',').map((token) => token.trim());
}

export function isWebSocket(request: IncomingMessage): boolean {
  return tokensOf(request).some((token) => token.toLowerCase() === 'websocket');
}

/**
 * Whether an upgrade can be meant for the application. Any other is an offer that a server may ignore, RFC 9110, 7.8:
 * the server then answers the request itself.
 */
export function isForApplication(request: IncomingMessage): boolean {
  return tokensOf(request).some((token) => token !== '' && !OFFERS.test(token));
}

type Decide = (request: IncomingMessage) => boolean;
type Deciding = Server & { shouldUpgradeCallback?: Decide };

interface UpgradesOf {
  readonly upgrades: boolean;
  readonly connections: () => Iterable<Socket>;
  /** The application would take this upgrade, but the worker class serves none. */
  readonly onUnserved: () => void;
}

/**
 * Decides which upgrades Node hands to the application. From 24.9 on, Node asks a callback for each one. Before that,
 * Node only checks whether anybody listens, and has detached the parser by the time it emits the event. On those
 * versions the question is therefore asked inside the parser: an upgrade that is declined becomes a plain request, with
 * its body and keep-alive.
 *
 * An upgrade behind unanswered requests of its connection is declined too. Otherwise it would be answered before them,
 * and their answers would end up in the midst of its protocol. RFC 9110, 7.8 allows a server to ignore it.
 *
 * @param listener - the application's, which may decide by itself.
 */
export function decideUpgrades(
  { server, front }: FedServer,
  application: ApplicationEvents,
  { shouldUpgrade, own, beside }: Listener,
  { upgrades, connections, onUnserved }: UpgradesOf,
): void {
  const takes = shouldUpgrade ?? ownDecision(own?.server ?? beside) ?? isForApplication;
  const decide: Decide = (request) => {
    if (!application.hears('upgrade')) return false;
    if (upgrades) return pendingOf(transportOf(request.socket)) === 0 && takes.call(server, request);
    if (isForApplication(request)) onUnserved();
    return false;
  };
  if (defaultDecision() !== undefined) {
    (server as Deciding).shouldUpgradeCallback = decide;
    return;
  }
  const ask = createQuestion(decide);
  front.on('secureConnection', (stream: Socket) => application.hears('upgrade') && ask(stream));
  server.on('connection', (stream: Socket) => application.hears('upgrade') && ask(stream));
  application.onNew('upgrade', () => {
    for (const socket of connections()) ask(streamOf(socket));
  });
}

/** Node's own callback; undefined in versions that have none. */
function defaultDecision(): Decide | undefined {
  return (createServer() as Deciding).shouldUpgradeCallback;
}

/** The option of that name, or, on older versions of Node, a property that the application has set. */
function ownDecision(server: Deciding | undefined): Decide | undefined {
  const own = server?.shouldUpgradeCallback;
  // Node makes a new default function for each server, always of the same text.
  return String(own) === String(defaultDecision()) ? undefined : own;
}

interface Parser {
  onIncoming: ((request: IncomingMessage & { upgrade?: boolean }, keepAlive: boolean) => unknown) | null;
  [NEXT]?: Parser['onIncoming'];
}
/** The `onIncoming` that was there before the question. */
const NEXT: unique symbol = Symbol('next');

/**
 * Puts the question in front of `onIncoming` of a connection's parser, which is called with the head of each request.
 * It is the same from Node 20 to 24.8.
 */
function createQuestion(decide: Decide): (stream: Socket) => void {
  const question: NonNullable<Parser['onIncoming']> = function (this: Parser, request, keepAlive) {
    if (request.upgrade && request.method !== 'CONNECT' && !decide(request)) request.upgrade = false;
    return this[NEXT]?.(request, keepAlive);
  };
  return (stream) => {
    const { parser } = stream as { parser?: Parser | null };
    if (!parser?.onIncoming || parser.onIncoming === question) return;
    parser[NEXT] = parser.onIncoming;
    parser.onIncoming = question;
  };
}
