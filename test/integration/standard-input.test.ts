import assert from 'node:assert/strict';
import test from 'node:test';
import { fixture } from '../helpers/host.js';
import { Program } from '../helpers/program.js';

/**
 * Prints whether its standard input is non-blocking to the system (fcntl(2), O_NONBLOCK), before and while it serves.
 */
const SCRIPT = `
  import { readFileSync } from 'node:fs';
  import { Arbiter } from 'prefork';
  const isNonBlocking = () => (Number.parseInt(/^flags:\\s*(\\d+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))[1], 8) & 0o4000) > 0;
  const told = [isNonBlocking()];
  const arbiter = new Arbiter({ bind: '127.0.0.1:0', workers: 1, app: process.argv[1] });
  await arbiter.start();
  told.push(isNonBlocking());
  await arbiter.stop();
  console.log(JSON.stringify(told));
`;

test('standard input of the host is as it was: others may read the same terminal or pipe', {
  skip: process.platform !== 'linux' && 'it looks into /proc',
}, async (t) => {
  const args = ['--input-type=module', '--eval', SCRIPT, fixture('app.js')];
  const program = new Program(t, process.execPath, args, { cwd: fixture('../..'), stdio: ['pipe', 'pipe', 'pipe'] });
  const [told] = await program.printed(/^\[.*\]$/m);
  assert.deepEqual(JSON.parse(told), [false, false]);
});
