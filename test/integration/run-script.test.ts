/* `prefork run`: scripts that listen by themselves, unchanged. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { describe } from 'node:test';
import { pathToFileURL } from 'node:url';
import { amount } from '../helpers/amount.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { CLASSES } from '../helpers/classes.js';
import { COMMAND, prefork, readyAt, survivesReload } from '../helpers/command.js';
import { Gate } from '../helpers/gate.js';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { PACE } from '../helpers/pace.js';
import { freePort, occupy, portOf, temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { eventually } from '../helpers/wait.js';

const BIND = ['-b', '127.0.0.1:0'];
const WORKERS = ['-w', '4', '--surge', '4'];

const SCRIPTS = { express: 'script-express.js', fastify: 'script-fastify.js', plain: 'script-plain.cjs' };
/**
 * The tests of exported servers show how each class serves a server that was handed over. Here, scripts need only get
 * there.
 */
const OF_SCRIPT = amount({
  suite: { express: ['threaded'], fastify: ['async'], plain: ['sync'] },
  long: { express: CLASSES, fastify: CLASSES, plain: CLASSES },
} as const);

for (const [name, script] of Object.entries(SCRIPTS)) {
  for (const workerClass of OF_SCRIPT[name as keyof typeof SCRIPTS]) {
    test(`run_unchanged: ${name}, ${workerClass}, reloaded under load`, async (t) => {
      const file = join(temporaryFolder(t), 'version');
      writeFileSync(file, 'one');
      const kind = workerClass === 'threaded' ? ['-k', workerClass, '--threads', '2'] : ['-k', workerClass];
      const args = [...WORKERS, ...kind, ...BIND, 'run', fixture(script)];
      const program = prefork(t, args, { env: { VERSION_FILE: file, PORT: '39999' } });
      const url = await readyAt(program);
      assert.equal((await get(url)).body, `${name} one`);
      if (name !== 'plain') assert.match(program.output, new RegExp(`${name} serves .*${new URL(url).port}`));
      writeFileSync(file, 'two');
      await survivesReload(t, program, url, new RegExp(`^${name} two$`));
      assert.doesNotMatch(program.output, /"level":"(?:warn|error)"/);
    });
  }
}

test('a script is told that it listens, with HTTP/2 too, where another server stands in front of its own', {
  skip: noCertificates,
}, async (t) => {
  const args = ['-w', '1', '-k', 'async', '--http2', '--tls', JSON.stringify(certificate()), ...BIND, 'run'];
  const program = prefork(t, [...args, fixture('script-express.js')], { env: { PORT: '39999' } });
  await program.printed(/express serves \d+/);
});

test('where the script listens is where it is served, if nobody says otherwise', async (t) => {
  const port = await freePort(t);
  const program = prefork(t, ['-w', '2', 'run', fixture('script-plain.cjs'), '--flag', '-w'], {
    env: { PORT: String(port) },
  });
  const url = await readyAt(program);
  assert.equal(url, `http://127.0.0.1:${port}`);
  const [path, ...args] = JSON.parse((await get(`${url}/argv`)).body);
  assert.deepEqual([path, ...args], [fixture('script-plain.cjs'), '--flag', '-w']);
  assert.doesNotMatch(program.output, /"level":"(?:warn|error)"/);
});

/**
 * Code of a script that starts a program, which has the script's output and goes on until the script's folder is gone.
 */
const STAYS = `require('node:child_process').spawn(
  process.execPath,
  ['-e', "setInterval(() => require('node:fs').existsSync(process.argv[1]) || process.exit(), 50)", __filename],
  { detached: true, stdio: 'inherit' },
).unref();`;

describe('where the script listens, it says in a process as that of a worker', { concurrency: 2 }, () => {
  const script = `require('node:http').createServer((_, response) => response.end(process.env.TOWN)).listen(process.env.PORT, '127.0.0.1');`;
  const cases: Readonly<Record<string, { flags?: string[]; args?: string[]; before?: string }>> = {
    // Relative to where the command is called, not to where the workers are.
    "a file of variables of the command's own": { flags: ['--env-file=own.env'] },
    'a file of variables of the workers': { args: ['--exec-argv=--env-file=../own.env'] },
    'a debugger that is waited for': {
      flags: ['--env-file=own.env'],
      args: ['--exec-argv=--inspect-brk=127.0.0.1:0'],
    },
    'another program that keeps its output': {
      flags: ['--env-file=own.env'],
      before: STAYS,
    },
  };
  for (const [what, { flags = [], args = [], before = '' }] of Object.entries(cases)) {
    test(what, async (t) => {
      const port = await freePort(t);
      const cwd = temporaryFolder(t);
      mkdirSync(join(cwd, 'sub'));
      writeFileSync(join(cwd, 'own.env'), `PORT=${port}\nTOWN=Oslo\n`);
      writeFileSync(join(cwd, 'sub/script.cjs'), before + script);
      const command = [COMMAND, '-w', '1', '--cwd', 'sub', ...args, 'run', 'script.cjs'];
      const env = { ...PACE, ...process.env };
      const program = new Program(t, process.execPath, [...flags, ...command], { cwd, env });
      const url = await readyAt(program);
      assert.equal(url, `http://127.0.0.1:${port}`);
      assert.equal((await get(url)).body, 'Oslo');
    });
  }
});

