/*
 * The keys that encrypt the tickets of TLS sessions. If each worker made keys of its own, it would know no ticket of
 * another worker. So the master makes them, and all workers have the same. Whoever has the keys can read recorded TLS
 * 1.2 connections. So they are nowhere but in memory and in pipes, and are replaced. Node has one set of keys at a
 * time, and cannot keep another for old tickets only: a client that brings an old ticket has a full handshake.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { TlsOptions } from 'node:tls';
import { serialize } from 'node:v8';
import { asDelay } from '../../delay.js';
import { monotonic } from '../../monotonic.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import { TICKET_KEYS } from '../../protocol/orders.js';
import { heritage, type TicketNews } from '../sockets/heritage.js';

/** How long a `sessionIdContext` may be. OpenSSL: `SSL_MAX_SID_CTX_LENGTH`. */
const CONTEXT_LENGTH = 32;

type Take = (keys: Buffer) => void;
type Owner = Pick<ResolvedOptions, 'name' | 'ticketKeyRotation'>;

interface Heirloom {
  readonly keys: Buffer;
  /** When they were made, milliseconds of `monotonic()`. */
  readonly since: number;
}

/**
 * The keys that are used now, for one certificate and all else that `tls` says. A ticket for one `tls` is not valid for
 * another.
 */
export class TicketKeys {
  readonly owner: Owner;
  /** What the keys are for, so that another process can tell; a digest. */
  readonly purpose: string;
  readonly #watchers = new Set<Take>();
  #keys: Buffer;
  /** When the keys were made, milliseconds of `monotonic()`. */
  #since: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(owner: Owner, purpose: string, inherited: Heirloom) {
    this.owner = owner;
    this.purpose = purpose;
    this.#keys = inherited.keys;
    this.#since = inherited.since;
    inUse.add(this);
  }

  /** The current keys, for a worker that begins. The buffer is overwritten when the keys are replaced. */
  get keys(): Buffer {
    // While there is no worker, no timer renews the keys.
    if (this.#left <= 0) this.#renew();
    return this.#keys;
  }

  get news(): TicketNews {
    return { purpose: this.purpose, keys: this.keys.toString('base64'), since: this.#since };
  }

  /** Calls back with all later keys. Returns a function that ends this. */
  watch(take: Take): () => void {
    this.#watchers.add(take);
    this.#arm();
    return () => {
      this.#watchers.delete(take);
      if (this.#watchers.size > 0) return;
      clearTimeout(this.#timer);
      if (!inUse.has(this)) this.#keys.fill(0);
    };
  }

  /** Takes the keys of another process that uses the same, if they are newer. */
  adopt(keys: Buffer, since: number): void {
    if (since > this.#since) this.#replace(keys, since);
    else keys.fill(0);
  }

  /** No worker will be started with these keys any more. Workers that run keep them until they end. */
  retire(): void {
    inUse.delete(this);
    if (this.#watchers.size === 0) this.#keys.fill(0);
  }

  /** How long the keys are still used, milliseconds. */
  get #left(): number {
    const { ticketKeyRotation } = this.owner;
    return ticketKeyRotation === 0 ? Number.POSITIVE_INFINITY : this.#since + ticketKeyRotation - monotonic();
  }

  #renew(): void {
    this.#replace(randomBytes(TICKET_KEYS), monotonic());
    announce(this);
  }

  #replace(keys: Buffer, since: number): void {
    this.#keys.fill(0);
    this.#keys = keys;
    this.#since = since;
    for (const take of this.#watchers) take(keys);
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const left = this.#left;
    if (this.#watchers.size === 0 || left === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#renew(), asDelay(left)).unref();
  }
}

/** All keys that this process uses. */
const inUse = new Set<TicketKeys>();
/** How the processes beside this one are told of its keys, see `succession.ts`. */
const beside = new Set<(news: readonly TicketNews[]) => void>();
/** Keys that those processes have and nobody here uses yet, by purpose. */
const heirlooms = new Map<string, Heirloom>();

if (heritage) {
  const predecessor = heritage;
  predecessor.onTickets(hearTicketKeys);
  beside.add((news) => predecessor.tellTickets(news));
  predecessor.onAlone(forgetHeirlooms);
}

/**
 * The keys for what an Arbiter serves: those that it uses for the same already, or those that another process uses for
 * it, or new ones. Undefined where the user has brought some.
 */
export function ticketKeysFor(owner: Owner, tls: TlsOptions): TicketKeys | undefined {
  if (tls.ticketKeys) return undefined;
  const purpose = createHash('sha256')
    .update(serialize([owner.name, tls]))
    .digest('base64');
  for (const used of inUse) if (used.owner === owner && used.purpose === purpose) return used;
  const heirloom = heirlooms.get(purpose);
  if (heirloom) {
    heirlooms.delete(purpose);
    return new TicketKeys(owner, purpose, heirloom);
  }
  const made = new TicketKeys(owner, purpose, { keys: randomBytes(TICKET_KEYS), since: monotonic() });
  announce(made);
  return made;
}

/**
 * Sets `sessionIdContext`, which must also be the same wherever a ticket is to be accepted. Node makes it from the
 * command line, which has another path in it after a deploy.
 */
export function withSessionContext({ name }: Pick<Owner, 'name'>, tls: TlsOptions): TlsOptions {
  const digest = createHash('sha256').update(`prefork ${name}`).digest('hex');
  return { ...tls, sessionIdContext: tls.sessionIdContext ?? digest.slice(0, CONTEXT_LENGTH) };
}

/** An Arbiter has ended: its keys are retired. */
export function retireTicketKeys(owner: Owner): void {
  for (const keys of [...inUse]) if (keys.owner === owner) keys.retire();
}

export function hasTicketKeys(): boolean {
  return inUse.size > 0;
}

/**
 * Tells another process, by `tell`, which keys are in use now, and all later ones. Returns a function that ends this.
 */
export function shareTicketKeys(tell: (news: readonly TicketNews[]) => void): () => void {
  tell([...inUse].map(({ news }) => news));
  beside.add(tell);
  return () => {
    beside.delete(tell);
    forgetHeirlooms();
  };
}

/** Another process tells of its keys. It may run another version of this library. */
export function hearTicketKeys(news: readonly Partial<TicketNews>[]): void {
  for (const one of news) {
    const { purpose, keys: text, since } = Object(one) as Partial<TicketNews>;
    if (typeof text !== 'string' || typeof purpose !== 'string' || typeof since !== 'number') continue;
    const keys = Buffer.from(text, 'base64');
    if (keys.length !== TICKET_KEYS) continue;
    const users = [...inUse].filter((used) => used.purpose === purpose);
    for (const user of users) user.adopt(Buffer.from(keys), since);
    if (users.length > 0) keys.fill(0);
    else inherit(purpose, { keys, since });
  }
}

/** Keeps the newer keys of a purpose, and nothing of the others. */
function inherit(purpose: string, heirloom: Heirloom): void {
  const before = heirlooms.get(purpose);
  const isNewer = before === undefined || heirloom.since > before.since;
  (isNewer ? before : heirloom)?.keys.fill(0);
  if (isNewer) heirlooms.set(purpose, heirloom);
}

function announce({ news }: TicketKeys): void {
  for (const tell of beside) tell([news]);
}

function forgetHeirlooms(): void {
  for (const { keys } of heirlooms.values()) keys.fill(0);
  heirlooms.clear();
}
