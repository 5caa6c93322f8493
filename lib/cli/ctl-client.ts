/* The client of a master's control, for `prefork ctl`. */
import { readFileSync } from 'node:fs';
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { describeText, formatControl, parseControl } from '../options/control.js';

/** What was given on the command line is wrong: exit code 2. */
export class UsageError extends Error {}
/** Nothing answers at the address: exit code 3. */
export class UnreachableError extends Error {}
/** The master has refused, or what it was asked for has failed: exit code 1. */
export class RefusedError extends Error {
  /** The body of the answer; parsed, if it is JSON. */
  readonly body: unknown;

  constructor(message: string, body: unknown) {
    super(message);
    this.body = body;
  }
}

/** Why a master cannot be reached, by the code of the error: the user sees only the path. */
const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file: is it started, with this `control`?',
  ECONNREFUSED: 'nobody listens there: has it been stopped, or killed?',
  EACCES: 'permission denied: it is another user that the master runs as',
  ECONNRESET: 'it has ended meanwhile',
  EPIPE: 'it has ended meanwhile',
};

/**
 * Where the user has said that the master is: `unix:/path`, `http://127.0.0.1:port`, or the option `control` in JSON.
 */
export interface Said {
  readonly text: string;
  /** The flag or the variable that said so. */
  readonly from: string;
}

/** The address that this means. */
interface Place {
  readonly to: Pick<RequestOptions, 'socketPath' | 'host' | 'port'>;
  /** For messages: without the token. */
  readonly name: string;
  readonly token?: string;
}

export class ControlClient {
  readonly #to: Pick<RequestOptions, 'socketPath' | 'host' | 'port' | 'headers'>;
  readonly #name: string;
  #agent: Agent | false = false;
  #connections = 0;

  /** Throws a {@link UsageError}. The token of a file counts before one in the JSON. */
  constructor(said: Said, tokenFile: string | undefined) {
    const place = placeOf(said);
    const token = tokenFile === undefined ? place.token : readToken(tokenFile);
    const headers = {
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(place.to.socketPath !== undefined && { Host: 'localhost' }),
    };
    this.#name = place.name;
    this.#to = { ...place.to, headers };
  }

  /** From now on, another connection is made only when the last one is lost. One thing is asked at a time. */
  keepConnection(): void {
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
  }

  /** How many connections have been made, or tried. */
  get connections(): number {
    return this.#connections;
  }

  // biome-ignore lint/suspicious/noExplicitAny: what it answers is JSON.
  get(path: string): Promise<any> {
    return this.#send('GET', path);
  }

  // biome-ignore lint/suspicious/noExplicitAny: what it answers is JSON.
  post(path: string): Promise<any> {
    return this.#send('POST', path);
  }

  async #send(method: string, path: string): Promise<unknown> {
    const { status, text, isJson } = await this.#exchange(method, path);
    const body: unknown = isJson ? JSON.parse(text) : text;
    // "Not ready" is an answer too: a 503 of `/readyz` is no failure.
    if (status < 300 || path === '/readyz') return body;
    throw new RefusedError(reasonOf(body) ?? `it answers ${status}`, body);
  }

  #exchange(method: string, path: string): Promise<{ status: number; text: string; isJson: boolean }> {
    return new Promise((resolve, reject) => {
      const fail = ({ code = '', message }: NodeJS.ErrnoException): void =>
        reject(new UnreachableError(`cannot reach ${this.#name}: ${WHY[code] ?? message}`));
      const outgoing = request({ ...this.#to, method, path, agent: this.#agent }, (response: IncomingMessage) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.once('error', fail);
        response.once('end', () => {
          const isJson = response.headers['content-type'] === 'application/json';
          resolve({ status: response.statusCode ?? 0, text, isJson });
        });
      });
      outgoing.once('socket', () => {
        if (!outgoing.reusedSocket) this.#connections++;
      });
      outgoing.once('error', fail);
      outgoing.end();
    });
  }
}

function placeOf({ text, from }: Said): Place {
  if (text.startsWith('unix:/')) return { to: { socketPath: text.slice('unix:'.length) }, name: text };
  const url = text.startsWith('http://') && URL.canParse(text) ? new URL(text) : undefined;
  // Only an origin: what else there is in a URL may be a token.
  if (url && url.href === `${url.origin}/`)
    return { to: { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || 80 }, name: text };
  const value = asJson(text);
  if (value !== undefined) return placeOfOption(value, from);
  const expected = "unix:/path, http://127.0.0.1:port, or the option 'control' in JSON";
  throw new UsageError(`${from}: expected ${expected}, got ${JSON.stringify(describeText(text))}`);
}

/** For the option in JSON: its variable, `PREFORK_CONTROL`, is also that of this command. */
function placeOfOption(value: unknown, from: string): Place {
  let address: ReturnType<typeof parseControl>;
  try {
    address = parseControl(value, 'control');
  } catch (error) {
    throw new UsageError(`${from}: ${(error as Error).message}`);
  }
  if (address === false) throw new UsageError(`${from}: expected where the master is, got false`);
  if (address.kind === 'unix') return { to: { socketPath: address.path }, name: formatControl(address) };
  const { host, port } = address;
  if (port === 0) throw new UsageError(`${from}: expected the port that the master has got, got 0; its log names it`);
  return { to: { host, port }, name: `http://${formatControl(address)}`, token: address.token() };
}

/** A JSON object or `false`; undefined for any other text. */
function asJson(text: string): unknown {
  try {
    return /^\{|^false$/.test(text) ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

function readToken(file: string): string {
  try {
    const token = readFileSync(file, 'utf8').trim();
    if (/^[\x21-\x7e]+$/.test(token)) return token;
  } catch (error) {
    throw new UsageError(`--token-file: ${(error as Error).message}`);
  }
  throw new UsageError(`--token-file: expected a file with one word in it, ${file}`);
}

interface Told {
  readonly message?: string;
  readonly code?: string;
  readonly cause?: Told;
}

/** What went wrong, with its causes, a line each. */
function reasonOf(body: unknown): string | undefined {
  const lines: string[] = [];
  for (let error = (body as { error?: Told } | undefined)?.error; error; error = error.cause) {
    const text = `${error.message ?? 'it failed'}${error.code ? ` (${error.code})` : ''}`;
    lines.push(lines.length === 0 ? text : `  caused by: ${text}`);
  }
  return lines.length === 0 ? undefined : lines.join('\n');
}
