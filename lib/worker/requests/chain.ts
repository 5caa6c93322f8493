/** What can stand in a {@link Chain}, in one at a time. */
export interface Linked<One> {
  previous: One | undefined;
  next: One | undefined;
}

/** A list in the order of its additions, out of which any can be taken at once. A Map would need a hash of each, which costs a request. */
export class Chain<One extends Linked<One>> {
  #first: One | undefined;
  #last: One | undefined;

  add(one: One): void {
    one.previous = this.#last;
    if (this.#last === undefined) this.#first = one;
    else this.#last.next = one;
    this.#last = one;
  }

  /** Takes out one that stands in it. */
  remove(one: One): void {
    const { previous, next } = one;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    one.previous = undefined;
    one.next = undefined;
  }

  /** All of now, whatever is added or taken out while they are looked at. */
  all(): One[] {
    const all: One[] = [];
    for (let one = this.#first; one !== undefined; one = one.next) all.push(one);
    return all;
  }
}
