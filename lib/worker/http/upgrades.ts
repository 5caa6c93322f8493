import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { pendingOf, streamOf, transportOf } from '../connections/connection.js';
import type { ApplicationEvents } from '../handlers/application-events.js';
import type { Listener } from '../handlers/listener.js';
import type { FedServer } from './server.js';

/**
 * What general clients offer to everybody, without knowing the application: HTTP/2 without TLS (`curl --http2`, Java's HttpClient),
 * and TLS within HTTP, RFC 2817.
 */
const OFFERS = /^(?:h2c?|http\/[\d.]+|tls\/[\d.]+)$/i;

function tokensOf({ headers: { upgrade = '' } }: IncomingMessage): string[] {
  return upgrade.split(',').map((token) => token.trim());
}

export function isWebSocket(request: IncomingMessage): boolean {
  return tokensOf(request).some((token) => token.toLowerCase() === 'websocket');
}

/**
 * Whether an upgrade can be meant for the application. All others are offers that a server may ignore, RFC 9110, 7.8: it answers the
 * request that came with them.
 */
export function isForApplication(request: IncomingMessage): boolean {
  return tokensOf(request).some((token) => token !== '' && !OFFERS.test(token));
}

type Decide = (request: IncomingMessage) => boolean;
type Deciding = Server & { shouldUpgradeCallback?: Decide };

interface UpgradesOf {
  readonly upgrades: boolean;
  readonly connections: () => Iterable<Socket>;
  /** The application would take this one, and the class gives none. */
  readonly onUnserved: () => void;
}

/**
 * Decides which upgrades Node gives to the application. From 24.9 on it asks for each, before that only whether anybody listens, and has taken
 * the connection out of the parser's hands when it tells. There its parser is asked in between: what comes as no upgrade is a plain request
 * with a body, keep-alive and all.
 *
 * So is one behind requests of its connection that have no answer yet: it would be answered in front of them, and their answers would get into its
 * midst. RFC 9110, 7.8 allows to ignore it.
 *
 * @param listener - the application's, which may decide.
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

/** What Node decides by itself, where it decides. */
function defaultDecision(): Decide | undefined {
  return (createServer() as Deciding).shouldUpgradeCallback;
}

/** The option of that name, or on older versions of Node a property that the application has set. */
function ownDecision(server: Deciding | undefined): Decide | undefined {
  const own = server?.shouldUpgradeCallback;
  // Each server has a function of its own, of the same text.
  return String(own) === String(defaultDecision()) ? undefined : own;
}

interface Parser {
  onIncoming: ((request: IncomingMessage & { upgrade?: boolean }, keepAlive: boolean) => unknown) | null;
  [NEXT]?: Parser['onIncoming'];
}
/** What is behind the question. */
const NEXT: unique symbol = Symbol('next');

/** `onIncoming` of a connection's parser is called with the head of each request: the same from Node 20 to 24.8. */
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
