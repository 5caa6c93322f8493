/* A host in the foreground of a terminal: nothing that the terminal does is an order, except its end. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { classes } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { closeTerminal, noTerminals, onTerminal, resize } from '../helpers/terminal.js';
import { eventually } from '../helpers/wait.js';

const skip = noTerminals;
const signals = (host: Host): unknown[] => host.of('signal').map(({ args }) => args);

for (const kind of ['leader', 'job'] as const) {
  test(`a window that gets another size is no order, and HUP from somebody is a reload: ${kind}`, {
    skip,
  }, async (t) => {
    const host = new Host(t, { workers: 2, logger: true }, onTerminal(kind));
    const url = await host.ready();
    const { pid } = await host.stats();
    resize(host);
    await host.until(() => signals(host).length === 1, 'the signal of the terminal');
    // This signal comes from somebody else, but nobody can tell.
    process.kill(pid, 'SIGWINCH');
    await host.until(() => signals(host).length === 2, 'another one');
    assert.deepEqual(signals(host), Array(2).fill(['SIGWINCH', 'terminal']));
    assert.equal((await get(url)).status, 200);
    assert.equal((await host.stats()).held, false);
    process.kill(pid, 'SIGHUP');
    await host.event('reloaded');
    assert.deepEqual(signals(host).at(-1), ['SIGHUP']);
    assert.equal(host.of('hold').length, 0);
    // Otherwise each step of a window that is dragged would be a line.
    assert.doesNotMatch(host.log, /INFO .*WINCH/);
    process.kill(pid, 'SIGTERM');
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
    assert.deepEqual(
      host.of('worker:exit').map(({ args }) => args[1].reason),
      ['reload', 'reload', 'stop', 'stop'],
    );
  });

  for (const { name, options } of classes()) {
    test(`a terminal that is closed is a graceful stop: ${kind}, ${name}`, { skip }, async (t) => {
      const gate = await Gate.open(t);
      const app = fixture('gated.js');
      const settings = { ...onTerminal(kind), entry: 'printing-host.js' };
      const host = new Host(t, { workers: 2, ...options, app, env: gate.env, logger: true }, settings);
      const { arrival, answer } = await gate.hold(await host.ready());
      closeTerminal(host);
      // The shell dies of the signal, and the programs that it has run get the signal too.
      if (kind === 'job') await host.exited();
      assert.deepEqual(await host.event('stop'), [{ graceful: true }]);
      assert.deepEqual(signals(host), [['SIGHUP', 'terminal']]);
      await eventually(async () => (await host.workers()).every(({ state }) => state === 'draining'), 'the drain');
      await arrival.settle();
      arrival.release();
      assert.equal((await answer).status, 200);
      await host.event('stopped');
      assert.deepEqual(
        host.of('worker:exit').map(({ args }) => args[1]),
        Array(2).fill({ code: 0, signal: null, reason: 'stop' }),
      );
      if (kind === 'leader') assert.deepEqual(await host.exited(), { code: 0, signal: null });
    });
  }
}
