/**
 * The requests that wait, one of each connection at a time. A client that pipelines many requests joins the line anew
 * with each of them.
 */
export class Line<Connection, Request> {
  /** The requests of each connection that wait, in order of arrival. */
  readonly #requests = new Map<Connection, Request[]>();
  /** Connections whose first request wants a place. */
  readonly #standing = new Set<Connection>();

  /** How many requests stand in line. */
  get size(): number {
    return this.#standing.size;
  }

  /** Keeps a request until {@link Line.stand}: it may not be the first of its connection. */
  hold(connection: Connection, request: Request): void {
    const requests = this.#requests.get(connection);
    if (requests === undefined) this.#requests.set(connection, [request]);
    else requests.push(request);
  }

  /** The next request of the connection joins the line, at its end. Returns whether there is one. */
  stand(connection: Connection): boolean {
    // Mostly nothing waits; to look into the map would need a hash of the connection.
    if (this.#requests.size === 0 || !this.#requests.has(connection)) return false;
    this.#standing.add(connection);
    return true;
  }

  /** Takes the first request out of the line, which must not be empty. */
  next(): [Connection, Request] {
    const [connection] = this.#standing as Iterable<Connection> as [Connection];
    this.#standing.delete(connection);
    const requests = this.#requests.get(connection) as Request[];
    const request = requests.shift() as Request;
    if (requests.length === 0) this.#requests.delete(connection);
    return [connection, request];
  }

  /** The connection has closed. Returns its requests that waited. */
  leave(connection: Connection): readonly Request[] {
    this.#standing.delete(connection);
    const requests = this.#requests.get(connection);
    if (requests === undefined) return [];
    this.#requests.delete(connection);
    return requests;
  }
}
