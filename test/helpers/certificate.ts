import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pathToFileURL, type URL } from 'node:url';
import { temporaryFolder } from './place.js';

/** The reason why a test cannot have certificates here, if there is one. */
export const noCertificates: string | false =
  spawnSync('openssl', ['version']).status !== 0 && 'needs the program openssl';

/** A key and its certificate for localhost, as PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

const made: Certificate[] = [];

/** The certificate with this number. It is made when it is first asked for, and kept as long as this process lives. */
export function certificate(number = 0): Certificate {
  made[number] ??= make();
  return made[number];
}

function make(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-test-'));
  try {
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The same in files, which exist as long as the test. */
export class CertificateFiles {
  readonly key: URL;
  readonly cert: URL;

  constructor(t: TestContext) {
    const folder = temporaryFolder(t);
    this.key = pathToFileURL(join(folder, 'key.pem'));
    this.cert = pathToFileURL(join(folder, 'cert.pem'));
    this.write(certificate());
  }

  write({ key, cert }: Certificate): void {
    writeFileSync(this.key, key);
    writeFileSync(this.cert, cert);
  }
}
