/*
 * Watches servers that the application's module has listen by itself, beside what the worker serves. They are not
 * changed: an application may have a port for each worker. Whether only one worker can have an address shows when it is
 * refused to the others.
 */
import { type EventEmitter, errorMonitor } from 'node:events';
import net, { type Server } from 'node:net';
import { ownModule } from '../own-script.js';

type Listen = (this: Server, ...args: unknown[]) => Server;
type ListenError = NodeJS.ErrnoException & { readonly address?: string; readonly port?: number };

/**
 * To be called before the module is loaded. `warn` is called when an address is in use already and the application
 * has a listener for the error; an error without a listener is reported as uncaught.
 */
export function watchListen(warn: (message: string) => void): void {
  const { prototype } = net.Server as unknown as { prototype: { listen: Listen } };
  const { listen } = prototype;
  prototype.listen = function (...args) {
    // A server of HTTP or of HTTP/2. The servers on which this library itself listens are neither.
    if ('maxHeadersCount' in this || 'updateSettings' in this) {
      ownModule.noteListen();
      // Express 5 passes the error to the callback of listen(), and most applications do not look at it. Without any
      // listener, the error is uncaught and reported as that.
      (this as EventEmitter).once(errorMonitor, ({ code, address, port }: ListenError) => {
        if (code !== 'EADDRINUSE' || this.listenerCount('error') === 0) return;
        const where = [address, port].filter((part) => part !== undefined && part !== -1).join(':');
        warn(`listen() of ${where} was refused (EADDRINUSE): ${ownModule.alone}`);
      });
    }
    return listen.apply(this, args);
  };
}
