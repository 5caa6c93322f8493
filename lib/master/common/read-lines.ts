import type { Duplex } from 'node:stream';
import { MAX_LINE } from '../../protocol/messages.js';

/**
 * Splits a stream into lines. A line that is longer than {@link MAX_LINE} is dropped whole, so that no worker can fill
 * the master's memory.
 */
export function readLines(stream: Duplex, onLine: (line: string) => void): void {
  let rest = '';
  let dropping = false;
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) {
      if (!dropping && line !== '' && line.length <= MAX_LINE) onLine(line);
      dropping = false;
    }
    if (rest.length > MAX_LINE) {
      rest = '';
      dropping = true;
    }
  });
}
