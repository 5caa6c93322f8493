import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pendingOf } from './connection.js';

/** An answer under way. */
interface Answer {
  /** The connection that its request came on. It is kept here, since an HTTP/2 stream forgets it when it closes. */
  readonly socket: Socket;
  /** What is to be done when it has come to its end; it acts once. */
  readonly done: () => void;
}

/** The answers under way, in the order in which their requests were let in. */
export class Answers extends Map<ServerResponse, Answer> {
  /** Those of a connection. */
  of(socket: Socket): Map<ServerResponse, Answer> {
    return new Map([...this].filter(([, answer]) => answer.socket === socket));
  }

  /** Whether no other request of the connection waits for an answer behind this one. */
  readonly isLast = (response: ServerResponse): boolean => {
    const socket = this.get(response)?.socket;
    if (socket === undefined) return true;
    const answers = [...this.of(socket).keys()];
    return answers.at(-1) === response && answers.length === pendingOf(socket);
  };

  /** Resolves when those of a connection that are under way now have ended. */
  async ended(socket: Socket): Promise<void> {
    const responses = [...this.of(socket).keys()];
    await Promise.all(responses.map((response) => new Promise((resolve) => endOf(response).once('close', resolve))));
  }
}

/**
 * Whose `'close'` is the end of an answer. With HTTP/2 it is the stream's: to HEAD, a response of Node has no `'close'` when the client
 * takes the request back before the handler has ended it.
 */
export function endOf(response: ServerResponse): ServerResponse | Duplex {
  return (response as { stream?: Duplex }).stream ?? response;
}
