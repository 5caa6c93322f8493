import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { amount } from '../helpers/amount.js';
import { classes } from '../helpers/classes.js';
import { targets } from '../helpers/descriptors.js';
import { MixedLoad } from '../helpers/mixed-load.js';
import { temporaryFolder } from '../helpers/place.js';
import { Succession } from '../helpers/succession.js';

/** How many upgrades in a row. */
const UPGRADES = Number(process.env['UPGRADES'] ?? amount({ suite: 2, long: 10 }));
/** Workers of one host: as many as the options say. The guard is a shell. */
const WORKERS = 2;

for (const { name, options } of classes()) {
  test(`upgrade_zero_drop: ${name}, ${UPGRADES} times in a row`, async (t) => {
    const folder = temporaryFolder(t);
    const [pidFile, path] = [join(folder, 'pid'), join(folder, 'socket')];
    const bind = ['127.0.0.1:0', `unix:${path}`];
    const succession = await Succession.start(t, [{ ...options, bind, workers: WORKERS, pidFile }]);
    let old = await succession.ready();
    const url = await succession.url(old);
    const load = new MixedLoad(t, { url, socketPath: path }, { close: 1, keepAlive: 1, unix: 1 }, { upload: 300_000 });
    await load.more(30);

    const pid = (file: string): number => Number(readFileSync(file, 'utf8'));
    let descriptors = Number.POSITIVE_INFINITY;
    for (let round = 0; round < UPGRADES; round++) {
      assert.equal(pid(pidFile), old);
      const next = await succession.upgrade(old);
      assert.deepEqual([pid(pidFile), pid(`${pidFile}.2`)], [old, next]);
      await load.more(30);
      await succession.end(old);
      await succession.until(() => !existsSync(`${pidFile}.2`), 'the promotion');
      assert.equal(pid(pidFile), next);
      await load.more(30);
      // The new host, its guard, its workers, and nothing of the one before.
      await succession.until(
        () => succession.living().length === WORKERS + 2,
        `one host, ${JSON.stringify(succession.living())}`,
      );
      assert.equal(await succession.url(next), url);
      // A descriptor may be open only for a moment, such as a file of /proc that is being read. So the number must not
      // grow, but need not be the same at each moment.
      await succession.until(() => targets(next).length <= descriptors, `${descriptors} descriptors, or less`);
      descriptors = Math.min(descriptors, targets(next).length);
      old = next;
    }
    await load.stop();
    assert.deepEqual(load.failures, [], String(load));
    for (const kind of ['close', 'keepAlive', 'unix'] as const) assert.ok(load.counts[kind].answered > 0, kind);
    await succession.end(old);
    await succession.extinct();
    assert.deepEqual([existsSync(pidFile), existsSync(path)], [false, false]);
    assert.deepEqual(succession.of('error'), []);
  });
}
