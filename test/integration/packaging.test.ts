import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirname, join as joinPosix } from 'node:path/posix';
import test, { type TestContext } from 'node:test';
import { getFrom } from '../helpers/address.js';
import { fixture } from '../helpers/host.js';
import { isElsewhere, linksOf } from '../helpers/links.js';
import { temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { compile, createDependents, type Packed, PROJECT, pack } from '../helpers/project.js';
import { FILE } from '../helpers/shared.js';

const TARBALL = temporaryFolder(FILE);
let once: Packed | undefined;
/** Packs once, for all tests of the package. */
function packed(): Packed {
  once ??= pack(TARBALL);
  return once;
}

/** Runs a host that prints its address, and asserts what it serves and that it ends well. */
async function serves(t: TestContext, args: string[], answer: string): Promise<void> {
  const program = new Program(t, process.execPath, args);
  const [line] = await program.printed(/^\{"address".*\}$/m);
  for (let round = 0; round < 3; round++) assert.equal((await getFrom(JSON.parse(line))).body, answer);
  process.kill(program.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
  assert.doesNotMatch(program.output, /warning/i);
}

test('require_from_commonjs', (t) => serves(t, [fixture('commonjs-host.cjs')], 'required function'));

test('packed_tarball_works_as_dependency', async (t) => {
  const folder = temporaryFolder(t);
  const types = ['module', 'commonjs'] as const;
  createDependents(folder, types, join(TARBALL, packed().filename), SERVICE);
  compile(folder);
  for (const type of types) {
    await t.test(type, (t) => serves(t, [join(folder, type, 'service.js')], 'served by a dependent'));
  }
});

/* Code as a user would write it, with lines that must not compile. */
const SERVICE = `
import { Arbiter, ArbiterError, type ArbiterOptions } from 'prefork';

const options: ArbiterOptions = {
  app: (request, response) => response.end(request.url === '/' ? 'served by a dependent' : 404),
  bind: ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  workers: 2,
};
// @ts-expect-error: no such option
({ ap: () => {} }) satisfies Partial<ArbiterOptions>;
// @ts-expect-error: a number is meant
({ workers: '2' }) satisfies Partial<ArbiterOptions>;

const arbiter = new Arbiter(options);
arbiter.on('worker:exit', (worker, { code, signal, reason }) => {
  const id: number = worker.id;
  const all: [number | null, NodeJS.Signals | null, string] = [code, signal, reason];
  if (reason === 'crash') console.log('warning', id, all);
});
// @ts-expect-error: no such event
arbiter.on('worker:exits', () => {});
arbiter.run().catch((error: unknown) => {
  process.exitCode = error instanceof ArbiterError ? error.exitCode : 1;
});
arbiter.on('ready', () => console.log(JSON.stringify(arbiter.addresses[0])));
`;

/** The packed files, one path a line. The bundler writes a digest into the names of files that others share. */
const LIST = join(PROJECT, 'test/packed-files.txt');
/**
 * Bytes, of the tarball and of its contents. A fifth more than now, so that the test notices a mistake but not a new
 * page.
 */
const MOST = { size: 630_000, unpackedSize: 1_940_000 };

test('the tarball holds what test/packed-files.txt says, and is not much larger than it was', () => {
  const { files, size, unpackedSize } = packed();
  const paths = files.map(({ path }) =>
    path
      .replace(/-[A-Z\d]{8}(?=\.js$)/, '-HASH')
      .replace(/^(docs\/guide|docs\/images|bench)\/[\w-]+(?=\.(?:md|svg|png)$)/, '$1/*'),
  );
  // Two shared files of the command differ only by the digest, and pages and pictures are not counted: paths may
  // repeat.
  const distinct = (all: readonly string[]): string[] => [...new Set(all)].sort();
  assert.deepEqual(distinct(paths), distinct(readFileSync(LIST, 'utf8').trim().split('\n')));
  assert.ok(size <= MOST.size && unpackedSize <= MOST.unpackedSize, `${size} bytes, ${unpackedSize} unpacked`);
  const built = readdirSync(join(PROJECT, 'dist'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.includes('.'),
  );
  for (const path of built)
    assert.ok(
      files.some((file) => file.path === `dist/${path}`),
      path,
    );
});

test('what the pages in the package link to and show is in the package', () => {
  const paths = new Set(packed().files.map(({ path }) => path));
  const pages = [...paths].filter((path) => path.endsWith('.md'));
  assert.ok(pages.includes('README.md') && pages.length > 30, `${pages.length} pages`);
  const dead = pages.flatMap((page) => {
    const links = linksOf(join(PROJECT, page)).filter((link) => !isElsewhere(link) && !link.startsWith('#'));
    return links
      .filter((link) => !paths.has(joinPosix(dirname(page), link.replace(/#.*/, ''))))
      .map((link) => `${page}: ${link}`);
  });
  assert.deepEqual(dead, []);
});
