import { emitWarning } from '../../log/process-warning.js';
import { refusal } from '../loop/states.js';

/** What an inline Arbiter brings for its workers. */
export interface Brought {
  readonly app: unknown;
  /** Undefined if the class is given by its name. */
  readonly workerClass: unknown;
}

/**
 * The first Arbiter of a name. When its application has been garbage-collected, its code is all that is left to compare
 * with.
 */
interface First {
  readonly parts: readonly Part[];
  runs: boolean;
  warned: boolean;
}

type Part = { readonly same: (value: unknown) => boolean; readonly code: string };

/**
 * The inline Arbiters that have been started in this process, by name, also those that have ended. A worker runs the
 * host's script again, and finds its Arbiter by name: it serves the first one that is started with that name. So the
 * workers of a later Arbiter of the same name would serve the application of the first.
 */
const known = new Map<string, First>();

/**
 * Takes the name of an inline Arbiter, and returns what gives it back. Throws `ERR_STATE` when the name is taken, or
 * when an Arbiter with other code had it. An application with the same code may be a copy, or may have other data: a
 * warning tells of that, once.
 */
export function takeName(name: string, { app, workerClass }: Brought): () => void {
  const first = known.get(name) ?? { parts: [partOf(app), partOf(workerClass)], runs: false, warned: false };
  if (first.runs) throw refused(`another Arbiter with an inline app runs as '${name}' here`);
  const parts = [app, workerClass];
  const before = `an Arbiter with another inline app was started as '${name}' here before, which a worker of this one would serve`;
  if (!first.parts.every(({ code }, index) => code === codeOf(parts[index]))) throw refused(before);
  if (!first.warned && !first.parts.every(({ same }, index) => same(parts[index]))) {
    first.warned = true;
    emitWarning(new Error(`prefork: ${before}; if the two are not the same, option 'name' must differ`));
  }
  first.runs = true;
  known.set(name, first);
  return () => {
    first.runs = false;
  };
}

function refused(why: string): Error {
  return refusal('start', `${why}; option 'name' must differ`);
}

/** Compares later values with this one, without keeping it alive. */
function partOf(value: unknown): Part {
  if (Object(value) !== value) return { same: (other) => other === value, code: codeOf(value) };
  const reference = new WeakRef(value as object);
  return { same: (other) => other === reference.deref(), code: codeOf(value) };
}

/** The source text of a function. Of anything else, only the type is known. */
function codeOf(value: unknown): string {
  return typeof value === 'function' ? Function.prototype.toString.call(value) : typeof value;
}
