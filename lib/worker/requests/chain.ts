/** An entry of a {@link Chain}. It can be in one chain at a time. */
export interface Linked<One> {
  previous: One | undefined;
  next: One | undefined;
}

/**
 * A list in insertion order from which any entry can be removed in constant time. A Map would have to hash each entry,
 * which is a cost for every request.
 */
export class Chain<One extends Linked<One>> {
  #first: One | undefined;
  #last: One | undefined;

  add(one: One): void {
    one.previous = this.#last;
    if (this.#last === undefined) this.#first = one;
    else this.#last.next = one;
    this.#last = one;
  }

  /** Removes an entry; it must be in this chain. */
  remove(one: One): void {
    const { previous, next } = one;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    one.previous = undefined;
    one.next = undefined;
  }

  /** A copy of the chain: entries may be added and removed while it is iterated. */
  all(): One[] {
    const all: One[] = [];
    for (let one = this.#first; one !== undefined; one = one.next) all.push(one);
    return all;
  }
}
