import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * PM2 is no dependency of this project, since it would bring 77 packages into every `npm ci`. It is fetched when it is
 * needed, and kept in the temporary folder.
 */
export const PM2 = 'pm2@7.0.4';
const FOLDER = join(tmpdir(), `prefork-bench-${PM2}`);
const run = promisify(execFile);

/** The path of one of PM2's programs, to be run by node. */
export function pm2Script(name) {
  return join(FOLDER, 'node_modules/pm2/bin', name);
}

/** Installs PM2. Returns whether that succeeded. */
export async function installPm2() {
  try {
    await run('npm', ['install', '--prefix', FOLDER, '--prefer-offline', '--no-audit', '--no-fund', PM2]);
    return true;
  } catch (error) {
    console.error(`${PM2} is left out: ${error.message}`);
    return false;
  }
}

/** A home folder for a PM2 that is separate from the user's own PM2. */
export function pm2Home() {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-bench-pm2-home-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return {
    env: { PM2_HOME: folder, PM2_DISABLE_VERSION_CHECK: 'true' },
    /** Replaces all processes of the daemon. */
    reload: () =>
      run(process.execPath, [pm2Script('pm2'), 'reload', 'all'], { env: { ...process.env, PM2_HOME: folder } }),
  };
}
