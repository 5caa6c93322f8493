import type { Duplex } from 'node:stream';

/** The hook of a stream through which its bytes go; its last argument is told how that went. */
type Hook = (this: Duplex, ...args: unknown[]) => void;

/**
 * Has the pipe to another process be read to its end, though a write to it has failed. That process may have said why it ends, and to this one its end shows at a write
 * first, when it was busy meanwhile. Of a stream on which a write has failed Node reads nothing more, and throws away what has come. So the
 * stream hears of no such failure.
 *
 * @returns whether a write has failed: nobody hears what is written.
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
