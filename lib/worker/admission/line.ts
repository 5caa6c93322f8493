/** What waits, one of each connection at a time: a client that asks for much at once stands in line anew for each. */
export class Line<Connection, Request> {
  /** What has come of each connection, in order. */
  readonly #requests = new Map<Connection, Request[]>();
  /** Connections whose first request wants a place. */
  readonly #standing = new Set<Connection>();

  /** How many stand in line. */
  get size(): number {
    return this.#standing.size;
  }

  /** Keeps a request until {@link Line.stand}, since another one of its connection comes first. */
  hold(connection: Connection, request: Request): void {
    const requests = this.#requests.get(connection);
    if (requests === undefined) this.#requests.set(connection, [request]);
    else requests.push(request);
  }

  /** The next request of the connection stands in line from now on, at its end. Returns whether there is one. */
  stand(connection: Connection): boolean {
    // Mostly nobody waits: a look into the map would need a hash of the connection.
    if (this.#requests.size === 0 || !this.#requests.has(connection)) return false;
    this.#standing.add(connection);
    return true;
  }

  /** Takes the first one out; there must be one. */
  next(): [Connection, Request] {
    const [connection] = this.#standing as Iterable<Connection> as [Connection];
    this.#standing.delete(connection);
    const requests = this.#requests.get(connection) as Request[];
    const request = requests.shift() as Request;
    if (requests.length === 0) this.#requests.delete(connection);
    return [connection, request];
  }

  /** The connection has closed. Returns what waited. */
  leave(connection: Connection): readonly Request[] {
    this.#standing.delete(connection);
    const requests = this.#requests.get(connection);
    if (requests === undefined) return [];
    this.#requests.delete(connection);
    return requests;
  }
}
