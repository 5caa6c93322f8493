/*
 * Tries every option by its flag, its variable and its key. The tests are made from the records, so a new option is
 * tried too.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { type Collected, collect } from '../../../build/cli/collect.js';
import { readCommandLine } from '../../../build/cli/command-line.js';
import { likelySeconds } from '../../../build/cli/seconds.js';
import { accepts, SETTINGS, type Setting } from '../../../build/cli/settings.js';
import { readVariable } from '../../../build/cli/values.js';
import { OPTIONS } from '../../../build/options/validate.js';
import { temporaryFolder } from '../../helpers/place.js';

/** Every option accepts at least one of these texts, and at least one that means something other than its default. */
const SAMPLES = [
  ...[
    '7',
    '8mb',
    '9s',
    '022',
    'threaded',
    'unix:/run/x.sock',
    'false',
    'true',
    '3%',
    'www-data',
    'some-text',
    './x.js#y',
  ],
  ...[
    'combined',
    '{"maxOldGenerationSizeMb":64}',
    '{"SIGINT":false}',
    '{"key":"k","cert":"c"}',
    '{"host":"127.0.0.1","port":0}',
    '{}',
  ],
];
/** Every option refuses at least one of these texts. */
const WRONG = ['\0', 'no such', '-3', '{"no such":1}', '{"SIGINT":7}', '[0]'];

/**
 * A text that the option accepts, and the value that it means. There is no fallback: a record that no text fits fails
 * here.
 */
function sampleOf(setting: Setting): { text: string; value: unknown } {
  for (const sample of setting.repeats === 'pairs' ? ['NAME=a=b'] : SAMPLES) {
    try {
      return { text: sample, value: readVariable(setting, sample, '') };
    } catch {}
  }
  throw new Error(`no sample fits ${setting.name}: add one`);
}

function wrongOf(setting: Setting): string {
  const wrong = WRONG.find((text) => {
    try {
      readVariable(setting, text, '');
      return false;
    } catch {
      return true;
    }
  });
  if (wrong === undefined) throw new Error(`${setting.name} refuses none of the samples: add one`);
  return wrong;
}

function configFile(t: TestContext, content: unknown): string {
  const path = join(temporaryFolder(t), 'prefork.config.json');
  writeFileSync(path, JSON.stringify(content));
  return path;
}

const said = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Collected> =>
  collect(readCommandLine(args), env);

test('every option but the application has a flag and a variable of its own', () => {
  assert.deepEqual(
    SETTINGS.map(({ name }) => name),
    [...OPTIONS.keys()].filter((name) => name !== 'app'),
  );
  for (const key of ['flag', 'variable', 'short'] as const) {
    const names = SETTINGS.map((setting) => setting[key]).filter((name) => name !== undefined);
    assert.equal(new Set(names).size, names.length, key);
  }
});

for (const setting of SETTINGS) {
  const { name, flag, short, variable, takes, negatable } = setting;

  test(`${flag}, ${variable} and the key '${name}' say the same, and in this order`, async (t) => {
    const { text, value } = sampleOf(setting);
    const byConfig = await said([], { PREFORK_CONFIG: configFile(t, { [name]: value }) });
    assert.deepEqual(byConfig.origins.get(name)?.value, value);
    const byVariable = await said([], { [variable]: text });
    assert.deepEqual(byVariable.origins.get(name), { value, from: variable });
    for (const args of [
      [`${flag}=${text}`],
      ...(takes === 'value' ? [[flag, text]] : []),
      ...(short ? [[`${short}${text}`], [short, text]] : []),
    ]) {
      assert.deepEqual((await said(args)).origins.get(name)?.value, value, args.join(' '));
    }
    if (takes !== 'value') assert.equal((await said([flag])).origins.get(name)?.value, true);
    if (negatable) assert.equal((await said([`--no-${flag.slice(2)}`])).origins.get(name)?.value, false);
    const all = await said([`${flag}=${text}`], {
      [variable]: text,
      PREFORK_CONFIG: configFile(t, { [name]: value }),
    });
    assert.equal(all.origins.get(name)?.from, flag, 'the flag counts first');
    const two = await said([], { [variable]: text, PREFORK_CONFIG: configFile(t, { [name]: value }) });
    assert.equal(two.origins.get(name)?.from, variable, 'then the variable');
  });

  test(`a wrong ${flag}, ${variable} and '${name}' name themselves`, async (t) => {
    const text = wrongOf(setting);
    const wanted = (where: string) => (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ERR_INVALID_OPTION');
      assert.ok(error.message.startsWith(`${where}`), error.message);
      assert.match(error.message, /expected/);
      return true;
    };
    await assert.rejects(said([`${flag}=${text}`]), wanted(`flag ${flag}: `));
    await assert.rejects(said([], { [variable]: text }), wanted(`variable ${variable}: `));
    const value = [[0], 0.5, '\0'].find((candidate) => !accepts(setting.record, candidate));
    const path = configFile(t, { [name]: value });
    await assert.rejects(said([], { PREFORK_CONFIG: path }), wanted(`the config ${path}: option '${name}`));
  });
}

