import { EventEmitter } from 'node:events';

/** What is done for an event instead of calling its listeners. */
export type Act = (...args: never[]) => unknown;
type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean;
type Emitter = EventEmitter & { _events?: Record<string, unknown> };

/** An `emit` that has not been patched only calls the listeners. */
const PLAIN = EventEmitter.prototype.emit as Emit;

/**
 * Puts acts in front of the listeners of a server: when one of these events is emitted, its act is called, and the
 * listeners are not. So an application may add, wrap and remove listeners at any time, as libraries do, and nothing
 * bypasses the worker.
 *
 * Tracing tools patch `emit` of all servers. Such an `emit` is still called, on an object whose only listeners are the
 * acts. A tool that has patched `emit` of this very server may call the original on the server itself. That `emit` is
 * returned, and is to be called in place of the listeners.
 */
export function standInFront(server: EventEmitter, acts: Readonly<Record<string, Act>>): Emit | undefined {
  const patched = Object.hasOwn(server, 'emit');
  const emit = server.emit as Emit;
  const ours: Record<string | symbol, Act | undefined> = Object.assign(Object.create(null), acts);
  const front = Object.create(server, { _events: { value: ours } }) as EventEmitter;
  // No rest parameters, since this is called for each request.
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

/** The only listener of an event, found without making a list; undefined if there are none, or more than one. */
export function onlyListener(server: EventEmitter, event: string): ((...args: unknown[]) => unknown) | undefined {
  // `_events` is undocumented, but as old as Node, and the same up to version 26.
  const listener = (server as Emitter)._events?.[event];
  return typeof listener === 'function' ? (listener as (...args: unknown[]) => unknown) : undefined;
}
