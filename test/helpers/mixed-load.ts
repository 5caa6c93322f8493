import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Exchange, ExchangeFailure, exchange, type FailureKind } from './exchange.js';
import { eventually } from './wait.js';

/**
 * `close`: a new connection for each request. `keepAlive`: one connection, kept as long as the server keeps it.
 * `upload`: a POST of 10 MB on a new connection. `unix`: these three in turn, over the Unix socket.
 */
export type ClientKind = 'close' | 'keepAlive' | 'upload' | 'unix';

/** A request that did not get the right answer. No request is ever sent again. */
export interface Failure {
  readonly client: ClientKind;
  readonly kind: FailureKind;
  readonly code: string | number | undefined;
  readonly message: string;
  readonly reused: boolean;
  /** When the request was sent, and when it failed, since the start of the load. Milliseconds. */
  readonly sent: number;
  readonly failed: number;
}

export interface Target {
  /** `http://host:port`, with the path to ask for. */
  readonly url?: string;
  readonly socketPath?: string;
}

export interface MixedLoadSettings {
  /** The body of a right answer to a GET. The group `version` is counted. @defaultValue that of the fixture `deploy` */
  readonly expects?: RegExp;
  /** The length of an upload, bytes. @defaultValue 10 MB */
  readonly upload?: number;
  /** How many times longer than usual the clients pause. @defaultValue `1` */
  readonly ease?: number;
  /** After this time without a byte, a request counts as hanging. Milliseconds. @defaultValue `30000` */
  readonly silence?: number;
}

/** How many requests of the clients of one kind were answered, and how many failed. */
export interface KindCount {
  answered: number;
  failed: number;
}

/** What ends the load: a test, or something else with an `after`. */
interface Lifetime {
  after(hook: () => Promise<void>): void;
}

/**
 * The pauses of a client after its answers, in turn: short and different, so that requests and the ends of connections
 * meet in many ways. Milliseconds.
 */
const PAUSES = [0, 1, 3, 7, 13, 20];
/** The pause after an upload, since ten megabytes are work for both sides. Milliseconds. */
const UPLOAD_PAUSE = 50;
/** The pause after a failure, so that a server that refuses everything is not asked all the time. Milliseconds. */
const FAILED_PAUSE = 20;
/** What each client on the Unix socket does in turn, again and again. */
const TURNS: readonly ClientKind[] = [...Array(12).fill(['close', 'keepAlive']).flat(), 'upload'];

/**
 * Clients of several kinds that send requests to one service at once, again and again. Each request is counted as
 * answered, or with how it failed.
 */
export class MixedLoad {
  readonly failures: Failure[] = [];
  readonly counts: Record<ClientKind, KindCount>;
  /** How many GETs each version of the application has answered. */
  readonly versions: Map<string, number> = new Map();
  /** The longest time in which no request was answered. Milliseconds. */
  longestGap = 0;
  readonly #target: Target;
  readonly #settings: Required<MixedLoadSettings>;
  readonly #start = performance.now();
  readonly #clients: Promise<void>[];
  #lastAnswer = this.#start;
  #stopping = false;

  constructor(
    t: Lifetime,
    target: Target,
    clients: Partial<Record<ClientKind, number>>,
    { expects = /^\d+ \d+ (?<version>\S+)$/, upload = 10_000_000, ease = 1, silence = 30_000 }: MixedLoadSettings = {},
  ) {
    this.#target = target;
    this.#settings = { expects, upload, ease, silence };
    const none = (): KindCount => ({ answered: 0, failed: 0 });
    this.counts = { close: none(), keepAlive: none(), upload: none(), unix: none() };
    const kinds = Object.entries(clients) as [ClientKind, number][];
    this.#clients = kinds.flatMap(([kind, count]) => Array.from({ length: count }, () => this.#run(kind)));
    t.after(() => this.stop());
  }

  get answered(): number {
    return Object.values(this.counts).reduce((sum, { answered }) => sum + answered, 0);
  }

  /** Waits until this many more requests have been answered, of one kind or of all together. */
  async more(count: number, kind?: ClientKind): Promise<void> {
    const answered = (): number => (kind ? this.counts[kind].answered : this.answered);
    const goal = answered() + count;
    await eventually(
      () => answered() >= goal,
      () => `${goal} answers ${kind ? `to '${kind}'` : ''}, ${this}`,
    );
  }

  /** Resolves when the last request has been answered, or has failed. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#clients);
  }

  /** The counts of all kinds, and the first failures. */
  toString(): string {
    const kinds = Object.entries(this.counts).map(([kind, { answered, failed }]) => `${kind} ${answered}+${failed}`);
    const failures = this.failures.slice(0, 20).map((failure) => JSON.stringify(failure));
    return [`answered+failed: ${kinds.join(', ')}`, ...failures].join('\n');
  }

  async #run(client: ClientKind): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let turn = 0; !this.#stopping; turn++) {
      const style = client === 'unix' ? (TURNS[turn % TURNS.length] as ClientKind) : client;
      const sent = performance.now();
      try {
        this.#count(client, await exchange(this.#exchange(client, style, agent)));
        await delay(
          (style === 'upload' ? UPLOAD_PAUSE : (PAUSES[turn % PAUSES.length] as number)) * this.#settings.ease,
        );
      } catch (error) {
        if (!(error instanceof ExchangeFailure)) throw error;
        this.#fail(client, error, sent);
        await delay(FAILED_PAUSE);
      }
    }
    agent.destroy();
  }

  #exchange(client: ClientKind, style: ClientKind, agent: Agent): Exchange {
    const { url, socketPath } = this.#target;
    const { expects, upload, silence } = this.#settings;
    const { hostname, port, pathname, search } = new URL(url ?? 'http://localhost/');
    const common = {
      to: client === 'unix' ? { socketPath } : { host: hostname.replace(/^\[|\]$/g, ''), port },
      path: pathname + search,
      agent: style === 'keepAlive' && agent,
      silence,
    };
    if (style !== 'upload') return { ...common, expects };
    return { ...common, upload, expects: new RegExp(`^${upload}\\n?$`) };
  }

  #count(client: ClientKind, body: string): void {
    const now = performance.now();
    this.longestGap = Math.max(this.longestGap, now - this.#lastAnswer);
    this.#lastAnswer = now;
    this.counts[client].answered++;
    const version = this.#settings.expects.exec(body)?.groups?.['version'];
    if (version !== undefined) this.versions.set(version, (this.versions.get(version) ?? 0) + 1);
  }

  #fail(client: ClientKind, { kind, code, message, reused }: ExchangeFailure, sent: number): void {
    const since = (time: number): number => Math.round(time - this.#start);
    this.counts[client].failed++;
    this.failures.push({ client, kind, code, message, reused, sent: since(sent), failed: since(performance.now()) });
  }
}
