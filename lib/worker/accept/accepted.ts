import { EventEmitter } from 'node:events';
import net from 'node:net';

/** The native handle inside a connection. */
interface Handle {
  reading: boolean;
  readonly fd?: number;
  readStop(): number;
}

function handleOf(socket: net.Socket): Handle | null {
  return (socket as unknown as { _handle: Handle | null })._handle;
}

/** The file descriptor of a connection that has just been accepted; -1 where there is none. */
export function numberOf(socket: net.Socket): number {
  return handleOf(socket)?.fd ?? -1;
}

/** Whether accepting has failed for want of file descriptors: in this process, or in the whole system. */
export function isExhaustion({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EMFILE' || code === 'ENFILE';
}

/**
 * Stops reading from a connection that waits, until the function that it returns is called. Node reads from an accepted
 * connection at once, but nobody listens to one that waits. Its `'end'` would be emitted too early to be heard, so a
 * client that has ended its side without a byte would wait for ever. Its `'error'`, after a reset, would end the
 * process.
 */
export function keepUnread(socket: net.Socket): () => void {
  const handle = handleOf(socket);
  if (!handle?.reading) return () => undefined;
  // As Node does it for `pauseOnConnect`, from 20 to 26.
  handle.reading = false;
  handle.readStop();
  return () => socket._read(0);
}

/** The listeners that an emitter keeps, and the `removeAllListeners` that it had before. */
interface Kept {
  readonly emitter: EventEmitter;
  readonly listeners: (() => void)[];
  readonly removeAll: EventEmitter['removeAllListeners'];
}
const KEPT: unique symbol = Symbol('kept');
type Keeping = EventEmitter & { [KEPT]?: Kept };

/**
 * Calls `act` once, when the emitter closes, even if the application calls `removeAllListeners()`, as some do to be rid
 * of their own. A place that is given back on `'close'` would otherwise be lost for ever.
 */
export function whenClosed<T extends EventEmitter>(emitter: T, act: (this: T) => void): void {
  let isOver = false;
  // An application that saves listeners and adds them again may add this one twice; and there may be copies of the
  // emitter with the same listeners.
  const onClose = function (this: unknown): void {
    if (isOver || this !== emitter) return;
    isOver = true;
    act.call(emitter);
  };
  const keeping: Keeping = emitter;
  const kept = keeping[KEPT];
  if (kept) kept.listeners.push(onClose);
  else {
    keeping[KEPT] = { emitter, listeners: [onClose], removeAll: keeping.removeAllListeners };
    keeping.removeAllListeners = removeOthers;
  }
  emitter.on('close', onClose);
}

/**
 * The `removeAllListeners` that keeps those listeners. It may also be called on an object that inherits from the
 * emitter, or that got its methods: only the emitter itself keeps its listeners.
 */
function removeOthers(this: Keeping, ...names: [name?: string | symbol]): Keeping {
  const kept = this[KEPT];
  if (!kept) return EventEmitter.prototype.removeAllListeners.apply(this, names) as Keeping;
  const { emitter, listeners, removeAll } = kept;
  removeAll.apply(this, names);
  const left = emitter.listeners('close');
  for (const onClose of listeners) if (!left.includes(onClose)) emitter.on('close', onClose);
  return this;
}

/**
 * Replaces a connection's `resetAndDestroy()`. After `end()`, the shutdown of the own side is under way until the end
 * of the poll phase. Within that time Node 20 to 26 neither resets nor closes the connection: its `'close'` never
 * comes, and it would have its place for ever. So it is closed instead.
 */
export function makeResettable(socket: net.Socket): void {
  socket.resetAndDestroy = resetOrClose;
}

function resetOrClose(this: net.Socket): net.Socket {
  const isEnding = this.writableEnded && !this.writableFinished && this.writableLength === 0;
  return isEnding ? this.destroy() : net.Socket.prototype.resetAndDestroy.call(this);
}
