import type { IncomingMessage } from 'node:http';

/** An id of a client that is kept as it is: nothing in it ends a value anywhere, and it fits into the scoreboard. */
const KEPT = /^[!#-[\]-~]{1,64}$/;

/** Gives each request an id: eight random characters of this worker or thread, and a number. */
export class RequestIds {
  readonly #header: string;
  #prefix: string | undefined;
  #count = 0;

  /** @param header - the name of the header for the id, in lower case. */
  constructor(header: string) {
    this.#header = header;
  }

  /**
   * Returns the id of a request, and puts it into the header of the request.
   *
   * @param trusted - whether an id that the request brings is kept.
   */
  give(request: IncomingMessage, trusted: boolean): string {
    const { rawHeaders } = request;
    const found = placesOf(rawHeaders, this.#header);
    const [first] = found;
    const given = first === undefined ? undefined : rawHeaders[first];
    if (trusted && found.length === 1 && given !== undefined && KEPT.test(given)) return given;
    const id = this.#next();
    // All occurrences are replaced, and none is removed: Node builds `headers` when they are first asked for, from as
    // many entries as have come.
    for (const place of found) rawHeaders[place] = id;
    const { headers } = request;
    if (first === undefined) rawHeaders.push(this.#header, id);
    headers[this.#header] = id;
    return id;
  }

  #next(): string {
    // Loaded when it is first needed: it costs more time at a start than everything else here.
    this.#prefix ??= process.getBuiltinModule('node:crypto').randomBytes(6).toString('base64url');
    return `${this.#prefix}-${(++this.#count).toString(36)}`;
  }
}

/** The indices of the values of a header. */
function placesOf(rawHeaders: readonly string[], name: string): number[] {
  const places: number[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const given = rawHeaders[index] as string;
    if (given.length === name.length && given.toLowerCase() === name) places.push(index + 1);
  }
  return places;
}
