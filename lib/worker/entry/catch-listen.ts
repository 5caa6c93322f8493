/* `listen()` of every server of a process goes through here, from the moment that a script is run. */
import net, { type Server } from 'node:net';
import { type Asked, type Choice, fateOf, readListen } from './listen-calls.js';

type Listen = (this: Server, ...args: unknown[]) => Server;

export interface Caught {
  /** This server is the one to be served; it is not bound. */
  readonly onServed: (server: Server, asked: Asked) => void;
  /** This one is not bound, and its script is led to believe that it is. */
  readonly onRefused: (asked: Asked) => void;
}

/** @param wanted - the port by which the server to be served is known; undefined for the first one. */
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

/** Its workers would listen through this process, which does not. */
function refuseForks(): void {
  // Its types say that it is the namespace of a module.
  const cluster = process.getBuiltinModule('node:cluster') as unknown as { fork: () => never };
  cluster.fork = () => {
    throw new Error(
      'the script forks workers of its own, with node:cluster, and prefork run starts it in several workers already: have it serve by itself',
    );
  };
}

/** A script that waits for this server goes on, and so does one that closes it: from then on the server is what it has been before. */
function pretend(server: Server, { port, host = '::', path }: Asked): void {
  const address = path ?? { address: host, port: port ?? 0, family: host.includes(':') ? 'IPv6' : 'IPv4' };
  const close: Server['close'] = (callback) => {
    for (const name of Object.keys(seeming)) Reflect.deleteProperty(server, name);
    // Node tells one that does not listen that it is not running; whoever hears that as its end has gone wrong.
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
