import { emitWarning } from '../../log/process-warning.js';
import { refusal } from '../loop/states.js';

/** What an inline Arbiter brings for its workers. */
export interface Brought {
  readonly app: unknown;
  /** Undefined where it is named, not brought. */
  readonly workerClass: unknown;
}

/** Of the first Arbiter of a name: where that is gone, its code is what is left to compare by. */
interface First {
  readonly parts: readonly Part[];
  runs: boolean;
  warned: boolean;
}

type Part = { readonly same: (value: unknown) => boolean; readonly code: string };

/**
 * The inline Arbiters that have been started in this process, those that have ended too. A worker runs the script again, and finds its Arbiter by name: it serves the first
 * that is started with it, so a later one of that name would be served the application of the first.
 */
const known = new Map<string, First>();

/**
 * Takes the name of an inline Arbiter and returns what gives it back. Throws `ERR_STATE` when it is taken, or when another application had it. One
 * whose code is the same may be a copy, or have other data: that is told.
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

/** Not kept alive by this. */
function partOf(value: unknown): Part {
  if (Object(value) !== value) return { same: (other) => other === value, code: codeOf(value) };
  const reference = new WeakRef(value as object);
  return { same: (other) => other === reference.deref(), code: codeOf(value) };
}

/** Of what is no function nothing is known. */
function codeOf(value: unknown): string {
  return typeof value === 'function' ? Function.prototype.toString.call(value) : typeof value;
}
