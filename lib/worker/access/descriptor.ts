import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import type { AccessSpec } from '../../protocol/spec.js';

const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants;

/** What has set O_NONBLOCK on a socket. It must not be collected, since that would close it. */
const held: Socket[] = [];

/** Who writes to the descriptor. */
export interface DescriptorUser {
  /** From now on to another one; calls back when it writes nothing to the one before any more. */
  readonly move: (fd: number, moved: () => void) => void;
}

/**
 * What the access log of this process goes to. All of its threads write to one descriptor, and a signal reaches none of them at the same moment. So the one
 * of before is closed when the last of them has said that it has left it: its number will be a client's.
 */
export class AccessDescriptor {
  readonly #path: string | undefined;
  readonly #users = new Set<DescriptorUser>();
  fd: number;

  constructor({ fd, path }: AccessSpec) {
    this.#path = path;
    this.fd = path === undefined ? this.#withoutWaiting(fd) : fd;
  }

  /** Returns what takes the user away, which writes nothing any more. */
  join(user: DescriptorUser): () => void {
    this.#users.add(user);
    return () => this.#users.delete(user);
  }

  /** The file may have been moved away: opens the one that is there now. The master has made it. Throws the system's error; then all is as it was. */
  reopen(): void {
    if (this.#path === undefined) return;
    const before = this.fd;
    // Not to wait for a reader, where it is a pipe.
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
   * A write to a pipe that nobody empties waits for ever, unless it has O_NONBLOCK; that flag belongs to what is open, which all have in common who
   * inherited it. So a pipe, or a terminal, is opened once more; a socket cannot be.
   */
  #withoutWaiting(fd: number): number {
    try {
      const stats = fstatSync(fd, { bigint: true });
      if (stats.isSocket()) held.push(new Socket({ fd, readable: false, writable: true }).unref());
      else if (process.platform === 'linux' && (stats.isFIFO() || isatty(fd)))
        return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
    } catch {
      // It is closed, or another user's, such as that of a container that is not run as root.
    }
    return fd;
  }
}
