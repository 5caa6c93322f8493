/* Replaces `listen()` of every server in the process, before the script of `prefork run` starts. */
import net, { type Server } from 'node:net';
import { type Asked, type Choice, fateOf, readListen } from './listen-calls.js';

type Listen = (this: Server, ...args: unknown[]) => Server;

export interface Caught {
  /** This server is the one that the worker serves; it is not bound. */
  readonly onServed: (server: Server, asked: Asked) => void;
  /** Another server, which is not bound; the script is led to believe that it is. */
  readonly onRefused: (asked: Asked) => void;
}

/** @param wanted - the port on which the server to be served calls `listen()`; undefined to take the first server. */
export function catchListen(wanted: number | undefined, { onServed, onRefused }: Caught): void {
  refuseForks();
  const { prototype } = net.Server as unknown as { prototype: { listen: Listen } };
  const { listen } = prototype;
  let chosen: { readonly server: Server; readonly asked: Asked } | undefined;
  const choice = (): Choice['chosen'] =>
    chosen && { asked: chosen.asked, ports: [portOf(chosen.server.address()), chosen.asked.port ?? 0] };

  prototype.listen = function (...args) {
    const asked = readListen(args);
    const fate = fateOf(this, asked, { wanted, chosen: choice() });
    if (fate === 'leave') return listen.apply(this, args);
    if (this === chosen?.server) {
      const error = new Error('Listen method has been called more than once without closing.');
      throw Object.assign(error, { code: 'ERR_SERVER_ALREADY_LISTEN' });
    }
    const { signal } = Object(args[0]) as { readonly signal?: unknown };
    // As in Node, where an aborted signal closes the server.
    if (signal instanceof AbortSignal) signal.addEventListener('abort', () => this.close(), { once: true });
    const callback = args.at(-1);
    if (typeof callback === 'function') this.once('listening', callback as () => void);
    if (fate === 'serve') {
      chosen = { server: this, asked };
      onServed(this, asked);
      return this;
    }
    if (fate === 'refuse') onRefused(asked);
    pretend(this, asked);
    return this;
  };
}

/** The workers of `node:cluster` would listen through this process, which does not listen itself. */
function refuseForks(): void {
  // The types call it the namespace of a module; it is an object whose `fork` can be replaced.
  const cluster = process.getBuiltinModule('node:cluster') as unknown as { fork: () => never };
  cluster.fork = () => {
    throw new Error(
      'the script forks workers of its own, with node:cluster, and prefork run starts it in several workers already: have it serve by itself',
    );
  };
}

/**
 * Makes a server that is not bound look as if it listened, so that a script that waits for it goes on. `close()` works
 * too: it makes the server again what it was before.
 */
function pretend(server: Server, { port, host = '::', path }: Asked): void {
  const address = path ?? { address: host, port: port ?? 0, family: host.includes(':') ? 'IPv6' : 'IPv4' };
  const close: Server['close'] = (callback) => {
    for (const name of Object.keys(seeming)) Reflect.deleteProperty(server, name);
    // The server does not listen, so Node passes ERR_SERVER_NOT_RUNNING to the callback. A script could take that for
    // a failed shutdown, so its callback gets no error.
    return server.close(callback && (() => callback()));
  };
  const seeming = { address: { value: () => address }, listening: { value: true }, close: { value: close } };
  for (const [name, seen] of Object.entries(seeming)) {
    Object.defineProperty(server, name, { ...seen, writable: true, configurable: true });
  }
  setImmediate(() => server.listening && server.emit('listening'));
}

function portOf(address: ReturnType<Server['address']>): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
