/* Asks the control of a master. */
import { readFileSync } from 'node:fs';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';

/** What was given on the command line is wrong: exit code 2. */
export class UsageError extends Error {}
/** Nobody answers there: exit code 3. */
export class UnreachableError extends Error {}
/** It was refused, or has failed: exit code 1. */
export class RefusedError extends Error {
  /** Of JSON, as the control has said it. */
  readonly body: unknown;

  constructor(message: string, body: unknown) {
    super(message);
    this.body = body;
  }
}

/** Why a master cannot be reached, for who has only the path. */
const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file: is it started, with this `control`?',
  ECONNREFUSED: 'nobody listens there: has it been stopped, or killed?',
  EACCES: 'permission denied: it is another user that the master runs as',
  ECONNRESET: 'it has ended meanwhile',
  EPIPE: 'it has ended meanwhile',
};

export class ControlClient {
  readonly #to: Pick<RequestOptions, 'socketPath' | 'host' | 'port' | 'headers'>;
  /** As it was given. */
  readonly where: string;

  /** @param where - `unix:/path` or `http://127.0.0.1:port`. Throws a {@link UsageError}. */
  constructor(where: string, tokenFile: string | undefined) {
    this.where = where;
    const token = tokenFile === undefined ? undefined : readToken(tokenFile);
    const headers = { ...(token !== undefined && { Authorization: `Bearer ${token}` }) };
    if (where.startsWith('unix:/')) {
      this.#to = { socketPath: where.slice('unix:'.length), headers: { ...headers, Host: 'localhost' } };
      return;
    }
    const url = where.startsWith('http://') && URL.canParse(where) ? new URL(where) : undefined;
    if (url?.pathname !== '/' || url.search !== '')
      throw new UsageError(`--control: expected unix:/path or http://127.0.0.1:port, got ${JSON.stringify(where)}`);
    this.#to = { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || 80, headers };
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
    // Not ready is an answer too.
    if (status < 300 || path === '/readyz') return body;
    throw new RefusedError(reasonOf(body) ?? `it answers ${status}`, body);
  }

  #exchange(method: string, path: string): Promise<{ status: number; text: string; isJson: boolean }> {
    return new Promise((resolve, reject) => {
      const fail = ({ code = '', message }: NodeJS.ErrnoException): void =>
        reject(new UnreachableError(`cannot reach ${this.where}: ${WHY[code] ?? message}`));
      const outgoing = request({ ...this.#to, method, path, agent: false }, (response: IncomingMessage) => {
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
      outgoing.once('error', fail);
      outgoing.end();
    });
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
