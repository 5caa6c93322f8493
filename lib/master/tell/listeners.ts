/**
 * How eventemitter3 keeps listeners: a single listener of an event by itself, several in a list. Nothing else has the
 * contexts of the listeners.
 */
interface Registration {
  readonly fn: (...args: unknown[]) => unknown;
  readonly context: unknown;
  readonly once: boolean;
}

interface Emitter {
  readonly _events: Readonly<Record<string, Registration | readonly Registration[] | undefined>>;
  removeListener(event: string, fn: Registration['fn'], context: undefined, once: true): unknown;
}

/** Called for a listener that threw, or that was async and rejected. It must not throw. */
type OnFailure = (event: string, cause: unknown, how: 'threw' | 'rejected') => void;

/**
 * Calls the listeners of an event as `emit` of eventemitter3 does, but each by itself. A listener that throws keeps
 * none of the others from being called. The rejection of an async listener does not become an unhandled rejection,
 * which would end the host. Returns whether there was a listener.
 */
export function callListeners(emitter: object, event: string, args: readonly unknown[], onFailure: OnFailure): boolean {
  const { _events: events } = emitter as Emitter;
  const found = events[event];
  if (found === undefined) return false;
  // A copy, since a listener may remove itself, or others.
  const registrations = Array.isArray(found) ? [...found] : [found as Registration];
  for (const { fn, context, once } of registrations) {
    if (once) (emitter as Emitter).removeListener(event, fn, undefined, true);
    try {
      const result = fn.apply(context, [...args]) as Partial<PromiseLike<unknown>> | undefined;
      if (typeof result?.then === 'function') {
        result.then(undefined, (cause: unknown) => onFailure(event, cause, 'rejected'));
      }
    } catch (cause) {
      onFailure(event, cause, 'threw');
    }
  }
  return true;
}
