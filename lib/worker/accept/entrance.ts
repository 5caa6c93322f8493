import type net from 'node:net';
import { ListenError } from '../failures.js';
import { inheritNoDelay } from './no-delay.js';
import { createPausing, handleOf, type Pausing } from './pausing.js';

export interface EntranceOptions {
  /** Index of the address in `bind`. */
  readonly index: number;
  readonly fd: number;
  readonly backlog: number;
  /**
   * Whether the worker was spawned without the shell, see the prelude: then only listening again sets the socket's
   * O_NONBLOCK again.
   */
  readonly direct: boolean;
}

/** An entrance: a listening socket that was inherited, and that can be shut for a while. */
export class Entrance {
  readonly index: number;
  readonly #server: net.Server;
  readonly #listen: () => void;
  #pausing: Pausing | undefined;
  #shut = false;
  #backlog: number;
  /** Its connections inherit TCP_NODELAY from the socket. */
  givesNoDelay = false;

  readonly #relistens: boolean;

  constructor(server: net.Server, { index, fd, backlog, direct }: EntranceOptions) {
    this.#server = server;
    this.index = index;
    this.#relistens = direct && index === 0;
    this.#backlog = backlog;
    // With a descriptor, Node takes the length of the queue from the second argument only.
    this.#listen = () => void server.listen({ fd }, this.#backlog as never);
  }

  /** The address as `net.Server#address()` returns it. */
  get address(): net.AddressInfo | string | null {
    return this.#server.address();
  }

  /** Listens. Rejects with a {@link ListenError}. */
  open(onError: (error: Error) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => reject(new ListenError(this.index, error));
      this.#server.once('error', failed);
      this.#server.once('listening', () => {
        this.#server.off('error', failed).on('error', onError);
        this.givesNoDelay = inheritNoDelay(this.#server);
        if (!this.#relistens) this.#pausing = createPausing(this.#server);
        resolve();
      });
      this.#listen();
    });
  }

  /** Accepts nothing from now on. Within a connection callback, that connection was the last. */
  shut(): void {
    if (this.#shut) return;
    this.#shut = true;
    if (this.#pausing) this.#pausing.pause();
    // libuv never closes fds 0 to 2, so fd 0 can be listened on again. The others could not, so they stay open.
    else if (this.index === 0) this.#server.close();
  }

  unshut(): void {
    if (!this.#shut) return;
    this.#shut = false;
    if (this.#pausing) this.#pausing.resume();
    else if (this.index === 0) this.#listen();
  }

  /**
   * From now on only one client at a time may wait in the accept queue, besides those that are in it. A client that
   * comes while another one waits gets no reply from the system: it is let in later, or refused when the socket is
   * gone.
   */
  shorten(): void {
    this.#backlog = 0;
    if (this.#pausing) this.#pausing.shorten();
    else if (this.#server.listening) handleOf(this.#server)?.listen?.(0);
  }

  close(): void {
    if (this.#server.listening) this.#server.close();
  }
}
