/*
 * Servers that the module of an application has listen by itself, beside what its worker serves. Nothing is done about them: an application may have a
 * port for each worker. Which one it is that only one worker can have shows when the others are refused.
 */
import { type EventEmitter, errorMonitor } from 'node:events';
import net, { type Server } from 'node:net';
import { ownModule } from '../own-script.js';

type Listen = (this: Server, ...args: unknown[]) => Server;
type ListenError = NodeJS.ErrnoException & { readonly address?: string; readonly port?: number };

/** To be called before the module is loaded. `warn` is told of an address that could not be had, where the application says nothing itself. */
export function watchListen(warn: (message: string) => void): void {
  const { prototype } = net.Server as unknown as { prototype: { listen: Listen } };
  const { listen } = prototype;
  prototype.listen = function (...args) {
    // Of HTTP, or of HTTP/2. What this library has listen is neither.
    if ('maxHeadersCount' in this || 'updateSettings' in this) {
      ownModule.noteListen();
      // Express 5 gives the error to the callback of listen(), which most do not read. Without any listener it is uncaught, and told as that.
      (this as EventEmitter).once(errorMonitor, ({ code, address, port }: ListenError) => {
        if (code !== 'EADDRINUSE' || this.listenerCount('error') === 0) return;
        const where = [address, port].filter((part) => part !== undefined && part !== -1).join(':');
        warn(`listen() of ${where} was refused (EADDRINUSE): ${ownModule.alone}`);
      });
    }
    return listen.apply(this, args);
  };
}
