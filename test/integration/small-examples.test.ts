/* docs/examples/small: each is started as its page says, asked what the page says, and told to end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { getFrom } from '../helpers/address.js';
import { get } from '../helpers/http.js';
import { Program } from '../helpers/program.js';
import { PROJECT } from '../helpers/project.js';
import { openStream } from '../helpers/stream.js';
import { noTerminals, onTerminal } from '../helpers/terminal.js';
import { inTime } from '../helpers/wait.js';

const FOLDER = join(PROJECT, 'docs/examples/small');

interface Place {
  readonly address: string;
  readonly port: number;
}

/**
 * What each example is asked, and a pattern that its output has by the end. Some are told to end while they are asked.
 */
const ASKED: Record<string, (place: Place, program: Program) => Promise<RegExp>> = {
  async hello(place) {
    assert.match((await getFrom(place)).body, /^hello from process \d+\n$/);
    return /"event":"stop"/;
  },
  async express(place) {
    assert.equal((await getFrom(place, '/hello/you')).body, '{"hello":"you"}');
    return /"event":"stop"/;
  },
  async fastify(place) {
    assert.equal((await getFrom(place, '/hello/you')).body, '{"hello":"you"}');
    return /process \d+ has closed its database\n.*process \d+ has closed its database\n/s;
  },
  async hang(place) {
    const hung = getFrom(place, '/?tags=a,lot,of,words,and,then,something,that,is,not,a,tag!');
    assert.equal((await getFrom(place, '/?tags=a,b')).body, 'tags\n');
    assert.equal((await hung).status, 504);
    return /"event":"worker:timeout".*isListOfTags/;
  },
  async threads(place) {
    const [first, second] = [await getFrom(place, '/10000'), await getFrom(place, '/10000')];
    assert.match(first.body, /^1229, computed in thread \d+\n$/);
    assert.match(second.body, /^1229, known in thread \d+\n$/);
    assert.equal((await getFrom(place, '/many')).status, 400);
    return /"event":"stop"/;
  },
  async events(place, program) {
    const stream = await openStream(`http://${place.address}:${place.port}/`);
    assert.match(stream.text(), /^data: .*, from worker \d\n\n/);
    program.child.kill('SIGTERM');
    assert.match((await stream.over).text, /event: bye\ndata: come again\n\n$/);
    return /"event":"stop"/;
  },
  async lines(place, program) {
    const socket = connect(place.port, place.address).setEncoding('utf8');
    socket.end('hello\nlevel\n');
    assert.equal(await inTime(text(socket), 'the lines'), 'olleh\nlevel\n');
    // A client that is there when the example is told to end is served to the end.
    const late = connect(place.port, place.address).setEncoding('utf8');
    late.write('stop\n');
    await inTime(once(late, 'data'), 'a line');
    program.child.kill('SIGTERM');
    await program.printed(/"event":"stop"/);
    late.end('late\n');
    assert.equal(await inTime(text(late), 'the last line'), 'etal\n');
    return /"event":"stop"/;
  },
  async embedded(place, program) {
    const [, operators] = await program.printed(/for operators: (\S+)/);
    assert.equal((await get(`${operators}/more`)).body, 'running, 3 workers\n');
    assert.match((await getFrom(place)).body, /^hello from process \d+\n$/);
    program.child.kill('SIGTERM');
    await program.printed(/all has been answered/);
    // The example handles the signals itself, and the Arbiter hears of none.
    assert.doesNotMatch(program.output, /got SIGTERM/);
    assert.equal(program.output.match(/^worker \d has ended: stop$/gm)?.length, 3);
    return /"event":"stop"/;
  },
};

const names = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -'.mjs'.length));

test('the page has a row for each example', () => {
  const page = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  const rows = [...page.matchAll(/^\| \[(?<name>\w+)\.mjs\]/gm)].map(([, name]) => name);
  assert.deepEqual(rows.sort(), [...names].sort());
});

for (const name of names) {
  test(`the example ${name}.mjs`, async (t) => {
    const ask = ASKED[name];
    assert.ok(ask, 'nothing is asked of it');
    const env = { ...process.env, BIND: '127.0.0.1:0' };
    const program = new Program(t, process.execPath, [join(FOLDER, `${name}.mjs`)], { cwd: PROJECT, env });
    const [, address, port] = await program.printed(/listening on ([\d.]+):(\d+)/);
    await program.printed(/"event":"ready"/);
    const expected = await ask({ address: address as string, port: Number(port) }, program);
    if (!/"event":"stop"/.test(program.output)) program.child.kill('SIGTERM');
    assert.deepEqual(await program.exited(), { code: 0, signal: null });
    assert.match(program.output, expected);
    assert.doesNotMatch(program.output, /\(node:|Warning/);
  });
}

test('the two files at the top of README.md serve', async (t) => {
  const page = readFileSync(join(PROJECT, 'README.md'), 'utf8');
  const blocks = [...page.matchAll(/```js\n\/\/ (\w+\.mjs)\n(.*?)```/gs)];
  assert.deepEqual(
    blocks.map(([, name]) => name),
    ['app.mjs', 'serve.mjs'],
  );
  // Inside the package, so that `prefork` is resolved as it is for a user.
  const folder = mkdtempSync(join(PROJECT, 'dist-test/readme-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [, name = '', code = ''] of blocks)
    writeFileSync(join(folder, name), code.replace("app: './app.mjs'", "$&, bind: '127.0.0.1:0'"));
  const program = new Program(t, process.execPath, ['serve.mjs'], { cwd: folder });
  const [, address, port] = await program.printed(/listening on ([\d.]+):(\d+)/);
  const answer = await getFrom({ address: address as string, port: Number(port) });
  assert.match(answer.body, /^hello from process \d+\n$/);
  await program.printed(/"event":"ready"/);
  program.child.kill('SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
  assert.match(program.output, /worker 4 has ended: stop/);
});

test('npm run example: what a person sees on a terminal is no JSON, and what it proposes happens', {
  skip: noTerminals,
}, async (t) => {
  const { execPath, execArgv = [] } = onTerminal('job');
  const file = join(PROJECT, 'docs/examples/server.mjs');
  const program = new Program(t, execPath as string, [...execArgv, file], {
    // The program that opens the terminal wants a fourth descriptor.
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, BIND: '127.0.0.1:0' },
  });
  const [, url, master] = await program.printed(/^Serving on (http:\S+), the master is (\d+)/m);
  await program.printed(/kill -TERM \d+ .*\r?\n/);
  const hung = get(`${url}/hang`);
  assert.equal((await get(`${url}/fail`)).status, 500);
  assert.match((await get(`${url}/`)).body, /^Hello from process \d+\n$/);
  assert.equal((await hung).status, 504);
  await program.printed(/ERROR \[prefork\] worker #\d \(pid \d+\) timed out: .*"\/hang".*\s+at app \(/);
  await assert.rejects(get(`${url}/die`));
  await program.printed(/ended \(crash, SIGKILL\) while serving GET "\/die"/);
  process.kill(Number(master), 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
  assert.doesNotMatch(program.output, /^\{"/m);
});