test('what nobody knows is named, with what may have been meant', async (t) => {
  const cases: readonly [args: string[], env: NodeJS.ProcessEnv, message: RegExp][] = [
    [['--wokers', '3'], {}, /^unknown flag --wokers; did you mean --workers\?$/],
    [['--chdir', '/'], {}, /^unknown flag --chdir; it is called --cwd here$/],
    [['--pidfile', '/'], {}, /^unknown flag --pidfile; it is called --pid-file here$/],
    [['--port', '80'], {}, /^unknown flag --port; it is called --bind here$/],
    [['-w', 'auto'], {}, /^flag -w: .*, got 'auto'; leave it out for one for each CPU$/],
    [['-k', 'thread'], {}, /^flag -k: .*, got 'thread'; did you mean threaded\?$/],
    [['-t', '30'], {}, /^unknown flag -t: .*milliseconds.*--timeout 30s/],
    [['-p', '8000'], {}, /^flag -p: it is --pid-file here, as with Gunicorn; for the port, -b :8000$/],
    [['--no-workers'], {}, /^unknown flag --no-workers/],
    [['--no-http2=1'], {}, /^flag --no-http2: expected no value, got '1'$/],
    [['--http2=maybe'], {}, /^flag --http2: expected true or false, got 'maybe'$/],
    [['--workers'], {}, /^flag --workers: expected a value, got nothing$/],
    [['-w', 'many'], {}, /^flag -w: expected an integer from 1 to 4096, got 'many'$/],
    [
      ['--timeout', '10 s'],
      {},
      /^flag --timeout: expected milliseconds .*, got '10 s' \(ms, or with a suffix: 500ms 10s 5m 1h\)$/,
    ],
    [['-e', 'SECRET'], {}, /^flag -e: expected NAME=value, or an object in JSON$/],
    [['-b', ':1', '-b', ':x'], {}, /^flag -b: 'bind\[1\]': expected .*, got ':x'$/],
    [['./a.js', './b.js'], {}, /^unexpected argument '.\/b.js': the application is '.\/a.js'$/],
    // What bash expands `{port:9000,token:…}` to.
    [['port:9000', 'token:of-sixteen-and-more'], {}, /^unexpected argument 'token:…': the application is 'port:9000'$/],
    [['./a.js', '--access-log', 'a.log'], {}, /: the application is '.\/a.js'; did you mean --access-log=a.log\?$/],
    [['--no-logger', './a.js', 'x'], {}, /^unexpected argument 'x': the application is '.\/a.js'$/],
    [
      ['--trust-proxy', 'loopback', './a.js'],
      {},
      /: the application is 'loopback'; did you mean --trust-proxy=loopback\?$/,
    ],
    [['--http2', './a.js', '-w', '1', './b.js'], {}, /'.\/b.js': the application is '.\/a.js'$/],
    [[], { PREFORK_WOKERS: '3' }, /^unknown variable PREFORK_WOKERS; did you mean PREFORK_WORKERS\?$/],
    [[], { PREFORK_CONFIG: configFile(t, { wokers: 3 }) }, /unknown option 'wokers'; did you mean workers\?$/],
    [[], { PREFORK_CONFIG: configFile(t, [1]) }, /expected an object of options as the default export, got/],
    [['-c', '/no/such.json'], {}, /^the config \/no\/such\.json does not exist$/],
  ];
  for (const [args, env, message] of cases) {
    await assert.rejects(async () => said(args, env), { code: 'ERR_INVALID_OPTION', message }, args.join(' '));
  }
});

