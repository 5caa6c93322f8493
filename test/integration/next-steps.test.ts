/* Mistakes of users who come from elsewhere: the message says what to do, and doing it helps. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
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

const HANDLER = '(request, response) => response.end("there");\n';
const UPGRADES = `import http from 'node:http';
const server = http.createServer((request, response) => response.end('plain'));
server.on('upgrade', (request, socket) => socket.end());
export default server;
`;

for (const [what, name, text, says] of [
  [
    'an ES module that only listens',
    'only.mjs',
    "import http from 'node:http';\nhttp.createServer().listen('./only.sock');\n",
    /exports nothing \(it listens by itself: prefork run \.\/only\.mjs\)/,
  ],
  [
    'one that listens later, or not',
    'later.mjs',
    'setTimeout(() => {}, 60_000);\n',
    /exports nothing \(if it listens by itself: prefork run \.\/later\.mjs\)/,
  ],
  ['CommonJS that exports nothing', 'none.cjs', '', /got \{\} \(if it listens by itself: prefork run \.\/none\.cjs\)/],
  [
    'a named export',
    'named.mjs',
    `export const port = 80;\nexport const app = ${HANDLER}`,
    /it exports app, port \(name the one that is meant: '\.\/named\.mjs#app'\)/,
  ],
  [
    'a named export of CommonJS',
    'named.cjs',
    `exports.app = ${HANDLER}`,
    /got \{ app: .*\(name the one that is meant: '\.\/named\.cjs#app'\)/,
  ],
] as const) {
  test(`what is exported is no application: ${what}`, async (t) => {
    await refused(start(t, folderOf(t, { [name]: text }), name), 4, says);
  });
}

test('a handler that is run as a script', async (t) => {
  const folder = folderOf(t, { 'app.mjs': `export default ${HANDLER}` });
  const says = /had not called listen\(\) of an HTTP server; if it exports a handler, leave out run: prefork app\.mjs$/;
  await refused(prefork(t, ['-w', '1', 'run', 'app.mjs'], { cwd: folder }), 4, says);
});

test('run is given no script', async (t) => {
  const folder = folderOf(t, {});
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  mkdirSync(join(folder, 'node_modules/some/bin'), { recursive: true });
  writeFileSync(join(folder, 'node_modules/some/bin/some.js'), '');
  symlinkSync('../some/bin/some.js', join(folder, 'node_modules/.bin/some'));
  for (const [args, says] of [
    [['ap.js'], /^prefork: run: Cannot find module: no script 'ap\.js' in \/[^;]*$/],
    [['some', 'start'], /no script 'some' in .*; the command of that name is node_modules\/some\/bin\/some\.js$/],
    [['npm', 'start'], /no script 'npm' in .*; what npm would start is wanted, the file that node is given$/],
  ] as const) {
    const program = prefork(t, ['-w', '1', 'run', ...args], { cwd: folder });
    await refused(program, 4, says);
    assert.doesNotMatch(program.output, /^ +at /m);
  }
});

test('an application that is exported, and listens too, where the error is not heard of', async (t) => {
  const server = await occupy(t);
  // As Express 5 does it.
  const both = `import http from 'node:http';
const app = ${HANDLER}
http.createServer(app).once('error', () => undefined).listen(${portOf(server)}, '127.0.0.1');
export default app;
`;
  const program = start(t, folderOf(t, { 'both.mjs': both }), 'both.mjs');
  await program.printed(
    /"msg":"worker #1 \(pid \d+\): listen\(\) of 127\.0\.0\.1:\d+ was refused \(EADDRINUSE\): the application listens by itself, [^"]*prefork run \.\/both\.mjs"/,
  );
  assert.equal((await get(await readyAt(program))).body, 'there');
});

test('an exported server that takes upgrades, in a class that does not', async (t) => {
  for (const [workerClass, count] of [
    ['sync', 1],
    ['async', 0],
  ] as const) {
    const program = start(t, folderOf(t, { 'chat.mjs': UPGRADES }), 'chat.mjs', '-k', workerClass);
    await readyAt(program);
    assert.equal(program.output.match(/this worker class serves no upgrades/g)?.length ?? 0, count, program.output);
  }
});

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
    /in use already, by a server of this process or another, or by an outgoing connection: .* the ports \d+ to \d+ \(EADDRINUSE\)/,
  );
});
