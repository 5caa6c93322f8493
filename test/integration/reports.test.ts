import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { BuiltInClass } from 'prefork';
import { single } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';

keepHosts();

/*
 * The master has workers write a report for it. An application that uses `process.report` itself must not notice that.
 */

const DEFAULTS = ['', '', false, false, false, false];
const CLASSES: readonly BuiltInClass[] = ['sync', 'threaded'];

interface Reporting {
  readonly host: Host;
  readonly url: string;
  /** The working directory, which is empty at first. */
  readonly cwd: string;
}

async function reporting(
  t: TestContext,
  workerClass: BuiltInClass,
  execArgv: readonly string[] = [],
): Promise<Reporting> {
  const cwd = temporaryFolder(t);
  const options = { ...single(workerClass), app: fixture('reports.js') };
  const host = new Host(t, { ...options, execArgv: ['--max-old-space-size=48', ...execArgv] }, { cwd });
  return { host, url: await host.ready(), cwd };
}

/** Has the worker run out of its heap; returns its own reports, without the one for the master. */
async function reportsOfItsOwn(t: TestContext, { host, url }: Reporting, folder: string): Promise<string[]> {
  assert.equal(await (await RawClient.connect(t, url)).get('/heap').all(), '');
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual([exit.signal, exit.reason], ['SIGABRT', 'crash']);
  assert.equal(host.of('worker:error').length, 0);
  const names = readdirSync(folder).filter((name) => !name.startsWith('core'));
  for (const name of names) {
    assert.equal(JSON.parse(readFileSync(join(folder, name), 'utf8')).header.trigger, 'OOMError');
  }
  return names;
}

for (const workerClass of CLASSES) {
  test(`an application finds the settings as Node has them, ${workerClass}`, async (t) => {
    const { host, url, cwd } = await reporting(t, workerClass);
    assert.deepEqual(JSON.parse((await get(url)).body), DEFAULTS);
    assert.equal((await get(`${url}/refused`)).body, 'ERR_INVALID_ARG_TYPE');
    // Libraries do this as they load, to find out which C library there is.
    assert.deepEqual(JSON.parse((await get(`${url}/set?excludeNetwork=true`)).body), DEFAULTS.with(3, true));
    assert.equal(JSON.parse((await get(`${url}/get`)).body).header.networkInterfaces, undefined);
    assert.deepEqual(JSON.parse((await get(`${url}/set?excludeNetwork=false`)).body), DEFAULTS);
    const { header, environmentVariables } = JSON.parse((await get(`${url}/get`)).body);
    assert.ok(Array.isArray(header.networkInterfaces));
    assert.equal(typeof environmentVariables, 'object');

    const written = (await get(`${url}/write`)).body;
    assert.match(written, /^report\..*\.json$/);
    assert.deepEqual(readdirSync(cwd), [written]);
    assert.equal(JSON.parse(readFileSync(join(cwd, written), 'utf8')).header.trigger, 'API');
    assert.deepEqual([host.of('worker:exit').length, host.of('thread:exit').length], [0, 0]);
  });
}

test('to use process.report takes nothing from the master', async (t) => {
  const { host, url } = await reporting(t, 'sync');
  for (const path of ['/set?excludeNetwork=true&compact=true', '/get', '/write', '/refused'])
    await get(`${url}${path}`);
  assert.equal(await (await RawClient.connect(t, url)).get('/heap').all(), '');
  const [, error] = await host.event('worker:error');
  assert.equal(error.code, 'ERR_WORKER_OUT_OF_MEMORY');
});

test('an application that asks for reports of its own gets them', async (t) => {
  const app = await reporting(t, 'sync');
  const set = await get(`${app.url}/set?reportOnFatalError=true&compact=true`);
  assert.deepEqual(JSON.parse(set.body), ['', '', true, false, true, false]);
  const [name, ...others] = await reportsOfItsOwn(t, app, app.cwd);
  assert.match(name ?? '', /^report\..*\.json$/);
  assert.deepEqual(others, []);
});

test('flags that ask for reports are obeyed', async (t) => {
  const folder = temporaryFolder(t);
  const flags = ['--report-on-fatalerror', `--report-directory=${folder}`, '--report-filename=mine.json'];
  const app = await reporting(t, 'sync', flags);
  assert.deepEqual(JSON.parse((await get(app.url)).body), [folder, 'mine.json', false, false, true, false]);
  assert.deepEqual(await reportsOfItsOwn(t, app, folder), ['mine.json']);
  assert.deepEqual(readdirSync(app.cwd), []);
});