test('numbers, suffixes, lists and objects', async () => {
  const cases: readonly [args: string[], name: string, value: unknown][] = [
    [['--timeout', '1500'], 'timeout', 1500],
    [['--timeout', '1.5s'], 'timeout', 1500],
    [['--graceful-timeout', '2m'], 'gracefulTimeout', 120_000],
    [['--ticket-key-rotation', '12h'], 'ticketKeyRotation', 43_200_000],
    [['--max-memory', '512mb'], 'maxMemory', 512 * 2 ** 20],
    [['--request-buffer', '64KB'], 'requestBuffer', 65_536],
    [['-m', '022'], 'umask', 0o22],
    [['-m', '0o27'], 'umask', 0o27],
    [['-m', '77'], 'umask', 0o77],
    [['-n', '8'], 'name', '8'],
    [['-u', '1000'], 'user', 1000],
    [['--surge', '50%'], 'surge', '50%'],
    [['--surge', '2'], 'surge', 2],
    [['-b', ':8000'], 'bind', [':8000']],
    [['-b', ':8000', '-b', 'unix:/run/a'], 'bind', [':8000', 'unix:/run/a']],
    [['-b', '[::1]:8000'], 'bind', ['[::1]:8000']],
    [['-b', '{"path":"/run/a","mode":438}'], 'bind', [{ path: '/run/a', mode: 438 }]],
    [
      ['--exec-argv=--enable-source-maps', '--exec-argv', '--inspect'],
      'execArgv',
      ['--enable-source-maps', '--inspect'],
    ],
    [['-e', 'A=1', '-e', 'B=x=y'], 'env', { A: '1', B: 'x=y' }],
    [
      ['--tls', '{"key":"file:///k.pem","cert":"file:///c.pem"}'],
      'tls',
      { key: new URL('file:///k.pem'), cert: new URL('file:///c.pem') },
    ],
    [['-w', '2', '-w', '3'], 'workers', 3],
    [['--no-http2', '--http2'], 'http2', true],
  ];
  for (const [args, name, value] of cases) {
    assert.deepEqual((await said(args)).origins.get(name as 'name')?.value, value, args.join(' '));
  }
  const lists = await said([], {
    PREFORK_BIND: ':1 unix:/a',
    PREFORK_EXEC_ARGV: '["--title=a b"]',
    PREFORK_NAME: '',
  });
  assert.deepEqual(lists.origins.get('bind')?.value, [':1', 'unix:/a']);
  assert.deepEqual(lists.origins.get('execArgv')?.value, ['--title=a b']);
  assert.equal(lists.origins.get('name'), undefined, 'an empty variable is one that is not set');
});

test('variables that Kubernetes sets for services are no options, whatever those are called behind prefork', async () => {
  for (const service of ['PREFORK', 'PREFORK_WEB', 'PREFORK_TRUST_PROXY', 'PREFORK_APP', 'PREFORK_V2_SERVICE']) {
    const ofService = Object.entries({
      SERVICE_HOST: '10.0.0.1',
      SERVICE_PORT: '80',
      SERVICE_PORT_HTTP_2: '80',
      PORT: 'tcp://10.0.0.1:80',
      PORT_80_TCP: 'tcp://10.0.0.1:80',
      PORT_80_TCP_PROTO: 'tcp',
      PORT_80_TCP_PORT: '80',
      PORT_80_TCP_ADDR: '10.0.0.1',
      PORT_53_UDP: 'udp://10.0.0.1:53',
      PORT_53_UDP_ADDR: '10.0.0.1',
      PORT_9_SCTP_PORT: '9',
    }).map(([name, text]) => [`${service}_${name}`, text]);
    const { origins } = await said([], { ...Object.fromEntries(ofService), PREFORK_TRUST_PROXY: 'loopback' });
    assert.deepEqual([...origins.keys()], ['trustProxy'], service);
  }
  for (const [variable, text] of [
    ['PREFORK_BIND_PORT', '8000'],
    ['PREFORK_PORT', '8000'],
    ['PREFORK_WEB_PORT_HTTP', 'tcp://10.0.0.1:80'],
    ['PREFORK_WEB_SERVICE', 'tcp://10.0.0.1:80'],
  ] as const) {
    const message = new RegExp(`^unknown variable ${variable}(?:;|$)`);
    await assert.rejects(said([], { [variable]: text }), { message }, variable);
  }
});

