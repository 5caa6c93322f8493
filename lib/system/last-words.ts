import type { Duplex } from 'node:stream';

/** The hook by which a stream writes its bytes; its last argument is a callback that is told how that went. */
type Hook = (this: Duplex, ...args: unknown[]) => void;

/**
 * Makes this process read the pipe to another process to its end, though a write to it has failed. The other process
 * may have said why it ends; and if this process was busy meanwhile, a failed write is the first that it sees of that
 * end. But when a write has failed, Node reads nothing more from the stream, and throws away what has come. So the
 * stream is not told of the failure.
 *
 * @returns a function that says whether a write has failed, so that nobody hears what is written.
 */
export function readToTheEnd(pipe: Duplex): () => boolean {
  let failed = false;
  const hooks = pipe as unknown as Record<'_write' | '_writev', Hook>;
  for (const name of ['_write', '_writev'] as const) {
    const write = hooks[name];
    hooks[name] = function (...args) {
      const done = args.pop() as () => void;
      write.call(this, ...args, (error?: Error | null) => {
        if (error) failed = true;
        done();
      });
    };
  }
  return () => failed;
}