test('a script that ends, and leaves its output to another program, is not waited for', async (t) => {
  const script = join(temporaryFolder(t), 'ends.cjs');
  writeFileSync(
    script,
    `console.log('no database');
    ${STAYS}`,
  );
  const program = prefork(t, ['-w', '1', '--boot-timeout', '0', 'run', script]);
  await program.printed(/^no database[\s\S]*had not called listen\(\) of an HTTP server/m);
  await eventually(() => program.child.exitCode === 4, 'the exit of the command');
});

test('a second server of the script is not bound, and told; --script-port says which one is meant', async (t) => {
  const metrics = await freePort(t);
  const port = await freePort(t);
  const env = { PORT: String(port), METRICS_PORT: String(metrics) };
  const args = ['-w', '2', '--script-port', String(port), 'run', fixture('script-plain.cjs')];
  const program = prefork(t, args, { env });
  const url = await readyAt(program);
  assert.equal(url, `http://127.0.0.1:${port}`);
  assert.equal((await get(url)).body, 'plain ');
  await program.printed(
    new RegExp(`the script also listens on :${metrics}, which only one worker could: it is not bound`),
  );
  await assert.rejects(get(`http://127.0.0.1:${metrics}`), { code: 'ECONNREFUSED' });

  const first = prefork(t, ['-w', '1', 'run', fixture('script-plain.cjs')], { env });
  assert.equal((await get(await readyAt(first))).body, 'metrics', 'without it, the first one');
});

