import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test from 'node:test';
import { amount } from '../helpers/amount.js';
import { assertUnharmed, atRest, classes, witnessed } from '../helpers/classes.js';
import { openSockets } from '../helpers/descriptors.js';
import { mutated, randomBytes, randomFrom } from '../helpers/fuzz.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { reset } from '../helpers/reset.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const SEED = Number(process.env['FUZZ_SEED'] ?? 20);
const CONNECTIONS = amount({ suite: 1_000, long: 20_000 });
const AT_ONCE = 40;

/**
 * One connection that sends bytes of the fuzzer and ends in one of three ways. Resolves when the connection has gone.
 */
async function attack(url: string, bytes: Buffer, pieces: readonly number[], departure: number): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined).resume();
  const closed = once(socket, 'close').catch(() => undefined);
  await Promise.race([once(socket, 'connect').catch(() => undefined), closed]);
  let at = 0;
  for (const end of [...pieces, bytes.length]) {
    socket.write(bytes.subarray(at, end));
    at = end;
    await new Promise(setImmediate);
  }
  // A client that ends its side is answered or cut off, whatever it has sent.
  if (departure < 0.6) socket.end();
  else if (departure < 0.8) reset(socket);
  else socket.destroy();
  await inTime(closed, `the end of a connection after ${JSON.stringify(bytes.toString('latin1'))}`);
}

for (const each of classes()) {
  test(`fuzzed_bytes: ${each.name}`, async (t) => {
    const host = witnessed(t, each);
    const url = await host.ready();
    const [worker] = await host.workers();
    const pid = worker?.pid as number;
    const descriptors = (): number => (process.platform === 'linux' ? openSockets(pid) : 0);
    await get(url);
    await atRest(host);
    const before = descriptors();

    const random = randomFrom(SEED);
    let left = CONNECTIONS;
    let attacking = AT_ONCE;
    const attacker = async (): Promise<void> => {
      while (left-- > 0) {
        const bytes = random() < 0.85 ? mutated(random) : randomBytes(random, 1 + Math.floor(random() * 300));
        const cut = Math.floor(random() * bytes.length);
        await attack(url, bytes, random() < 0.5 ? [] : [cut], random());
      }
      attacking--;
    };
    let good = 0;
    const client = async (): Promise<void> => {
      while (attacking > 0) {
        const { status, body } = await get(`${url}/good/${++good}`);
        const { pid: by, method, url: path, body: sent } = JSON.parse(body);
        assert.deepEqual([status, by, method, path, sent], [200, pid, 'GET', `/good/${good}`, '']);
      }
    };
    try {
      await Promise.all([client(), ...Array.from({ length: AT_ONCE }, attacker)]);
    } catch (error) {
      left = 0;
      throw new Error(`FUZZ_SEED=${SEED}\n${host.log}`, { cause: error });
    }
    assert.ok(good > 10, `${good} good requests beside`);
    await assertUnharmed(host);
    await atRest(host);
    // There may be fewer, if a connection of the first request was counted before.
    await eventually(() => descriptors() <= before, `${before} open descriptors again`);
  });
}
