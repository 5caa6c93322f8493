import { connect, type Socket } from 'node:net';
import tls from 'node:tls';
import { inTime } from './wait.js';

export interface Upload {
  readonly url: string;
  readonly path?: string;
  readonly bytes: number;
  /** @defaultValue `'1.1'` */
  readonly version?: '1.0' | '1.1';
  readonly headers?: Readonly<Record<string, string | number>>;
  /** Further bytes after the body; `ready` is awaited before they are sent. */
  readonly behind?: string;
  readonly ready?: () => Promise<unknown>;
  /** Called when the first of these bytes are on their way. */
  readonly sending?: () => void;
  /** The certificate to trust; without it, the connection is not encrypted. */
  readonly ca?: string;
}

export interface Uploaded {
  readonly received: string;
  /** How the connection ended: by the server's FIN, or with the code of an error of the system. */
  readonly end: string;
}

const CHUNK = Buffer.alloc(64 * 1024, 'x');

/**
 * Uploads as the strictest client would: it sends all of a body before it reads a byte, and with an error it loses what
 * it has not read. So the server must take all of the body.
 */
export async function upload(order: Upload): Promise<Uploaded> {
  const { hostname, port } = new URL(order.url);
  const to = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
  const socket = order.ca === undefined ? connect(to) : tls.connect({ ...to, ca: order.ca, servername: 'localhost' });
  try {
    return await inTime(send(socket, order), () => `the end of an upload to ${order.url}${order.path ?? '/'}`);
  } finally {
    socket.destroy();
  }
}

async function send(
  socket: Socket,
  { path = '/', bytes, version = '1.1', headers = {}, behind, ready, sending }: Upload,
): Promise<Uploaded> {
  let failed: (error: NodeJS.ErrnoException) => void = () => undefined;
  const failure = new Promise<Uploaded>((resolve) => {
    failed = ({ code = 'error' }) => resolve({ received: '', end: code });
  });
  socket.on('error', failed);
  const write = (data: string | Buffer): Promise<void> => new Promise((resolve) => socket.write(data, () => resolve()));
  const exchanged = async (): Promise<Uploaded> => {
    const lines = Object.entries({ Host: 'test', 'Content-Length': bytes, ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    await write(`POST ${path} HTTP/${version}\r\n${lines.join('')}\r\n`);
    for (let left = bytes; left > 0; left -= CHUNK.length)
      await write(left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK);
    await ready?.();
    if (behind !== undefined) {
      const taken = write(behind);
      sending?.();
      await taken;
    }
    let received = '';
    for await (const data of socket.setEncoding('latin1')) received += data;
    return { received, end: 'FIN' };
  };
  return Promise.race([
    failure,
    exchanged().catch((error: NodeJS.ErrnoException) => ({ received: '', end: error.code ?? error.message })),
  ]);
}

/** Makes `count` uploads, `together` at a time; returns how often each outcome occurred. */
export async function uploads(count: number, order: Upload, together = 4): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  let left = count;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const { received, end } = await upload(order);
      const kind = `${/^HTTP\/1\.1 (\d+)/.exec(received)?.[1] ?? 'nothing'} ${end}`;
      seen[kind] = (seen[kind] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: together }, client));
  return seen;
}
