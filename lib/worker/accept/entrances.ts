import net from 'node:net';
import { FD } from '../../protocol/spec.js';
import type { AcceptorOptions } from './accept-options.js';
import { Entrance } from './entrance.js';
import { markNoDelay } from './no-delay.js';

/** The entrances (listening sockets) of one acceptor: opened, shut and closed together. */
export class Entrances {
  /** In the order in which they are opened after a pause. */
  readonly #list: Entrance[] = [];

  constructor(options: AcceptorOptions, onConnection: (socket: net.Socket) => void) {
    const { sockets, copy, backlog, direct, socket } = options;
    for (let index = 0; index < sockets; index++) {
      const server = net.createServer({ allowHalfOpen: true, noDelay: true, ...socket }, (connection) => {
        if (entrance.givesNoDelay) markNoDelay(connection);
        if (sockets > 1) this.#moveBack(entrance);
        onConnection(connection);
      });
      const fd = index === 0 ? FD.SOCKET : FD.EXTRA_SOCKETS + copy * (sockets - 1) + index - 1;
      const entrance = new Entrance(server, { index, fd, backlog, direct });
      this.#list.push(entrance);
    }
  }

  /** The address of the first of the `bind`s. */
  get address(): net.AddressInfo | string | null {
    return this.#list.find(({ index }) => index === 0)?.address ?? null;
  }

  /** Listens on all of them, one after the other. With `shut`, each is shut as soon as it is open. */
  async open(shut: boolean, onError: (error: Error) => void): Promise<void> {
    // A copy: a connection that comes before the last one is open changes the order of the list.
    for (const entrance of [...this.#list]) {
      await entrance.open(onError);
      if (shut) entrance.shut();
    }
  }

  shut(): void {
    for (const entrance of this.#list) entrance.shut();
  }

  unshut(): void {
    for (const entrance of this.#list) entrance.unshut();
  }

  /** See {@link Entrance.shorten}. */
  shorten(): void {
    for (const entrance of this.#list) entrance.shorten();
  }

  close(): void {
    for (const entrance of this.#list) entrance.close();
  }

  /**
   * For the last call: closes the sockets that get none, since other processes go on serving them. Returns until when
   * the others may accept; 0 if there are none.
   */
  keepCalled(until: (index: number) => number): number {
    const calls = this.#list.map((entrance) => ({ entrance, end: until(entrance.index) }));
    for (const { entrance, end } of calls) {
      if (end > 0) continue;
      entrance.close();
      this.#list.splice(this.#list.indexOf(entrance), 1);
    }
    return Math.max(0, ...calls.map(({ end }) => end));
  }

  /**
   * The socket that is opened first is served first: if they did not take turns, a busy address would starve the
   * others.
   */
  #moveBack(entrance: Entrance): void {
    this.#list.splice(this.#list.indexOf(entrance), 1);
    this.#list.push(entrance);
  }
}
