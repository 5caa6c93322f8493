import type { IncomingMessage } from 'node:http';

/** What a request asks for, and of which host. */
export interface Target {
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

/**
 * The absolute form of a target, sent by clients that take this server for their proxy. The host in it is the one that
 * counts: RFC 9112, 3.2.2.
 */
const ABSOLUTE = /^http:\/\/(?<authority>[^/?]*)(?<rest>.*)$/i;

export function targetOf({ url = '', method, headers }: IncomingMessage): Target {
  // The target of CONNECT is a host alone. The control never serves that method.
  if (method === 'CONNECT') return { host: headers.host ?? '', path: '', query: '' };
  const { authority, rest } = ABSOLUTE.exec(url)?.groups ?? {};
  const [path = '', query = ''] = (rest ?? url).split('?', 2);
  return { host: authority ?? headers.host ?? '', path: rest === undefined ? path : path || '/', query };
}
