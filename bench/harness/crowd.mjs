import { Connection } from './connection.mjs';
import { descriptorLimit } from './proc.mjs';

/** Connections for each source address, 127.0.0.1, 127.0.0.2, …: far below the number of ports. */
const PER_ADDRESS = 1_000;
/** Descriptors that a process needs besides its connections. */
const SPARE = 200;

/**
 * Many keep-alive connections from this process.
 *
 * @param {number} port
 * @param {{ size: number, window: number }} plan `window` is how many are opened or asked at the same time
 */
export function createCrowd(port, { size, window }) {
  // Also a worker may get them all.
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
    /** Asks each connection once and opens those that are not open yet. Returns the answers and what failed. */
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
