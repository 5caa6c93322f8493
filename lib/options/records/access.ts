import type { Writable } from 'node:stream';
import { accessFormat } from '../access-format.js';
import { type Check, flag, invalid, plainObject, text } from '../checks.js';
import type { Contradiction, OptionRecords } from '../record.js';
import type { AccessLogTarget } from '../resolved.js';
import { trustedProxies } from '../trust.js';

const EXPECTED = "true, false, the path of a file, '-' for standard output, a stream, or { path, stream, format }";

function isStream(value: unknown): value is Writable {
  const { write, on } = (value ?? {}) as Partial<Writable>;
  return typeof value === 'object' && typeof write === 'function' && typeof on === 'function';
}

const FORMATS: readonly string[] = ['combined', 'common', 'json'];

/** Parses `accessLog`. No message shows a stream, since it may be huge. */
const accessLog: Check<AccessLogTarget | false> = (value, option) => {
  if (value === false) return false;
  if (value === true || value === '-' || value === process.stdout) return { to: 'stdout' };
  if (typeof value === 'string') {
    if (!FORMATS.includes(value)) return { to: 'file', path: text(value, option) };
    // Somebody who knows `morgan('combined')` may write this. A log file of that name might go unnoticed for years.
    throw invalid(option, EXPECTED, value, `a format is 'accessLogFormat', and a file of that name './${value}'`);
  }
  if (isStream(value)) return { to: 'stream', stream: value };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(option, EXPECTED, value);
  const { path, stream, format: given, ...rest } = plainObject(value, option);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalid(option, EXPECTED, unknown);
  if (path !== undefined && stream !== undefined) throw invalid(option, "'path' or 'stream', not both", path);
  const format = given === undefined ? {} : { format: accessFormat(given, `${option}.format`) };
  if (stream !== undefined) {
    if (!isStream(stream)) throw invalid(`${option}.stream`, 'a writable stream', typeof stream);
    return stream === process.stdout ? { to: 'stdout', ...format } : { to: 'stream', stream, ...format };
  }
  if (path === undefined || path === '-') return { to: 'stdout', ...format };
  return { to: 'file', path: text(path, `${option}.path`), ...format };
};

const saidOnce: Contradiction = {
  with: 'accessLog',
  says: 'the format is said once: there, or as `format` of `accessLog`',
  refuse: (option, { given, values: { accessLog } }) => {
    if (given[option] === undefined || accessLog === false || accessLog.format === undefined) return;
    throw invalid(option, "the format once, here or as 'accessLog.format'", given[option]);
  },
};

const ofSomebody: Contradiction = {
  with: 'trustProxy',
  says: 'it is for the proxies that are named there',
  refuse: (option, { values: { proxyProtocol, trustProxy } }) => {
    if (proxyProtocol && trustProxy === false) throw invalid(option, "'trustProxy' with it", proxyProtocol);
  },
};

/** The name of a header, RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Headers that HTTP itself lives by. An id in the place of one would make another request of each request. */
const TAKEN: ReadonlySet<string> = new Set([
  ...['host', 'connection', 'keep-alive', 'proxy-connection', 'upgrade', 'expect'],
  ...['te', 'trailer', 'transfer-encoding'],
  ...['content-length', 'content-type', 'content-encoding', 'authorization', 'cookie', 'set-cookie'],
  ...['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'],
]);

const requestId: Check<string | false> = (value, option) => {
  if (value === false) return false;
  if (value === true) return 'x-request-id';
  if (typeof value === 'string' && value.length <= 100 && TOKEN.test(value)) {
    const name = value.toLowerCase();
    if (TAKEN.has(name)) throw invalid(option, 'the name of a header for ids alone', value);
    return name;
  }
  throw invalid(option, 'true, false, or the name of a header', value);
};

/** The access log, and who the clients and their requests are. */
export const ACCESS: OptionRecords = {
  accessLog: {
    about:
      "Where a line for each request goes. `true` or `'-'`: to standard output. A string: to that file, relative to `cwd`. Otherwise a stream, or `{ path, stream, format }`.",
    kind: { type: '`true`, `false`, string, stream or object', check: accessLog },
    defaultValue: false,
    gunicorn: 'accesslog',
  },
  accessLogFormat: {
    about:
      "What each line of the access log says: `'combined'`, `'common'`, `'json'`, or a line with the atoms of Gunicorn, `'%(h)s %(s)s'`.",
    kind: { type: 'string', check: accessFormat },
    defaultValue: 'combined',
    gunicorn: 'access_log_format',
    contradicts: [saidOnce],
  },
  trustProxy: {
    about:
      "Which clients are proxies whose word about their own clients is trusted: addresses, subnets, `'loopback'`, `'unix'`, or `true` for all. The access log names the client that they name.",
    kind: { type: '`true`, `false`, string, array of strings or `{ from, header }`', check: trustedProxies },
    defaultValue: false,
    gunicorn: 'forwarded_allow_ips',
  },
  proxyProtocol: {
    about:
      'Whether connections of `trustProxy` begin with a header of the PROXY protocol, version 1 or 2, which names the client.',
    kind: flag,
    defaultValue: false,
    gunicorn: 'proxy_protocol',
    contradicts: [ofSomebody],
  },
  requestId: {
    about:
      'Whether each request gets an id, or the header that carries it. `true` is `X-Request-Id`. An id that comes from a trusted proxy is kept.',
    kind: { type: '`true`, `false` or string', check: requestId },
    defaultValue: false,
  },
};
