import { EventEmitter } from 'node:events';

/** What is done about an event in the place of the listeners. */
export type Act = (...args: never[]) => unknown;
type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean;
type Emitter = EventEmitter & { _events?: Record<string, unknown> };

/** What has not been patched calls the listeners and does nothing else. */
const PLAIN = EventEmitter.prototype.emit as Emit;

/**
 * Stands in front of a server: of these events ours is what is done when they are emitted, and who listens is not called by them. So an
 * application may add, wrap and take away its listeners at any time, as libraries do, and nothing gets past the worker.
 *
 * Tools that trace requests patch `emit` of all servers, so theirs is called: with an object that has ours as its only listeners. Who has
 * patched that of this very server may call the one before on the server itself: it is called in the place of the listeners, and returned.
 */
export function standInFront(server: EventEmitter, acts: Readonly<Record<string, Act>>): Emit | undefined {
  const patched = Object.hasOwn(server, 'emit');
  const emit = server.emit as Emit;
  const ours: Record<string | symbol, Act | undefined> = Object.assign(Object.create(null), acts);
  const front = Object.create(server, { _events: { value: ours } }) as EventEmitter;
  // No rest parameters: this is called for each request.
  const intercept = function (this: unknown, event: string | symbol, first: unknown, second: unknown, third: unknown) {
    const act = ours[event];
    // biome-ignore lint/complexity/noArguments: as many as there are.
    if (act === undefined) return emit.apply(this, arguments as unknown as Parameters<Emit>);
    if (!patched && emit !== PLAIN) return emit.call(front, event, first, second, third);
    (act as (...args: unknown[]) => unknown)(first, second, third);
    return true;
  };
  Object.defineProperty(server, 'emit', { value: intercept, writable: true, configurable: true });
  return patched ? emit : undefined;
}

/** The only listener of an event, without a list being made; undefined when there are more, or none. */
export function onlyListener(server: EventEmitter, event: string): ((...args: unknown[]) => unknown) | undefined {
  // As old as Node, and the same up to 26.
  const listener = (server as Emitter)._events?.[event];
  return typeof listener === 'function' ? (listener as (...args: unknown[]) => unknown) : undefined;
}
