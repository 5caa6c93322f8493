import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Entry } from './entry.js';

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})/;

/**
 * Follows a connection that was handed over to the application. The status is that of the first thing that it writes,
 * and the size is that of everything written behind that head.
 */
export function followUpgrade(entry: Entry, { socket }: IncomingMessage, stream: Duplex): void {
  const before = socket.bytesWritten;
  const { _write: write, _writev: writev } = stream;
  let head = 0;
  const look = (first: unknown, encoding?: BufferEncoding): void => {
    // Only the first write is looked at.
    stream._write = write;
    if (writev) stream._writev = writev;
    const text = typeof first === 'string' ? first : Buffer.from(first as Uint8Array).toString('latin1', 0, 65_536);
    const [, status] = STATUS_LINE.exec(text) ?? [];
    if (status !== undefined) entry.status = Number(status);
    const end = text.indexOf('\r\n\r\n') + 4;
    head = typeof first === 'string' ? Buffer.byteLength(text.slice(0, end), encoding) : end;
  };
  stream._write = (chunk, encoding, done) => {
    look(chunk, encoding);
    write.call(stream, chunk, encoding, done);
  };
  if (writev)
    stream._writev = (chunks, done) => {
      look(chunks[0]?.chunk, chunks[0]?.encoding);
      writev.call(stream, chunks, done);
    };
  entry.measureOther = () => {
    entry.bytes = Math.max(0, socket.bytesWritten - before - head);
  };
}