test('a further server, which is not bound, can be closed as one that is', async (t) => {
  const script = join(temporaryFolder(t), 'two.mjs');
  writeFileSync(
    script,
    `import { createServer } from 'node:http';
    import { promisify } from 'node:util';
    const [main, metrics] = [createServer((_, response) => response.end()), createServer()];
    main.listen(8000);
    metrics.listen(8001, () => console.log('before', metrics.listening, metrics.address().port));
    metrics.on('close', () => console.log('event close'));
    process.on('SIGTERM', async () => {
      for (const server of [main, metrics]) await promisify(server.close.bind(server))();
      console.log('after', metrics.listening, metrics.address());
      await promisify(metrics.close.bind(metrics))().catch((error) => console.log('again', error.code));
    });`,
  );
  const program = prefork(t, ['-w', '1', '-k', 'async', ...BIND, 'run', script]);
  await readyAt(program);
  process.kill(program.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
  assert.match(program.output, /^before true 8001$/m);
  for (const line of [/^event close$/m, /^after false null$/m, /^again ERR_SERVER_NOT_RUNNING$/m]) {
    assert.match(program.output, line);
  }
  assert.doesNotMatch(program.output, /"level":"error"/);
});

describe('a script that closes its server while it is served', { concurrency: 2 }, () => {
  const how = {
    'by close()': { listen: '8000', close: 'server.close(over);' },
    'by the signal of listen()': {
      listen: '{ port: 8000, signal: abort.signal }',
      close: "server.once('close', over); abort.abort();",
    },
  };
  for (const [by, { listen, close }] of Object.entries(how)) {
    for (const then of ['process.exit()', 'server.listen(8000)']) {
      test(`a script that closes its server, ${by}, then ${then}, loses no request`, async (t) => {
        const gate = await Gate.open(t);
        const script = join(temporaryFolder(t), 'closes.mjs');
        writeFileSync(
          script,
          `import { createServer } from 'node:http';
          import { knock } from '${pathToFileURL(fixture('gated.js')).href}';
          const abort = new AbortController();
          const over = () => { console.log('over'); ${then}; };
          const server = createServer(async ({ url }, response) => {
            if (url === '/close') setImmediate(() => { ${close} });
            if (url === '/held') await knock(url);
            response.end(String(process.pid));
          });
          server.listen(${listen});`,
        );
        const program = prefork(t, ['-w', '1', '-k', 'async', ...BIND, 'run', script], { env: gate.env });
        const url = await readyAt(program);
        const held = get(`${url}/held`);
        const arrival = await gate.next();
        const { body: pid } = await get(`${url}/close`);
        await program.printed(/"msg":"worker #1 .*closed its server, which is served: its worker is to drain/);
        await eventually(async () => (await get(url)).body !== pid, 'another worker');
        assert.doesNotMatch(program.output, /^over$/m);
        arrival.release();
        assert.deepEqual([(await held).status, (await held).body], [200, pid]);
        await program.printed(/^over$/m);
        await program.printed(/"msg":"worker #1 .*ended \(stop, exit code 0\)"/);
        assert.equal((await get(url)).status, 200);
        assert.doesNotMatch(program.output, /"level":"error"/);
      });
    }
  }
});

test('sockets that were passed to another process do not keep it from where the script listens', async (t) => {
  for (const env of [{ LISTEN_PID: '1', LISTEN_FDS: '1' }, { LISTEN_FDS: '' }]) {
    const port = await freePort(t);
    const program = prefork(t, ['-w', '1', 'run', fixture('script-plain.cjs')], { env: { PORT: `${port}`, ...env } });
    assert.equal(await readyAt(program), `http://127.0.0.1:${port}`);
  }
});

const FAILING: Readonly<Record<string, { script: string; args?: string[]; code: number; says: RegExp }>> = {
  'that throws': { script: "throw new Error('no database');", code: 4, says: /no database/ },
  'that throws later': {
    script: "await null; setTimeout(() => { throw new Error('no database'); }, 1); setInterval(() => {}, 1000);",
    code: 4,
    says: /no database/,
  },
  'that ends': { script: 'console.log("done");', code: 4, says: /had not called listen\(\) of an HTTP server/ },
  'that never listens': {
    script: 'setInterval(() => {}, 1000);',
    // The limit for listen() is a part of this. What is left after it must be enough for a busy machine.
    args: ['--boot-timeout', '6000'],
    code: 4,
    says: /has not called listen\(\) of an HTTP server within \d+ ms/,
  },
  'that forks workers': {
    script: "import cluster from 'node:cluster'; cluster.fork();",
    code: 4,
    says: /the script forks workers of its own, with node:cluster/,
  },
  'that serves TLS': {
    script: "import { createServer } from 'node:https'; createServer({}).listen(0);",
    code: 4,
    says: /expected as the application a server without TLS/,
  },
  'that is missing': { script: '', code: 4, says: /Cannot find module/ },
};

describe('scripts that fail the start', { concurrency: 3 }, () => {
  for (const [what, { script, args = [], code, says }] of Object.entries(FAILING)) {
    // In a worker, a script that has nothing more to do counts as one that does not listen.
    for (const bind of what === 'that ends' ? [[]] : [BIND, []]) {
      test(`a script ${what} fails the start${bind.length > 0 ? '' : ', also when it is asked where it listens'}`, async (t) => {
        const path = join(temporaryFolder(t), 'script.mjs');
        if (script !== '') writeFileSync(path, script);
        const program = prefork(t, ['-w', '1', ...args, ...bind, 'run', path]);
        assert.deepEqual(await program.exited(), { code, signal: null }, program.output);
        assert.match(program.output, says);
      });
    }
  }
});

test('a script that ends itself says why in its own words, and the log says so', async (t) => {
  const script = join(temporaryFolder(t), 'ends.mjs');
  writeFileSync(
    script,
    // Some libraries make arrays of stacks.
    `import { createServer } from 'node:http'; Error.prepareStackTrace = (_, sites) => sites;
    function giveUp() {
      console.error('no database');
      process.exit(3);
    }
    createServer().listen(8000, () => setTimeout(giveUp, 1));`,
  );
  const program = prefork(t, ['-w', '1', ...BIND, 'run', script]);
  await program.printed(/no database/);
  await program.printed(
    /"msg":"worker #1 \(pid \d+\): process\.exit\(3\) was called: what the application says of it is in its own output"/,
  );
  await program.printed(/"code":"exit","stack":" *at [^"]*giveUp [^"]*ends\.mjs:4:/);
  // A worker is ready again, and the log says in whose place.
  await program.printed(/worker #1 \(pid \d+\) is ready, in place of the one that failed/);
});

test('a port that another program has is refused as ever', async (t) => {
  const server = await occupy(t);
  const program = prefork(t, ['-w', '1', 'run', fixture('script-plain.cjs')], {
    env: { PORT: String(portOf(server)) },
  });
  assert.deepEqual(await program.exited(), { code: 1, signal: null });
  assert.match(program.output, /EADDRINUSE/);
});
