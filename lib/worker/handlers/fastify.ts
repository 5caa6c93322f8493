import type { RoutingHandler } from '../../options/handler.js';
import type { Listener } from './listener.js';

/**
 * Fastify's `close()` does everything in one act: from then on it answers 503 to every request, calls the `preClose`
 * hooks, waits until its server has closed, and calls the `onClose` hooks. Here, requests are served until the last one
 * has come, and Fastify's server never listens, so it closes at once. Therefore the `preClose` hooks, which end what
 * would not end by itself, are called when the drain begins. `close()` follows after the last answer.
 */
export function createClosing(app: RoutingHandler): Pick<Listener, 'drain' | 'close'> {
  const callHooks = takeHooks(app);
  return { drain: callHooks, close: async () => void (await app.close?.()) };
}

type Hook = ((this: unknown) => unknown) | ((this: unknown, done: (error?: Error) => void) => void);
type Instance = Readonly<Record<symbol, unknown>>;

/**
 * Wraps each `preClose` hook so that it is called once, and returns a function that calls them all in Fastify's order:
 * those of an instance, then those of its plugins, one after the other. Fastify keeps them under symbols, in the same
 * way from version 4, which introduced them, to 5. Hooks that are not found there are called by `close()`.
 */
function takeHooks(app: object): () => Promise<void> {
  const calls: (() => Promise<unknown>)[] = [];
  const take = (instance: Instance): void => {
    const hooks = (behind(instance, 'fastify.hooks') as { preClose?: unknown } | undefined)?.preClose;
    if (Array.isArray(hooks)) {
      for (const [index, hook] of (hooks as Hook[]).entries()) {
        const call = once(hook, instance);
        hooks[index] = call;
        calls.push(call);
      }
    }
    const children = behind(instance, 'fastify.children');
    if (Array.isArray(children)) for (const child of children as Instance[]) take(child);
  };
  take(app as Instance);
  return async () => {
    // As in Fastify, no hook is called after one that fails.
    for (const call of calls) await call();
  };
}

function behind(instance: Instance, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(instance).find((symbol) => symbol.description === description);
  return symbol && instance[symbol];
}

function once(hook: Hook, instance: unknown): () => Promise<unknown> {
  let called: Promise<unknown> | undefined;
  const call = async (): Promise<unknown> => {
    if (hook.length === 0) return (hook as () => unknown).call(instance);
    return new Promise<void>((resolve, reject) => {
      const done = (error?: Error): void => (error ? reject(error) : resolve());
      hook.call(instance, done);
    });
  };
  return () => (called ??= call());
}
