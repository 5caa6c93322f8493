/* Who is let in. Whoever reaches the socket may be a browser that some page in it has sent: a file's mode and a loopback address keep no page out. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ControlAddress } from '../options/resolved.js';

/** Why a request is not served. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Names that no page of another site can have, as a browser or a client of this machine sends them. */
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::(?<port>\d{1,5}))?$/i;

/** Judges each request, before anything of it is looked at. `port` is the one of a TCP address. */
export class Gate {
  /** Of equal length, whatever comes. Undefined where the mode of the file is the guard. */
  readonly #token: Buffer | undefined;
  readonly #port: () => number | undefined;

  constructor(address: ControlAddress, port: () => number | undefined) {
    this.#token = address.kind === 'tcp' ? digest(address.token()) : undefined;
    this.#port = port;
  }

  /** Undefined for who may ask. `host` is what it has asked, `open` what needs no token. */
  refuse(headers: IncomingHttpHeaders, host: string, open: boolean): Refusal | undefined {
    const { origin, 'sec-fetch-site': site } = headers;
    const found = LOOPBACK.exec(host);
    const port = this.#port();
    // A page whose own name leads to this machine by now (DNS rebinding) sends that name.
    if (!found || (port !== undefined && Number(found.groups?.['port'] ?? 80) !== port)) {
      return { status: 421, message: `the Host must be localhost, 127.0.0.1 or [::1]${port ? `, port ${port}` : ''}` };
    }
    if (origin !== undefined && origin.toLowerCase() !== `http://${host}`.toLowerCase())
      return { status: 403, message: 'a page of another site may not ask' };
    // `none`: somebody has typed the address.
    if (site !== undefined && site !== 'same-origin' && site !== 'none')
      return { status: 403, message: 'a page of another site may not ask' };
    if (open || this.#token === undefined || this.#isRight(headers.authorization)) return undefined;
    return {
      status: 401,
      message: 'the token is missing or wrong: Authorization: Bearer …',
      headers: { 'WWW-Authenticate': 'Bearer realm="prefork"' },
    };
  }

  #isRight(authorization: string | undefined): boolean {
    const given = /^Bearer +(?<token>\S+) *$/i.exec(authorization ?? '')?.groups?.['token'];
    return given !== undefined && this.#token !== undefined && timingSafeEqual(digest(given), this.#token);
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
