import { createServer } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { ArbiterError } from '../../errors.js';
import type { HttpOptions } from '../../protocol.js';
import { bytes, INT_32, integer, integers, invalid, milliseconds, plainObject } from '../checks.js';
import type { Contradiction, OptionRecords } from '../record.js';
import type { OptionValues } from '../resolved.js';

/** Whether JSON brings it to the workers as it is. */
function isData(value: unknown): boolean {
  try {
    return value === undefined || isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value);
  } catch {
    return false;
  }
}

const notTwice: Contradiction = {
  with: 'keepAlive',
  says: 'what is an option of its own is not said in `server`; `keepAliveTimeout` is `keepAlive`',
  refuse: (_option, { values: { server }, known }) => {
    for (const [key, value] of Object.entries(server)) {
      if (known.includes(key)) throw invalid(`server.${key}`, `this at the top level, as '${key}'`, value);
      if (!isData(value)) throw invalid(`server.${key}`, 'plain data, since it is sent to the workers', value);
    }
    const { keepAliveTimeout, highWaterMark } = server;
    if (keepAliveTimeout !== undefined) {
      throw invalid('server.keepAliveTimeout', "this at the top level, as 'keepAlive'", keepAliveTimeout);
    }
    if (highWaterMark !== undefined) integer(0)(highWaterMark, 'server.highWaterMark');
  },
};

/** Node checks types and combinations itself. A server that never listens opens nothing. */
const asNode: Contradiction = {
  with: 'requestTimeout',
  says: 'the head is no longer allowed to take than the whole, unless that has no limit',
  refuse: (_option, { values }) => {
    const options = nodeOptions(values);
    try {
      createServer(options);
    } catch (error) {
      const about = (error as Error).message;
      const [named] = Object.keys(options).filter((key) => about.includes(`"${key}"`) || about.includes(`.${key}"`));
      throw new ArbiterError('ERR_INVALID_OPTION', `option '${named ?? 'server'}': ${about}`, { cause: error });
    }
  },
};

/** What is Node's own to keep. */
export const HTTP: OptionRecords = {
  server: {
    about: 'Further options for `http.createServer`, as data.',
    kind: { type: 'object', check: plainObject },
    defaultValue: {},
    contradicts: [notTwice],
    part: 'http',
  },
  headersTimeout: {
    about: "Of Node's `http.Server`: for the complete head of a request; 0 = no limit.",
    kind: milliseconds,
    defaultValue: undefined,
    defaultText: "Node's (60000)",
    contradicts: [asNode],
    part: 'http',
  },
  requestTimeout: {
    about: "Of Node's `http.Server`: for the complete request; 0 = no limit.",
    kind: milliseconds,
    defaultValue: undefined,
    defaultText: "Node's (300000)",
    part: 'http',
  },
  maxHeaderSize: {
    about: "Of Node's `http.Server`: the head of a request.",
    kind: bytes,
    defaultValue: undefined,
    defaultText: "Node's (16384)",
    part: 'http',
  },
  maxHeadersCount: {
    about: "Of Node's `http.Server`: further headers are ignored.",
    kind: integers(0, INT_32),
    defaultValue: undefined,
    defaultText: "Node's (2000)",
    part: 'http',
  },
};

/** What `http.createServer` is told. */
export function nodeOptions(values: OptionValues): HttpOptions {
  const { server, ...others } = HTTP;
  const said = Object.keys(others).map((name) => [name, values[name as keyof typeof others]] as const);
  return { ...values.server, ...Object.fromEntries(said.filter(([, value]) => value !== undefined)) };
}
