import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Like PM2, Watt is fetched when it is needed, and kept in the temporary folder: 160 packages. */
export const WATT = 'wattpm@3.65.0';
const FOLDER = join(tmpdir(), `prefork-bench-${WATT}`);
const PACKAGES = [WATT, '@platformatic/node@3.65.0'];
/** The least version of Node for Watt 3: from this one on, its workers can share a port. */
const NODE = { major: 22, minor: 19 };
/** If the Node that runs this script is older, Watt gets a Node of its own, installed into the same folder. */
const NODE_PACKAGE = 'node@24';
const INSTALL_LIMIT = 180_000;
const run = promisify(execFile);

const [major, minor] = process.versions.node.split('.').map(Number);
const ownNode = major < NODE.major || (major === NODE.major && minor < NODE.minor);
const nodeFile = ownNode ? join(FOLDER, 'node_modules/.bin/node') : process.execPath;

/** Installs Watt. Returns the reason if that fails, and undefined if Watt is there. */
export async function installWatt() {
  const packages = [...PACKAGES, ...(ownNode ? [NODE_PACKAGE] : [])];
  const args = ['install', '--prefix', FOLDER, '--prefer-offline', '--no-audit', '--no-fund', ...packages];
  try {
    mkdirSync(FOLDER, { recursive: true });
    await run('npm', args, { timeout: INSTALL_LIMIT });
    execFileSync(nodeFile, ['--version']);
    return undefined;
  } catch (error) {
    return `${WATT} cannot be installed: ${error.message.split('\n')[0]}`;
  }
}

/** The Node that runs Watt, and its version. */
export function wattNode() {
  return { file: nodeFile, version: execFileSync(nodeFile, ['--version'], { encoding: 'utf8' }).trim() };
}

const projects = [];
process.on('exit', () => {
  for (const project of projects) rmSync(project, { recursive: true, force: true });
});

/**
 * Writes a project for a port and a number of workers, and returns the arguments that start it. Watt's workers are
 * threads.
 */
export function wattArgs(served, port, workers) {
  // The project is next to node_modules, where Watt looks for its own packages.
  const project = mkdtempSync(join(FOLDER, 'project-'));
  projects.push(project);
  const write = (name, content) => writeFileSync(join(project, name), content);
  write('package.json', JSON.stringify({ name: 'peer', private: true, type: 'module' }));
  write('index.mjs', `export { create } from ${JSON.stringify(served)};\n`);
  const runtime = {
    server: { hostname: '127.0.0.1', port, backlog: 2048 },
    workers: { static: workers, dynamic: false },
    logger: { level: 'error' },
    ...{ metrics: false, healthProbes: false, managementApi: false, watch: false },
  };
  const schema = 'https://schemas.platformatic.dev/@platformatic/node/3.65.0.json';
  write('watt.json', JSON.stringify({ $schema: schema, node: { main: 'index.mjs' }, runtime }));
  return [join(FOLDER, 'node_modules/wattpm/bin/cli.js'), 'start', project];
}
