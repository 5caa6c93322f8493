import { readFileSync } from 'node:fs';
import type { TlsOptions } from 'node:tls';
import { types } from 'node:util';
import { ArbiterError } from '../errors.js';
import { type Check, plainObject } from './checks.js';

/**
 * The `tls` option: what `tls.createServer` takes, as data. `key`, `cert`, `ca` and `pfx` may be file URLs, which the
 * master reads when it starts and at each reload; a worker gets the contents, never the right to read the file.
 */
export interface TlsSettings
  extends Readonly<
    Omit<TlsOptions, 'key' | 'cert' | 'ca' | 'pfx' | 'SNICallback' | 'ALPNCallback' | 'pskCallback' | 'secureContext'>
  > {
  readonly key?: TlsOptions['key'] | URL | undefined;
  readonly cert?: TlsOptions['cert'] | URL | undefined;
  readonly ca?: TlsOptions['ca'] | URL | undefined;
  readonly pfx?: TlsOptions['pfx'] | URL | undefined;
}

/** The settings with the contents of the files that they name. Throws the system's error for one that cannot be read. */
function readFiles(settings: TlsSettings): TlsOptions {
  const entries = Object.entries(settings).map(([name, value]) => [
    name,
    value instanceof URL ? readFileSync(value) : value,
  ]);
  return Object.fromEntries(entries) as TlsOptions;
}

/** An object that holds itself has no end. */
const MAX_DEPTH = 8;
const FILES: ReadonlySet<string> = new Set(['key', 'cert', 'ca', 'pfx']);

/** Looks at the form alone, see {@link readTls}. No message shows a value: they are secrets. */
export const tlsSettings: Check<TlsSettings> = (value, option) => {
  const settings = asPlainObject(value, option);
  for (const [name, part] of Object.entries(settings)) {
    if (!isData(part) && !(part instanceof URL && FILES.has(name) && part.protocol === 'file:'))
      throw refuse(`${option}.${name}`, 'expected plain data or a file URL, since it is sent to the workers');
    if (FILES.has(name) && isPath(part)) {
      throw refuse(
        `${option}.${name}`,
        "expected the text of a key or certificate, a Buffer, or the URL of a file, got a string that names a file; its URL is new URL('file:///path'), in JSON 'file:///path'",
      );
    }
  }
  return { ...settings } as TlsSettings;
};

/** A text in PEM has lines, and begins with `-----BEGIN` or words about it. */
function isPath(value: unknown): boolean {
  return typeof value === 'string' && /^(?:file:|\.{0,2}\/)\S*$|^[^\s]+\.(?:pem|key|crt|cert|cer|p12|pfx)$/.test(value);
}

/** Reads what the settings name and tries it. Not in a worker: it gets the contents, and may not be able to read the files. */
export function readTls(settings: TlsSettings): TlsOptions {
  let read: TlsOptions;
  try {
    read = readFiles(settings);
  } catch (error) {
    throw refuse('tls', `a file that it names cannot be read: ${(error as Error).message}`, error);
  }
  if (!read.pfx && (!read.key || !read.cert)) {
    const given = [...FILES].filter((name) => name !== 'ca' && read[name as keyof TlsOptions]);
    const got = given.length === 0 ? 'none of these' : `'${given.join("' and '")}' alone`;
    throw refuse('tls', `expected 'key' and 'cert', or 'pfx', got ${got}`);
  }
  try {
    // Loaded when it is needed. It looks at the certificate and at all else, and opens nothing.
    process.getBuiltinModule('node:tls').createServer(read);
    return read;
  } catch (error) {
    const { message } = error as Error;
    // Node says what it received.
    const [why = ''] = message.split(' Received ');
    const got = `got what it refuses: ${why}`;
    throw refuse('tls', `expected what tls.createServer() of Node takes, ${got}`, why === message ? error : undefined);
  }
}

/** Without the value: somebody may have given the key itself. */
function asPlainObject(value: unknown, option: string): Readonly<Record<string, unknown>> {
  try {
    return plainObject(value, option);
  } catch {
    throw refuse(option, `expected a plain object, got ${value === null ? 'null' : typeof value}`);
  }
}

function refuse(name: string, why: string, cause?: unknown): ArbiterError {
  return new ArbiterError('ERR_INVALID_OPTION', `option '${name}': ${why}`, { cause });
}

/** Whether structured cloning brings it to the workers as it is. */
function isData(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function' && typeof value !== 'symbol';
  if (types.isUint8Array(value)) return true;
  const plain = Array.isArray(value) || isPlain(value);
  return plain && depth < MAX_DEPTH && Object.values(value).every((part) => isData(part, depth + 1));
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
