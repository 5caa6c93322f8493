import { EventEmitter } from 'node:events';
import net from 'node:net';

/** What is inside a connection. */
interface Handle {
  reading: boolean;
  readonly fd?: number;
  readStop(): number;
}

function handleOf(socket: net.Socket): Handle | null {
  return (socket as unknown as { _handle: Handle | null })._handle;
}

/** The descriptor of a connection that has just been accepted; -1 where there is none. */
export function numberOf(socket: net.Socket): number {
  return handleOf(socket)?.fd ?? -1;
}

/** Whether accepting has failed for want of descriptors: of this process, or of the whole system. */
export function isExhaustion({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EMFILE' || code === 'ENFILE';
}

/**
 * A connection that has been accepted is read at once, and to one that waits nobody listens yet: its `'end'` would be over by the time
 * somebody does, and who has ended its side without a byte would wait for ever; its `'error'`, of a reset, would end the process. Returns
 * what lets it be read.
 */
export function keepUnread(socket: net.Socket): () => void {
  const handle = handleOf(socket);
  if (!handle?.reading) return () => undefined;
  // As Node does it for `pauseOnConnect`, from 20 to 26.
  handle.reading = false;
  handle.readStop();
  return () => socket._read(0);
}

/** The listeners that an emitter keeps, and what takes listeners off it otherwise. */
interface Kept {
  readonly emitter: EventEmitter;
  readonly listeners: (() => void)[];
  readonly removeAll: EventEmitter['removeAllListeners'];
}
const KEPT: unique symbol = Symbol('kept');
type Keeping = EventEmitter & { [KEPT]?: Kept };

/**
 * Calls `act` when it closes, once, also where the application takes all listeners off it, as some do to be rid of their own: what counts on
 * a `'close'` that never comes has its place for ever.
 */
export function whenClosed<T extends EventEmitter>(emitter: T, act: (this: T) => void): void {
  let isOver = false;
  // An application that saves listeners and adds them again has this one twice; and there may be copies of the emitter with the same listeners.
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

/** Also of an object that has the emitter as its prototype, or has got its methods: only the emitter itself keeps anything. */
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
 * A connection that is reset while the end of its own side is on its way to the kernel, which is for the rest of a poll phase, is neither
 * reset nor closed by Node 20 to 26: its `'close'` never comes, so it would have its place for ever. Such a one is closed instead.
 */
export function makeResettable(socket: net.Socket): void {
  socket.resetAndDestroy = resetOrClose;
}

function resetOrClose(this: net.Socket): net.Socket {
  const isEnding = this.writableEnded && !this.writableFinished && this.writableLength === 0;
  return isEnding ? this.destroy() : net.Socket.prototype.resetAndDestroy.call(this);
}
