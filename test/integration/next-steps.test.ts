/* What somebody meets who comes from elsewhere is told with what to do about it, and doing it helps. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { CLASSES } from '../helpers/classes.js';
import { prefork, readyAt } from '../helpers/command.js';
import { get } from '../helpers/http.js';
import { occupy, portOf, temporaryFolder } from '../helpers/place.js';
import type { Program } from '../helpers/program.js';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const loadsTypes = major > 22 || (major === 22 && minor >= 18);

const ESM = "import http from 'node:http';\nexport default (request, response) => response.end(http.METHODS[0]);\n";
const TYPED = "export default (request: unknown, response: { end(text: string): void }) => response.end('typed');\n";

function folderOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder(t);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const start = (t: TestContext, cwd: string, ...args: string[]): Program =>
  prefork(t, [...args.slice(0, 1), '-w', '1', '-b', '127.0.0.1:0', ...args.slice(1)], { cwd });

/** What the command says last, after all logs. */
async function refused(program: Program, code: number, says: RegExp): Promise<void> {
  assert.deepEqual(await program.exited(), { code, signal: null }, program.output);
  assert.match(/^prefork: .*$/m.exec(program.output)?.[0] ?? program.output, says);
}

for (const workerClass of CLASSES) {
  test(`an ES module in a package of CommonJS: ${workerClass}`, async (t) => {
    const folder = folderOf(t, { 'package.json': '{ "type": "commonjs" }', 'app.js': ESM, 'app.mjs': ESM });
    const says = /outside a module .*app\.js is CommonJS, since .*package\.json says .*, or name the file \.mjs\)/;
    await refused(start(t, folder, 'app.js', '-k', workerClass), 4, says);
  });

  test(`process.send() of a script for PM2: ${workerClass}`, async (t) => {
    const folder = folderOf(t, { 'app.mjs': `${ESM}process.send('ready');\n` });
    const says = /process\.send is not a function \(.*`worker\.send\(\)` of prefork/;
    await refused(start(t, folder, 'app.mjs', '-k', workerClass), 4, says);
  });

  test(`TypeScript on a Node that does not load it: ${workerClass}`, { skip: loadsTypes && 'it does' }, async (t) => {
    const folder = folderOf(t, { 'app.ts': TYPED });
    const says =
      workerClass === 'threaded' && major === 20 ? /also with tsx: take another class/ : /--exec-argv=--import=tsx/;
    await refused(start(t, folder, 'app.ts', '-k', workerClass), 4, says);
  });
}

test('the name that is proposed helps', async (t) => {
  const folder = folderOf(t, { 'package.json': '{ "type": "commonjs" }', 'app.mjs': ESM });
  assert.equal((await get(await readyAt(start(t, folder, 'app.mjs')))).status, 200);
});

test('TypeScript that has to be compiled', { skip: !loadsTypes && 'this Node loads none' }, async (t) => {
  const folder = folderOf(t, { 'app.mts': `enum Kind { Pen }\n${TYPED}` });
  await refused(start(t, folder, 'app.mts'), 4, /only takes the types away; tsx .*--exec-argv=--import=tsx/);
});

test('a port that an outgoing connection has been given', { skip: process.platform !== 'linux' }, async (t) => {
  const server = await occupy(t);
  const socket = connect(portOf(server), '127.0.0.1');
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  const { port } = socket.address() as AddressInfo;
  const program = prefork(t, ['app.mjs', '-w', '1', '-b', `127.0.0.1:${port}`], {
    cwd: folderOf(t, { 'app.mjs': ESM }),
  });
  await refused(
    program,
    1,
    /in use by another process, or by an outgoing connection: .* the ports \d+ to \d+ \(EADDRINUSE\)/,
  );
});
