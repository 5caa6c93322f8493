import { Connection } from './connection.mjs';
import { descriptorLimit } from './proc.mjs';

/** Connections for each source address (127.0.0.1, 127.0.0.2, …): far below the number of its ports. */
const PER_ADDRESS = 1_000;
/** File descriptors that a process needs besides its connections. */
const SPARE = 200;

/**
 * Many keep-alive connections of this process.
 *
 * @param {number} port
 * @param {{ size: number, window: number }} plan `window` is how many connections are opened or asked
 *   at the same time
 */
export function createCrowd(port, { size, window }) {
  // The limit holds for each worker too: one worker may get all connections.
  const limit = descriptorLimit();
  if (size + SPARE > limit) {
    throw new RangeError(`${size} connections: expected 'ulimit -Hn' of at least ${size + SPARE}, got ${limit}`);
  }
  const connections = [];
  const inWindow = async (act) => {
    let next = 0;
    const lane = async () => {
      while (next < size) await act(next++);
    };
    await Promise.all(Array.from({ length: window }, lane));
  };
  return {
    /**
     * Sends one request on each connection, and opens those that are not open yet. Returns the answers, and why the
     * other requests failed.
     */
    async ask(path) {
      const [answers, failures] = [[], []];
      await inWindow(async (index) => {
        connections[index] ??= new Connection(port, `127.0.0.${1 + Math.floor(index / PER_ADDRESS)}`);
        try {
          answers.push(await connections[index].ask(path, 'keep-alive'));
        } catch (error) {
          failures.push(error.message);
        }
      });
      return { answers, failures };
    },
    close() {
      for (const connection of connections) connection.destroy();
    },
  };
}
