/* `prefork ctl` with the master given in the form of the option `control`, and what it says of a wrong address. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ctl } from '../helpers/ctl.js';
import { Host } from '../helpers/host.js';
import { temporaryFolder } from '../helpers/place.js';

const TOKEN = 'correct-horse-battery';

test('ctl: the variable of the option, with its token, is where the master is', async (t) => {
  const file = join(temporaryFolder(t), 'token');
  writeFileSync(file, `${TOKEN}\n`);
  const own = new Host(t, { control: { port: 0, token: TOKEN }, workers: 1 });
  const [{ port }] = await own.event('control');
  await own.ready();
  const value = { port, token: TOKEN };
  const other = { host: 'localhost', port, token: 'of-another-master' };
  const ready = new RegExp(`^prefork \\(pid ${own.pid}\\) is running`);
  for (const [args, env] of [
    [['status'], value],
    [['status'], { ...value, host: '127.0.0.1' }],
    [['status', '--token-file', file], other],
    [['status', '--control', JSON.stringify(value)], other],
  ] as const) {
    const { code, out, err } = await ctl(args, { PREFORK_CONTROL: JSON.stringify(env) });
    assert.deepEqual([code, err], [0, ''], args.join(' '));
    assert.match(out, ready);
  }
  const wrong = await ctl(['status'], { PREFORK_CONTROL: JSON.stringify(other) });
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /the token is missing or wrong/);
  own.kill('SIGKILL');
  await own.exited();
  const dead = await ctl(['status'], { PREFORK_CONTROL: JSON.stringify(value) });
  assert.deepEqual([dead.code, dead.err.includes(TOKEN)], [3, false], dead.err);
  assert.match(dead.err, new RegExp(`cannot reach http://127\\.0\\.0\\.1:${port}: nobody listens there`));
});

test('ctl: the variable of the option, with a path', async (t) => {
  const path = join(temporaryFolder(t), 'control');
  const { code, err } = await ctl(['status'], { PREFORK_CONTROL: JSON.stringify({ path, mode: 0o660 }) });
  assert.equal(code, 3);
  assert.ok(err.includes(`cannot reach unix:${path}: there is no such file`), err);
});

test('ctl: what is wrong with an address is told without its token', async () => {
  const cases: readonly (readonly [args: readonly string[], variable: string, says: RegExp])[] = [
    // The value as shells and templates leave it.
    [['status'], `{"port":9000,"token":"${TOKEN}"`, /^prefork ctl: PREFORK_CONTROL: expected .* "a string of \d+ char/],
    [['status'], `{port:9000,token:${TOKEN}}`, /PREFORK_CONTROL: expected .*, got "a string of \d+ characters"/],
    [['status'], `'{"port":9000,"token":"${TOKEN}"}'`, /PREFORK_CONTROL: expected .*, got "a string of/],
    [['status'], TOKEN, /PREFORK_CONTROL: expected .*, got "a string of 21 characters"/],
    [['status'], `http://127.0.0.1:9/#token=${TOKEN}`, /PREFORK_CONTROL: expected .*, got "a string of/],
    [['status'], `http://x:${TOKEN}@127.0.0.1:9`, /PREFORK_CONTROL: expected .*, got "a string of/],
    [['status'], `{"port":9000,"tokn":"${TOKEN}"}`, /PREFORK_CONTROL: option 'control': expected /],
    [['status'], `{"port":70000,"token":"${TOKEN}"}`, /PREFORK_CONTROL: option 'control.port': expected .* got 70000/],
    [['status'], `{"port":0,"token":"${TOKEN}"}`, /PREFORK_CONTROL: expected the port that the master has got, got 0/],
    [['status'], 'false', /PREFORK_CONTROL: expected where the master is, got false/],
    // What bash makes of a brace with a comma in it.
    [['--control=port:9000', `--control=token:${TOKEN}`, 'status'], '', /--control: expected .*, got "a string of/],
    [['--control', 'port:9000', `token:${TOKEN}`, 'status'], '', /no such command: "a word of 27 characters"/],
    [['status', '--control', 'port:9000', `token:${TOKEN}`], '', /nothing behind it, got a word of 27 characters/],
    [['scale', '--control', 'port:9000', `token:${TOKEN}`], 'unix:/x', /expected .*, got/],
  ];
  for (const [args, variable, says] of cases) {
    const { code, out, err } = await ctl(args, { PREFORK_CONTROL: variable });
    assert.deepEqual([code, out], [2, ''], err);
    assert.match(err, says);
    assert.ok(!err.includes(TOKEN), err);
  }
});
