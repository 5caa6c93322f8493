import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './place.js';
import { eventually } from './wait.js';

/** A line of the form `combined`, split into its fields; values are still escaped, as they are in the line. */
export interface Line {
  readonly client: string;
  readonly user: string;
  readonly request: string;
  readonly status: number;
  readonly bytes: number;
  readonly referer: string;
  readonly agent: string;
}

const QUOTED = '"((?:[^"\\\\]|\\\\.)*)"';
const COMBINED = new RegExp(
  `^(\\S+) - (\\S+) \\[\\d\\d/[A-Z][a-z]{2}/\\d{4}:\\d\\d:\\d\\d:\\d\\d [+-]\\d{4}\\] ${QUOTED} (\\d{3}) (\\d+|-) ${QUOTED} ${QUOTED}$`,
);

/** Throws if the text is not such a line. */
export function parse(line: string): Line {
  const found = COMBINED.exec(line);
  if (!found || !/^[\x20-\x7e]+$/.test(line)) throw new Error(`no line of the access log: ${JSON.stringify(line)}`);
  const [, client = '', user = '', request = '', status, bytes, referer = '', agent = ''] = found;
  return { client, user, request, status: Number(status), bytes: Number(bytes === '-' ? 0 : bytes), referer, agent };
}

/** The file of an access log, in a temporary folder of the test. */
export class LogFile {
  readonly path: string;

  constructor(t: TestContext) {
    this.path = join(temporaryFolder(t), 'access.log');
  }

  /** The lines of further files, then those of this one. Each file must end with the end of a line. */
  texts(...more: readonly string[]): string[] {
    return [...more, this.path].flatMap((path) => {
      const text = existsSync(path) ? readFileSync(path, 'latin1') : '';
      if (text !== '' && !text.endsWith('\n')) throw new Error(`the end of a line is missing: ${text.slice(-100)}`);
      return text.split('\n').slice(0, -1);
    });
  }

  lines(...more: readonly string[]): Line[] {
    return this.texts(...more).map(parse);
  }

  /**
   * Waits until there are this many lines, which are written a moment later; returns each as `GET /a HTTP/1.1 200 5`.
   */
  async short(count: number): Promise<string[]> {
    await eventually(
      () => this.texts().length >= count,
      () => `${count} lines:\n${this.texts().join('\n')}`,
    );
    return this.lines().map(({ request, status, bytes }) => `${request} ${status} ${bytes}`);
  }
}
