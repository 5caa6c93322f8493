import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import type { AccessSpec } from '../../protocol/spec.js';

const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants;

/**
 * Sockets made only to set O_NONBLOCK on a descriptor. They must not be garbage collected, since that would close it.
 */
const held: Socket[] = [];

/** Something that writes to the descriptor. */
export interface DescriptorUser {
  /** Writes to `fd` from now on. Calls `moved` once nothing more goes to the descriptor before. */
  readonly move: (fd: number, moved: () => void) => void;
}

/**
 * The descriptor of the access log. All threads of a process write to the same one, and they do not switch to another
 * at the same moment. So the old one is closed only when the last of them has reported that it has left it: its number
 * will be given to a client's connection.
 */
export class AccessDescriptor {
  readonly #path: string | undefined;
  readonly #users = new Set<DescriptorUser>();
  fd: number;

  constructor({ fd, path }: AccessSpec) {
    this.#path = path;
    this.fd = path === undefined ? this.#withoutWaiting(fd) : fd;
  }

  /** Adds a user. Returns a function that removes it, to be called when it writes nothing more. */
  join(user: DescriptorUser): () => void {
    this.#users.add(user);
    return () => this.#users.delete(user);
  }

  /**
   * Opens the file at the path again, since the old one may have been moved away. The master has created it. Throws the
   * error of the system; then nothing has changed.
   */
  reopen(): void {
    if (this.#path === undefined) return;
    const before = this.fd;
    // O_NONBLOCK: if the path is a pipe, opening it must not wait for a reader.
    const fd = openSync(this.#path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
    this.fd = fd;
    let left = this.#users.size;
    const moved = (): void => {
      if (--left <= 0) closeSync(before);
    };
    for (const user of this.#users) user.move(fd, moved);
    if (left === 0 && this.#users.size === 0) moved();
  }

  /**
   * A write to a pipe that nobody empties blocks for ever, unless O_NONBLOCK is set. That flag belongs to the open file
   * description, which is shared by all processes that inherited it. So a pipe or a terminal is opened once more. A
   * socket cannot be.
   */
  #withoutWaiting(fd: number): number {
    try {
      const stats = fstatSync(fd, { bigint: true });
      if (stats.isSocket()) held.push(new Socket({ fd, readable: false, writable: true }).unref());
      else if (process.platform === 'linux' && (stats.isFIFO() || isatty(fd)))
        return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
    } catch {
      // The descriptor is closed, or belongs to another user, as in a container that does not run as root.
    }
    return fd;
  }
}
