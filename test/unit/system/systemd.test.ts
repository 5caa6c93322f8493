import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ArbiterError } from '../../../build/errors.js';
import { readActivation, watchdogInterval, withoutServiceVariables } from '../../../build/system/systemd.js';

const PID = 17;
const env = (LISTEN_FDS: string, LISTEN_FDNAMES?: string): NodeJS.ProcessEnv => ({
  LISTEN_PID: String(PID),
  LISTEN_FDS,
  ...(LISTEN_FDNAMES !== undefined && { LISTEN_FDNAMES }),
});

test('the passed sockets, with their names', () => {
  assert.deepEqual(readActivation(env('1', 'web'), PID).sockets, [{ fd: 3, name: 'web' }]);
  assert.deepEqual(readActivation(env('3', 'web:admin:web'), PID), {
    sockets: [
      { fd: 3, name: 'web' },
      { fd: 4, name: 'admin' },
      { fd: 5, name: 'web' },
    ],
    came: "the passed sockets are named 'web', 'admin', 'web'",
  });
  // systemd before 227 passes no names. sd_listen_fds_with_names(3) gives sockets without a name this one.
  assert.deepEqual(
    readActivation(env('2'), PID).sockets.map(({ name }) => name),
    ['unknown', 'unknown'],
  );
});

test('what was passed to another process is not ours', () => {
  for (const [variables, came] of [
    [{}, /LISTEN_PID is not set/],
    [{ LISTEN_FDS: '1' }, /LISTEN_PID is not set/],
    [{ LISTEN_PID: '18', LISTEN_FDS: '1' }, /for the process '18'.*this is 17.*npm or a shell/],
    [{ LISTEN_PID: '', LISTEN_FDS: '1' }, /for the process ''/],
    // Whatever the other variable says, it is not for us to judge.
    [{ LISTEN_PID: '18', LISTEN_FDS: 'x' }, /for the process '18'/],
  ] as const) {
    const activation = readActivation(variables, PID);
    assert.deepEqual(activation.sockets, []);
    assert.match(activation.came, came);
  }
});

test('variables that contradict each other are refused', () => {
  const refused = (variables: NodeJS.ProcessEnv, message: RegExp): void => {
    assert.throws(() => readActivation(variables, PID), { code: 'ERR_BIND', message });
  };
  refused({ LISTEN_PID: '17' }, /LISTEN_FDS: expected the number of passed sockets, got undefined/);
  for (const number of ['', '0', '-1', '1.5', 'x', '0x3', ' 1', '99999999']) {
    refused(env(number), /LISTEN_FDS: expected the number/);
  }
  refused(env('2', 'web'), /LISTEN_FDNAMES: expected 2 names .*got 'web'/);
  refused(env('1', 'web:admin'), /LISTEN_FDNAMES: expected 1 names/);
});

test('whatever the variables say, there are sockets, none, or ERR_BIND', () => {
  const variable = fc.option(fc.oneof(fc.string(), fc.constantFrom('17', '1', '2', 'a:b', 'a')), { nil: undefined });
  fc.assert(
    fc.property(variable, variable, variable, (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES) => {
      try {
        const { sockets } = readActivation({ LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES }, PID);
        assert.ok(sockets.length === 0 || sockets.length === Number(LISTEN_FDS));
      } catch (error) {
        assert.ok(error instanceof ArbiterError && error.code === 'ERR_BIND', String(error));
      }
    }),
  );
});

test('the watchdog is fed at half of its limit, by the process that is meant', () => {
  assert.equal(watchdogInterval({ WATCHDOG_USEC: '30000000' }, PID), 15_000);
  assert.equal(watchdogInterval({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '17' }, PID), 15_000);
  assert.equal(watchdogInterval({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '18' }, PID), undefined);
  assert.equal(watchdogInterval({ WATCHDOG_PID: '17' }, PID), undefined);
  for (const limit of ['', '0', '-1', '1e6', 'x'])
    assert.equal(watchdogInterval({ WATCHDOG_USEC: limit }, PID), undefined);
  // A timer of Node takes neither a delay of nothing nor one of a month.
  assert.equal(watchdogInterval({ WATCHDOG_USEC: '100' }, PID), 1);
  assert.equal(watchdogInterval({ WATCHDOG_USEC: '18446744073709551615' }, PID), 2 ** 31 - 1);
});

test('children get nothing that is meant for this process', () => {
  const service = {
    ...{ LISTEN_PID: '1', LISTEN_PIDFDID: '2', LISTEN_FDS: '1', LISTEN_FDNAMES: 'a' },
    ...{ NOTIFY_SOCKET: '/s', WATCHDOG_PID: '1', WATCHDOG_USEC: '1' },
  };
  // Variables that tell of the service, but are not meant for its main process, stay.
  const kept = { PATH: '/bin', INVOCATION_ID: 'x', LISTEN: 'a', STATE_DIRECTORY: '/var/lib/x' };
  assert.deepEqual(withoutServiceVariables({ ...service, ...kept }), kept);
});
