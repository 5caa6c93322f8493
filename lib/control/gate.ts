/*
 * Decides which requests are let in. The client may be a browser that runs a page of another site: neither the mode of
 * a socket file nor a loopback address keeps such a page out.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ControlAddress } from '../options/resolved.js';

/** Why a request is not served. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The hosts that are accepted, as a browser or a client of this machine sends them: no page of another site can have
 * these names.
 */
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::(?<port>\d{1,5}))?$/i;

/** Judges each request before anything else of it is looked at. `port` returns the port of a TCP address. */
export class Gate {
  /**
   * The digest of the token: digests have equal lengths, which `timingSafeEqual()` needs. Undefined for a Unix socket,
   * where the mode of the file is the guard.
   */
  readonly #token: Buffer | undefined;
  readonly #port: () => number | undefined;

  constructor(address: ControlAddress, port: () => number | undefined) {
    this.#token = address.kind === 'tcp' ? digest(address.token()) : undefined;
    this.#port = port;
  }

  /**
   * Returns why a request is refused; undefined if it is let in. `host` is the host that it asks for, and `open` says
   * that it needs no token.
   */
  refuse(headers: IncomingHttpHeaders, host: string, open: boolean): Refusal | undefined {
    const { origin, 'sec-fetch-site': site } = headers;
    const found = LOOPBACK.exec(host);
    const port = this.#port();
    // DNS rebinding: a page whose own name has been made to lead to this machine sends that name.
    if (!found || (port !== undefined && Number(found.groups?.['port'] ?? 80) !== port)) {
      return { status: 421, message: `the Host must be localhost, 127.0.0.1 or [::1]${port ? `, port ${port}` : ''}` };
    }
    if (origin !== undefined && origin.toLowerCase() !== `http://${host}`.toLowerCase())
      return { status: 403, message: 'a page of another site may not ask' };
    // `none`: the user has typed the address.
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
