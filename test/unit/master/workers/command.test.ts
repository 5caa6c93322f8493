import assert from 'node:assert/strict';
import test from 'node:test';
import { ArbiterError } from '../../../../build/errors.js';
import { hostScript, SHELL, workerCommand, workerExecArgv } from '../../../../build/master/workers/command.js';
import type { AppSource } from '../../../../build/options/resolved.js';

const INLINE: AppSource = { form: 'inline' };
const MODULE: AppSource = { form: 'module', specifier: './app.js' };
const HOST = ['/usr/bin/node', '/srv/host.js', '--port', '80'];

const FLAGS: readonly (readonly [given: readonly string[], worker: readonly string[]])[] = [
  [[], []],
  [
    ['--no-warnings', '--max-old-space-size=64', '-C', 'dev'],
    ['--no-warnings', '--max-old-space-size=64', '-C', 'dev'],
  ],
  [
    ['--import', 'tsx', '-r', './setup.cjs'],
    ['--import', 'tsx', '-r', './setup.cjs'],
  ],
  // The worker gets an inspector of its own: the master's port is taken.
  [['--inspect'], ['--inspect=0']],
  [['--inspect=9229'], ['--inspect=0']],
  [['--inspect=127.0.0.1:9229'], ['--inspect=127.0.0.1:0']],
  [['--inspect=[::1]:9229'], ['--inspect=[::1]:0']],
  [['--inspect=localhost'], ['--inspect=localhost:0']],
  [['--inspect=0'], ['--inspect=0']],
  // A worker that waits for a debugger never becomes ready.
  [['--inspect-brk'], ['--inspect=0']],
  [['--inspect-brk=9230'], ['--inspect=0']],
  [['--inspect-brk=0.0.0.0:9230'], ['--inspect=0.0.0.0:0']],
  [['--inspect-brk=0.0.0.0'], ['--inspect=0.0.0.0:0']],
  [['--inspect-wait'], ['--inspect=0']],
  [['--inspect-wait=localhost:9230'], ['--inspect=localhost:0']],
  [
    ['--inspect-port=9230', '--inspect', '-x'],
    ['--inspect=0', '-x'],
  ],
  [['--inspect-port', '9230', '-x'], ['-x']],
  // These flags are not about the port.
  [['--inspect-publish-uid=stderr'], ['--inspect-publish-uid=stderr']],
  // A script on the command line belongs to the master, and so does what goes with it.
  ...['-e', '--eval', '-p', '--print', '-pe'].map(
    (flag) =>
      [
        ['-x', flag, 'run()', '-y'],
        ['-x', '-y'],
      ] as const,
  ),
  [['--eval=run()'], []],
  [['--print=run()'], []],
  [['-i', '-x'], ['-x']],
  [['--interactive', '-x'], ['-x']],
  [['--input-type=module', '-e', 'run()', '-x'], ['-x']],
  [['--input-type', 'module', '-e', 'run()', '-x'], ['-x']],
  // A flag that begins like one of these is another flag.
  [['--experimental-print-required-tla'], ['--experimental-print-required-tla']],
];

for (const [given, worker] of FLAGS) {
  test(`flags: ${given.join(' ') || 'none'}`, () => {
    const frozen = Object.freeze([...given]);
    assert.deepEqual(workerExecArgv(frozen), worker);
  });
}

test('the entry script and its arguments are run again', () => {
  assert.deepEqual(hostScript(HOST), ['/srv/host.js', '--port', '80']);
  assert.deepEqual(hostScript(['/usr/bin/node', '/srv/[id].js']), ['/srv/[id].js']);
});

for (const [name, argv] of Object.entries({
  'the REPL': ['/usr/bin/node'],
  'standard input': ['/usr/bin/node', '-', 'argument'],
  '-e as older versions show it': ['/usr/bin/node', '[eval]'],
})) {
  test(`nothing is left to run again of ${name}`, () => {
    const refused = (error: unknown): boolean => {
      assert.ok(error instanceof ArbiterError);
      assert.equal(error.code, 'ERR_NO_ENTRY');
      assert.match(error.message, /module specifier/);
      return true;
    };
    assert.throws(() => hostScript(argv), refused);
    assert.throws(() => workerCommand(INLINE, [], argv, SHELL), refused);
    // A module needs no host script.
    workerCommand(MODULE, [], argv, SHELL);
  });
}

