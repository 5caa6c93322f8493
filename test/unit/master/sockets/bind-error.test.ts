import assert from 'node:assert/strict';
import test from 'node:test';
import { bindError } from '../../../../build/master/sockets/bind-error.js';

const inUse = Object.assign(new Error('in use'), { code: 'EADDRINUSE' });
const message = (address: string, cause: Error = inUse, ports?: readonly [number, number]): string =>
  bindError(address, cause, () => ports).message;

for (const address of [
  '127.0.0.1:40000',
  ':40000',
  '[::1]:40000',
  "the control at 127.0.0.1:40000 (option 'control')",
]) {
  test(`${address} may be the port of an outgoing connection`, () => {
    assert.equal(
      message(address, inUse, [32_768, 60_999]),
      `cannot bind ${address}: the address is in use already, by a server of this process or another, or by an outgoing connection: the kernel gives these the ports 32768 to 60999 (EADDRINUSE)`,
    );
  });
}

test('a port outside of the range, a Unix socket, and a system that tells no range say nothing of it', () => {
  const plain = (address: string): string =>
    `cannot bind ${address}: the address is in use already, by a server of this process or another (EADDRINUSE)`;
  for (const address of [':32767', ':61000', ':80', 'unix:/run/app:40000', 'the control at unix:/run/app:40000']) {
    assert.equal(message(address, inUse, [32_768, 60_999]), plain(address));
  }
  assert.equal(message(':40000'), plain(':40000'));
  assert.match(message(':32768', inUse, [32_768, 60_999]), /outgoing/);
  assert.match(message(':60999', inUse, [32_768, 60_999]), /outgoing/);
});

test('another error has its own reason', () => {
  const denied = Object.assign(new Error('denied'), { code: 'EACCES' });
  assert.equal(message(':40000', denied, [32_768, 60_999]), 'cannot bind :40000: permission denied (EACCES)');
});
