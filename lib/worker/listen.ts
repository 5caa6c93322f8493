import type net from 'node:net';

/** The handle inside a `net.Server`: what Node's own `listen` makes of a descriptor. */
interface Handle {
  open(fd: number): number;
  /** TCP has it, pipes do not. */
  readonly getsockname?: unknown;
}
type HandleClass = new (role: number) => Handle;

/** `constants.SERVER` of Node's TCP binding. */
const ROLE_SERVER = 1;

/**
 * Returns a function that makes a server listen on a descriptor, again and again.
 *
 * `listen({ fd })` asks the system each time what the descriptor is: four calls, 10 % of the time of a worker that says
 * hello. The answer does not change, so for TCP the first handle's class serves for the later ones: `listen(handle)`
 * with an object that has a `_handle` is documented, the class itself is not, and where it does not fit the slow way is
 * taken.
 */
export function createRelisten(server: net.Server, fd: number, backlog: number): () => void {
  let known: HandleClass | undefined;
  return () => {
    const handle = known && open(known, fd);
    // With a descriptor or a handle, Node takes the length of the queue from the second argument only.
    server.listen(handle ? { _handle: handle } : { fd }, backlog as never);
    known ??= handleClass(server);
  };
}

function open(handleClass: HandleClass, fd: number): Handle | undefined {
  const handle = new handleClass(ROLE_SERVER);
  return handle.open(fd) === 0 ? handle : undefined;
}

function handleClass(server: net.Server): HandleClass | undefined {
  const { _handle: handle } = server as unknown as { _handle: Handle | null };
  if (typeof handle?.getsockname !== 'function' || typeof handle.open !== 'function') return undefined;
  return handle.constructor as HandleClass;
}