test('trusted proxies: several flags, or items of a variable, come together; what is no list stands alone', async () => {
  const two = ['10.0.0.1', '10.0.0.2'];
  const from = { from: two };
  const cases: readonly [args: string[], variable: string, value: unknown][] = [
    [['--trust-proxy=10.0.0.1', '--trust-proxy=10.0.0.2'], '', two],
    [['--trust-proxy=10.0.0.1,10.0.0.2', '--trust-proxy=unix'], '', ['10.0.0.1,10.0.0.2', 'unix']],
    [['--trust-proxy=["10.0.0.1","10.0.0.2"]', '--trust-proxy=unix'], '', [...two, 'unix']],
    [['--trust-proxy=10.0.0.1'], '', ['10.0.0.1']],
    [['--trust-proxy'], '', true],
    [['--trust-proxy=true'], '', true],
    [['--no-trust-proxy'], '', false],
    [[`--trust-proxy=${JSON.stringify(from)}`], '', from],
    [['--trust-proxy=10.0.0.1', '--no-trust-proxy'], '', false],
    [['--trust-proxy', '--trust-proxy=10.0.0.1', '--trust-proxy=10.0.0.2'], '', two],
    [[], '10.0.0.1 10.0.0.2', two],
    [[], '10.0.0.1,10.0.0.2', ['10.0.0.1,10.0.0.2']],
    [[], '10.0.0.1, 10.0.0.2', ['10.0.0.1, 10.0.0.2']],
    [[], '["10.0.0.1", "10.0.0.2"]', two],
    [[], '{ "from": ["10.0.0.1", "10.0.0.2"] }', from],
    [[], 'true', true],
    [[], 'false', false],
  ];
  for (const [args, variable, value] of cases) {
    const { origins } = await said(args, { PREFORK_TRUST_PROXY: variable });
    assert.deepEqual(origins.get('trustProxy')?.value, value, `${args.join(' ')}${variable}`);
  }
  await assert.rejects(
    said(['--trust-proxy=10.0.0.1', '--trust-proxy=nobody']),
    /flag --trust-proxy: .* got 'nobody'$/,
  );
  for (const [text, got] of [
    ['10.0.0.1 nobody', "'nobody'"],
    ['true 10.0.0.1', 'true'],
  ]) {
    const message = `variable PREFORK_TRUST_PROXY: .* got ${got}$`;
    await assert.rejects(said([], { PREFORK_TRUST_PROXY: text }), new RegExp(message));
  }
});

test('a clock of so few milliseconds is likely to count seconds', async (t) => {
  const lines = async (args: string[], env: NodeJS.ProcessEnv = {}) => likelySeconds(await said(args, env));
  assert.deepEqual(await lines(['--timeout', '30']), [
    '--timeout: timeout is 30 milliseconds; for seconds, write 30s in a shell, 30000 in a config',
  ]);
  const config = configFile(t, { keepAlive: 75, bootTimeout: 60_000 });
  const [variable, inConfig] = await lines([], { PREFORK_GRACEFUL_TIMEOUT: '30', PREFORK_CONFIG: config });
  assert.match(variable ?? '', /^PREFORK_GRACEFUL_TIMEOUT: gracefulTimeout is 30 milliseconds/);
  assert.match(inConfig ?? '', /^\S+: keepAlive is 75 milliseconds/);
  assert.deepEqual(await lines(['--timeout', '30s', '--keep-alive', '0', '--slow-after', '50']), []);
});

test('of a config, no suffix of a shell is recommended', async (t) => {
  const config = configFile(t, { timeout: '30s' });
  await assert.rejects(said([], { PREFORK_CONFIG: config }), /got '30s'; write it as a number of milliseconds: 30000$/);
});
