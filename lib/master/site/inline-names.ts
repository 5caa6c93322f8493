import { refusal } from '../loop/states.js';

/**
 * The inline Arbiters that run in this process. A worker finds its Arbiter by name: a second one of the same name
 * would be served the application of the first.
 */
const taken = new Set<string>();

/** Takes the name of an inline Arbiter and returns what gives it back. Throws `ERR_STATE` when it is taken. */
export function takeName(name: string): () => void {
  if (taken.has(name)) {
    throw refusal('start', `another Arbiter with an inline app runs as '${name}' here; option 'name' must differ`);
  }
  taken.add(name);
  return () => taken.delete(name);
}
