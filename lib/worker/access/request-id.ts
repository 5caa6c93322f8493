import type { IncomingMessage } from 'node:http';

/** An id that is kept: nothing in it ends a value anywhere, and it fits into the scoreboard. */
const KEPT = /^[!#-[\]-~]{1,64}$/;

/** Gives each request an id: eight random characters of this worker or thread, and a number. */
export class RequestIds {
  readonly #header: string;
  #prefix: string | undefined;
  #count = 0;

  /** @param header - its name in lower case. */
  constructor(header: string) {
    this.#header = header;
  }

  /**
   * The id of a request, which has it in its header from now on.
   *
   * @param trusted - whether one that it brings is kept.
   */
  give(request: IncomingMessage, trusted: boolean): string {
    const { rawHeaders } = request;
    const found = placesOf(rawHeaders, this.#header);
    const [first] = found;
    const given = first === undefined ? undefined : rawHeaders[first];
    if (trusted && found.length === 1 && given !== undefined && KEPT.test(given)) return given;
    const id = this.#next();
    // Node makes the object of them when it is first asked for: as many as have come, so none may go.
    for (const place of found) rawHeaders[place] = id;
    const { headers } = request;
    if (first === undefined) rawHeaders.push(this.#header, id);
    headers[this.#header] = id;
    return id;
  }

  #next(): string {
    // Loaded when it is needed: it costs a start more than all of this.
    this.#prefix ??= process.getBuiltinModule('node:crypto').randomBytes(6).toString('base64url');
    return `${this.#prefix}-${(++this.#count).toString(36)}`;
  }
}

/** Where the values of a header are. */
function placesOf(rawHeaders: readonly string[], name: string): number[] {
  const places: number[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const given = rawHeaders[index] as string;
    if (given.length === name.length && given.toLowerCase() === name) places.push(index + 1);
  }
  return places;
}