test('-e with arguments has no entry script either: the first argument is none', () => {
  // `node -e 'new Arbiter(…)' argument`: argv is [node, argument], only the flags tell.
  const noEntry = { code: 'ERR_NO_ENTRY' };
  assert.throws(() => workerCommand(INLINE, ['-e', 'run()'], ['/usr/bin/node', 'argument'], SHELL), noEntry);
});

const node = process.execPath;

test('a worker of an inline app: prelude first, then the flags, then the host script', () => {
  const { file, args } = workerCommand(INLINE, ['--no-warnings'], HOST, undefined);
  assert.equal(file, node);
  const [flag, prelude, ...rest] = args;
  assert.equal(flag, '--import');
  assert.match(prelude ?? '', /^file:\/\/.*\/build\/worker\/entry\/prelude\.js$/);
  assert.deepEqual(rest, ['--no-warnings', '/srv/host.js', '--port', '80']);
});

test('a worker of a module app: the entry of the library, and nothing of the host script', () => {
  const { args } = workerCommand(MODULE, ['--no-warnings'], HOST, undefined);
  const [, , flag, entry, ...rest] = args;
  assert.equal(flag, '--no-warnings');
  assert.match(entry ?? '', /^\/.*\/build\/worker\/entry\/main\.js$/);
  assert.deepEqual(rest, []);
});

test('where a flag has taught the loader of CommonJS alone, a script is left to that', () => {
  const begin = (source: AppSource, flags: string[]): string | undefined =>
    workerCommand(source, flags, HOST, undefined).args[0];
  for (const flags of [['-r', 'ts-node/register'], ['--require', './a.cjs'], ['--require=./a.cjs']]) {
    assert.equal(begin(INLINE, flags), '--require');
    assert.equal(begin(MODULE, flags), '--import');
    assert.equal(begin(INLINE, [...flags, '--import', 'tsx']), '--import');
    assert.equal(begin(INLINE, [...flags, '--loader=ts-node/esm']), '--import');
  }
  const [, prelude] = workerCommand(INLINE, ['-r', 'ts-node/register'], HOST, undefined).args;
  assert.match(prelude ?? '', /^\/.*\/build\/worker\/entry\/prelude\.js$/);
  const byVariable = workerCommand(INLINE, [], HOST, undefined, { nodeOptions: '--no-warnings -r ./a.cjs' });
  assert.equal(byVariable.args[0], '--require');
});

test('a script among the flags, as ts-node has one, comes after the prelude and before the host script', () => {
  const { args } = workerCommand(INLINE, ['/m/ts-node/dist/bin.js', '--esm'], HOST, undefined);
  assert.deepEqual(args.slice(2), ['/m/ts-node/dist/bin.js', '--esm', '/srv/host.js', '--port', '80']);
  assert.equal(args[0], '--import');
});

test('the shell moves the socket to 0 and becomes node, with the same arguments', () => {
  const direct = workerCommand(INLINE, ['--no-warnings'], HOST, undefined);
  const { file, args } = workerCommand(INLINE, ['--no-warnings'], HOST, '/bin/sh');
  assert.equal(file, '/bin/sh');
  // These are positional parameters without quoting, so a path may hold anything.
  assert.deepEqual(args, ['-c', 'exec "$0" "$@" <&4 4<&-', node, ...direct.args]);
});

test('an inspector that comes by NODE_OPTIONS gets a port of its own too, which a flag may overrule', () => {
  const nodeOptions = '--no-warnings --inspect=9229';
  const { args } = workerCommand(MODULE, ['--inspect=[::1]:1'], HOST, undefined, { nodeOptions });
  assert.deepEqual(args.slice(2, -1), ['--inspect-port=0', '--inspect=[::1]:0']);
});

test('the shell is found where there is one', () => {
  assert.equal(SHELL, '/bin/sh');
});
