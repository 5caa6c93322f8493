import type { IncomingMessage } from 'node:http';

/** What a request asks for, and whom. */
export interface Target {
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

/** A whole address, as a client sends it that takes this for its proxy. The host in it is the one that counts, RFC 9112, 3.2.2. */
const ABSOLUTE = /^http:\/\/(?<authority>[^/?]*)(?<rest>.*)$/i;

export function targetOf({ url = '', method, headers }: IncomingMessage): Target {
  // There it is the host alone; whoever asks for that here is not served.
  if (method === 'CONNECT') return { host: headers.host ?? '', path: '', query: '' };
  const { authority, rest } = ABSOLUTE.exec(url)?.groups ?? {};
  const [path = '', query = ''] = (rest ?? url).split('?', 2);
  return { host: authority ?? headers.host ?? '', path: rest === undefined ? path : path || '/', query };
}
