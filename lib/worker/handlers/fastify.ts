import type { RoutingHandler } from '../../options/handler.js';
import type { Listener } from './listener.js';

/**
 * Fastify's `close()` is one act: it says 503 to every request from then on, calls the `preClose` hooks, waits until its server has
 * closed, and calls the `onClose` hooks. Here requests are served until the last one has come; and its server, which never
 * listens, closes at once. So the `preClose` hooks, which end what would not end by itself, are called when the drain begins, and
 * `close()` follows the last answer.
 */
export function createClosing(app: RoutingHandler): Pick<Listener, 'drain' | 'close'> {
  const callHooks = takeHooks(app);
  return { drain: callHooks, close: async () => void (await app.close?.()) };
}

type Hook = ((this: unknown) => unknown) | ((this: unknown, done: (error?: Error) => void) => void);
type Instance = Readonly<Record<symbol, unknown>>;

/**
 * Makes each `preClose` hook one that is called once, and returns what calls them all, in Fastify's order: those of an instance,
 * then those of its plugins, one after the other. They are kept behind symbols, in the same way from Fastify 4, which brought them, to 5; where
 * they are not found, `close()` calls them.
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
    // As Fastify does: one that fails is the last.
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
