/** A queue that takes its first entry in constant time. `shift` of a long array would move all entries. */
export class Fifo<T> {
  #entries: (T | undefined)[] = [];
  #first = 0;

  get length(): number {
    return this.#entries.length - this.#first;
  }

  get first(): T | undefined {
    return this.#entries[this.#first];
  }

  push(entry: T): void {
    this.#entries.push(entry);
  }

  shift(): T | undefined {
    if (this.#first === this.#entries.length) return undefined;
    const entry = this.#entries[this.#first];
    // The index stays occupied for a while, so the entry is cleared for the garbage collector.
    this.#entries[this.#first++] = undefined;
    if (this.#first === this.#entries.length) this.clear();
    else if (this.#first > 1024 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return entry;
  }

  clear(): void {
    this.#entries = [];
    this.#first = 0;
  }
}
