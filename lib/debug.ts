import createDebug from 'debug';

/** A printf-like function; does nothing unless `DEBUG` selects its namespace. */
export type Log = (format: string, ...args: unknown[]) => void;

// The namespaces, selected with for example DEBUG=prefork:*
export const debugArbiter: Log = createDebug('prefork:arbiter');
export const debugBind: Log = createDebug('prefork:bind');
export const debugWorker: Log = createDebug('prefork:worker');
export const debugService: Log = createDebug('prefork:service');
export const debugGuard: Log = createDebug('prefork:guard');
