import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { readTls } from '../../../build/options/tls.js';
import { validateOptions as validateForm } from '../../../build/options/validate.js';
import { type Certificate, CertificateFiles, certificate, noCertificates } from '../../helpers/certificate.js';
import { temporaryFolder } from '../../helpers/place.js';
import { assertInvalid, passesOrIsRefused } from '../invalid.js';

const app = './app.js';
const withOpenssl = { skip: noCertificates };
const SECRET = 'f7Kq2ZsecretXw9LmvB4';
const PRIVATE = `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\n`;

/** Validates options as the Arbiter does when it is made. */
function validateOptions(value: unknown): ReturnType<typeof validateForm> {
  const options = validateForm(value);
  if (options.tls) readTls(options.tls);
  return options;
}

const refused = (tls: unknown, ...fragments: readonly string[]): void =>
  assertInvalid(() => validateOptions({ app, tls }), ...fragments);

/** All that a log would show of an error, causes included. */
function shown(error: unknown): string {
  const { message, stack, cause } = error as Error;
  return `${message} ${stack} ${inspect(error)} ${cause === undefined ? '' : shown(cause)}`;
}

/** Throws when an error of these options shows a part of the secret, as text or as the bytes of a buffer. */
function keepsTheSecret(tls: unknown): void {
  try {
    validateOptions({ app, tls });
  } catch (error) {
    const part = SECRET.slice(0, 8);
    const text = shown(error).replace(/ /g, '');
    for (const form of [part, Buffer.from(part).toString('hex'), Buffer.from(part).toString('base64').slice(0, 10)]) {
      assert.ok(!text.includes(form), `${form} is shown: ${(error as Error).message}`);
    }
  }
}

test('tls: key and certificate, as text, bytes or files', withOpenssl, (t) => {
  const { key, cert } = certificate();
  const files = new CertificateFiles(t);
  for (const tls of [
    { key, cert },
    { key: Buffer.from(key), cert: new Uint8Array(Buffer.from(cert)) },
    { key: files.key, cert: files.cert },
    { key: files.key, cert },
    { key, cert: [cert] },
    { key, cert, minVersion: 'TLSv1.3', requestCert: true, ca: [cert] },
  ]) {
    const resolved = validateOptions({ app, tls });
    // The files are read again whenever a worker starts.
    assert.deepEqual(resolved.tls, tls);
  }
});

test('tls: what does not belong together, or is no certificate, is refused', withOpenssl, (t) => {
  const [{ key, cert }, other] = [certificate(), certificate(1)];
  const folder = temporaryFolder(t);
  const garbage = pathToFileURL(join(folder, 'garbage.pem'));
  writeFileSync(garbage, PRIVATE);
  const missing = pathToFileURL(join(folder, 'missing.pem'));
  const directory = pathToFileURL(join(folder, 'directory'));
  mkdirSync(directory);
  const encrypted = execFileSync('openssl', ['ec', '-aes256', '-passout', 'pass:right'], {
    input: key,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const rows: readonly (readonly [tls: unknown, ...fragments: string[]])[] = [
    [{ key, cert: other.cert }, 'mismatch'],
    [{ key: cert, cert: key }],
    [{ key: PRIVATE, cert }],
    [{ key, cert: 'no certificate' }],
    [{ key: garbage, cert }],
    [{ key, cert: garbage }],
    [{ key: missing, cert }, 'cannot be read', 'ENOENT'],
    [{ key, cert: missing }, 'cannot be read', 'ENOENT'],
    [{ key: directory, cert }, 'cannot be read', 'EISDIR'],
    [{ key: encrypted, cert }],
    [{ key: encrypted, cert, passphrase: 'wrong' }],
    [{ pfx: 'no archive' }],
    [{ key }, "'key' and 'cert'"],
    [{ cert }, "'key' and 'cert'"],
    [{ key: '', cert }],
    [{ key: null, cert }],
    [{ key, cert, minVersion: 'TLSv9' }, 'TLSv9'],
    [{ key, cert, ciphers: 'none of these' }],
    // Only the server looks at this option; the certificate has nothing to do with it.
    [{ key, cert, handshakeTimeout: 'soon' }, 'handshakeTimeout'],
  ];
  for (const [tls, ...fragments] of rows) {
    refused(tls, "option 'tls", ...fragments);
    keepsTheSecret(tls);
  }
  assert.ok(validateOptions({ app, tls: { key: encrypted, cert, passphrase: 'right' } }).tls);
});

test('tls: no message shows a value, wherever the secret was put', () => {
  const cert = 'no certificate';
  for (const tls of [
    SECRET,
    PRIVATE,
    [PRIVATE, cert],
    Buffer.from(PRIVATE),
    new Map([['key', PRIVATE]]),
    new (class Settings {
      readonly key = PRIVATE;
    })(),
    Promise.resolve({ key: PRIVATE }),
    { key: PRIVATE, cert },
    { key: SECRET, cert: SECRET },
    { key: Buffer.from(PRIVATE), cert },
    { key: { pem: PRIVATE }, cert },
    { key: [{ pem: PRIVATE, passphrase: SECRET }], cert },
    { key: new Map([[PRIVATE, 1]]), cert },
    { pfx: SECRET },
    { pfx: [{ buf: SECRET, passphrase: SECRET }] },
  ]) {
    keepsTheSecret(tls);
  }
});

test('tls: no message shows what goes with a certificate', withOpenssl, () => {
  const { key, cert }: Certificate = certificate();
  for (const more of [
    { ticketKeys: SECRET },
    { ticketKeys: Buffer.from(SECRET) },
    { passphrase: [SECRET] },
    { passphrase: { text: SECRET } },
    { sessionIdContext: [SECRET] },
  ]) {
    keepsTheSecret({ key, cert, ...more });
  }
  // A number is shown whole where a text would be cut.
  assert.throws(
    () => validateOptions({ app, tls: { key, cert, passphrase: 4815162342 } }),
    (error) => !shown(error).includes('4815162342'),
  );
});

test('tls: an object that holds itself is refused', () => {
  const tls: Record<string, unknown> = { key: PRIVATE };
  tls['ca'] = [tls];
  refused(tls, "option 'tls");
});

test('tls: whatever comes, nothing but ERR_INVALID_OPTION is thrown, and no secret with it', () => {
  const anything = fc.anything({
    key: fc.constantFrom('key', 'cert', 'pfx', 'ca', 'passphrase', 'pem', 'buf', 'ticketKeys', 'crl'),
    values: [fc.constantFrom<unknown>(SECRET, PRIVATE, Buffer.from(PRIVATE), 5, null, undefined, '')],
    withMap: true,
    withSet: true,
  });
  fc.assert(
    fc.property(anything, (tls) => {
      keepsTheSecret(tls);
      passesOrIsRefused(() => validateOptions({ app, tls }));
    }),
    { numRuns: 1000 },
  );
});
