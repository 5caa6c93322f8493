import assert from 'node:assert/strict';
import { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { type Child, insist, signalChild, spawnChild, unbornChild } from '../../../build/system/child.js';
import { type System, system } from '../../../build/system/system.js';

function replace<N extends 'spawn' | 'kill'>(t: TestContext, name: N, stand: System[N]): void {
  const real = system[name];
  system[name] = stand;
  t.after(() => {
    system[name] = real;
  });
}

/** The error that a child reports, after a check of all that it has and does until then. */
async function failureOf(child: Child): Promise<NodeJS.ErrnoException> {
  assert.equal(child.pid, undefined);
  assert.deepEqual([child.stdin, child.stderr, child.stdio.length], [null, null, 0]);
  // Nothing that is done with the child before the error is known throws.
  child.ref();
  child.unref();
  assert.equal(child.kill('SIGTERM'), false);
  const [error] = await once(child, 'error');
  return error;
}

test('a process that starts is the child itself', async () => {
  const child = spawnChild(process.execPath, ['-e', ''], { stdio: ['pipe', 'ignore', 'pipe', 'pipe'] });
  assert.ok(child instanceof ChildProcess);
  assert.deepEqual(await once(child, 'close'), [0, null]);
});

test('what Node throws is told a moment later', async () => {
  const env = { LONG: 'x'.repeat(200_000) };
  // Linux takes no variable of more than 128 KiB; elsewhere it may take this one.
  const child = spawnChild(process.execPath, ['-e', ''], { env, stdio: ['pipe', 'ignore', 'ignore', 'pipe'] });
  if (process.platform === 'linux') assert.equal((await failureOf(child)).code, 'E2BIG');
});

test('what Node refuses is told a moment later', async () => {
  const child = spawnChild(process.execPath, [], { env: { BAD: 'a\0b' } });
  assert.equal((await failureOf(child)).code, 'ERR_INVALID_ARG_VALUE');
});

test('what Node tells later is told, without its streams', async () => {
  const child = spawnChild('/no/such/program', [], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
  assert.equal((await failureOf(child)).code, 'ENOENT');
});

test('a child that has not even the properties of its streams', async (t) => {
  replace(t, 'spawn', () => {
    const bare = new ChildProcess();
    process.nextTick(() => bare.emit('error', Object.assign(new Error('spawn EMFILE'), { code: 'EMFILE' })));
    return bare;
  });
  assert.equal((await failureOf(spawnChild('true', [], {}))).code, 'EMFILE');
});

test('one that is not even tried', async () => {
  const error = new Error('no room');
  assert.equal(await failureOf(unbornChild(error)), error);
});

test('where nobody listens, nothing is thrown', async () => {
  spawnChild('/no/such/program', [], {});
  unbornChild(new Error('no room'));
  // Errors are told in the order of the children: those of the first two would have been thrown by then.
  const others = [spawnChild('/no/such/program', [], {}), unbornChild(new Error('no room'))];
  await Promise.all(others.map((child) => once(child, 'error')));
});

test('a signal that is refused says why; to one that has ended, it is none', async (t) => {
  const child = spawnChild(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  child.on('error', () => undefined);
  let refusals = 2;
  const asked: string[] = [];
  replace(t, 'kill', (to, signal) => {
    asked.push(signal);
    if (refusals-- > 1) throw Object.assign(new Error('kill EINVAL'), { code: 'EINVAL' });
    if (refusals < 0) return to.kill(signal);
    child.emit('error', Object.assign(new Error('kill EPERM'), { code: 'EPERM' }));
    return false;
  });
  assert.match(signalChild(child, 'SIGTERM')?.message ?? '', /EINVAL/);
  assert.match(signalChild(child, 'SIGTERM')?.message ?? '', /EPERM/);
  refusals = 2;
  const told: string[] = [];
  // The signal is refused twice, and arrives at the third attempt.
  insist(child, 'SIGKILL', ({ message }) => told.push(message));
  // `once` of node:events would take the refusals for failures.
  const ended = await new Promise((resolve) => child.once('exit', (...how: unknown[]) => resolve(how)));
  assert.deepEqual(ended, [null, 'SIGKILL']);
  assert.deepEqual([told, asked.slice(2)], [['kill EINVAL'], ['SIGKILL', 'SIGKILL', 'SIGKILL']]);
  assert.equal(signalChild(child, 'SIGTERM'), undefined);
});

const linux = { skip: process.platform !== 'linux' && 'it looks into /proc' };

test('to one that has ended and is not told of yet, a signal is none, and is not sent again', linux, async (t) => {
  const children = ['a', 'b'].map(() => spawnChild(process.execPath, ['-e', ''], { stdio: 'ignore' }));
  const refused: Error[] = [];
  const [first, second] = children as [(typeof children)[0], (typeof children)[0]];
  let signals = 0;
  replace(t, 'kill', (to, signal) => {
    signals++;
    return to.kill(signal);
  });
  const both = Promise.all(children.map((child) => once(child, 'exit')));
  for (const [child, other] of [
    [first, second],
    [second, first],
  ] as const) {
    child.once('exit', () => insist(other, 'SIGKILL', (error) => refused.push(error)));
  }
  // Both children have ended before Node looks. If this loop let Node look in between, it would.
  while (!children.every(({ pid }) => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))));
  await both;
  assert.deepEqual([refused, signals], [[], 2]);
});
