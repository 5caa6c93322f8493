import { writeSync } from 'node:fs';
import { Socket } from 'node:net';

/**
 * What a process that is to succeed another one gets from it, see `succession.ts`: descriptors of the listening sockets, and a
 * line to it. The predecessor names them in one variable of the environment.
 */
export const HERITAGE_VARIABLE = 'PREFORK_HERITAGE';
/** The descriptor of the line, and of the first socket. */
export const LINE_FD = 3;
export const FIRST_SOCKET_FD = 4;

/** A socket that was inherited. */
export interface Heirloom {
  readonly fd: number;
  /** Of a Unix socket that the predecessor created: this process removes it in the end. */
  readonly path?: string;
  /** The predecessor has not opened it either. */
  readonly foreign: boolean;
}

/** The sockets, by the address in `bind` that each is for. */
export interface Bequest {
  readonly predecessor: number;
  readonly sockets: readonly (Heirloom & { readonly bind: string })[];
}

/** The successor's side of an upgrade. */
export class Heritage {
  readonly predecessor: number;
  readonly #line = new Socket({ fd: LINE_FD });
  #sockets: Bequest['sockets'];
  #alone = false;

  constructor({ predecessor, sockets }: Bequest) {
    this.predecessor = predecessor;
    this.#sockets = sockets;
    this.#line.on('error', () => undefined).resume();
    this.#line.on('close', () => {
      this.#alone = true;
    });
    // It must not keep a host alive.
    this.#line.unref();
  }

  /** Whether the predecessor is gone. */
  get alone(): boolean {
    return this.#alone;
  }

  /** The sockets for an address of `bind`, once. */
  take(bind: string): Heirloom[] {
    const own = this.#sockets.filter((socket) => socket.bind === bind);
    // Of several of one address, as with port 0, each takes the next; all that a service manager passed belong together.
    const taken = own.every(({ foreign }) => foreign) ? own : own.slice(0, 1);
    this.#sockets = this.#sockets.filter((socket) => !taken.includes(socket as never));
    return taken;
  }

  /** Tells the predecessor that these addresses are served. */
  serve(binds: readonly string[]): void {
    for (const bind of binds) {
      try {
        writeSync(LINE_FD, `${JSON.stringify({ serves: bind })}\n`);
      } catch {
        // It is gone already.
      }
    }
  }

  /** Calls back once the predecessor has stopped, or died; at once if it has. */
  onAlone(act: () => void): void {
    if (this.#alone) act();
    else this.#line.once('close', act);
  }
}

function receive(env: NodeJS.ProcessEnv): Heritage | undefined {
  const text = env[HERITAGE_VARIABLE];
  if (text === undefined) return undefined;
  // What this process starts is no successor.
  delete env[HERITAGE_VARIABLE];
  return new Heritage(JSON.parse(text) as Bequest);
}

/** What this process has inherited; undefined where it has no predecessor. */
export const heritage: Heritage | undefined = receive(process.env);
