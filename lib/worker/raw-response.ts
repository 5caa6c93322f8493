import { writeSync } from 'node:fs';

const REASON = {
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
} as const;
/** The status codes of answers that the library gives in the application's place. */
export type Refusal = keyof typeof REASON;

export function refusalPage(status: Refusal): string {
  return `${REASON[status]}\n`;
}

/**
 * Writes an answer directly to the descriptor of a plain (not TLS) connection, past all streams. Returns whether the
 * system took it.
 */
export function writeRefusal(fd: number, status: Refusal): boolean {
  const page = refusalPage(status);
  try {
    writeSync(
      fd,
      `HTTP/1.1 ${status} ${REASON[status]}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${page.length}\r\nConnection: close\r\n\r\n${page}`,
    );
    return true;
  } catch {
    // The client has gone.
    return false;
  }
}
