import { readFileSync } from 'node:fs';
import type { TlsOptions } from 'node:tls';
import { types } from 'node:util';
import { ArbiterError } from '../errors.js';
import { type Check, plainObject } from './checks.js';

/**
 * The `tls` option: what `tls.createServer` takes, as data. `key`, `cert`, `ca` and `pfx` may be file URLs, which the
 * master reads when it starts and at each reload. A worker gets the contents, and needs no right to read the file.
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

/** Replaces each file URL by the contents of its file. Throws the system's error for a file that cannot be read. */
function readFiles(settings: TlsSettings): TlsOptions {
  const entries = Object.entries(settings).map(([name, value]) => [
    name,
    value instanceof URL ? readFileSync(value) : value,
  ]);
  return Object.fromEntries(entries) as TlsOptions;
}

/** A limit, since an object may contain itself. */
const MAX_DEPTH = 8;
const FILES: ReadonlySet<string> = new Set(['key', 'cert', 'ca', 'pfx']);

/** Checks the form only; {@link readTls} checks the contents. No message shows a value, since keys are secrets. */
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

/**
 * Whether a string looks like the name of a file. The text of a PEM has lines, and begins with `-----BEGIN` or words
 * about it.
 */
function isPath(value: unknown): boolean {
  return typeof value === 'string' && /^(?:file:|\.{0,2}\/)\S*$|^[^\s]+\.(?:pem|key|crt|cert|cer|p12|pfx)$/.test(value);
}

/**
 * Reads the files that the settings name, and tries the result. Not for workers: they get the contents, and may not be
 * allowed to read the files.
 */
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
    // The module is loaded only when it is needed. createServer() checks the certificate and all else, and opens
    // nothing.
    process.getBuiltinModule('node:tls').createServer(read);
    return read;
  } catch (error) {
    const { message } = error as Error;
    // Node's message ends with the value that it received, which is a secret: it is cut off.
    const [why = ''] = message.split(' Received ');
    const got = `got what it refuses: ${why}`;
    throw refuse('tls', `expected what tls.createServer() of Node takes, ${got}`, why === message ? error : undefined);
  }
}

/** As `plainObject()`, but the message does not show the value: somebody may have given the key itself. */
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

/** Whether structured cloning brings the value to the workers unchanged. */
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
