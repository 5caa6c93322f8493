/*
 * What a request to its control costs the master: CPU time for each request, as the kernel counts it for the process.
 * At 10 requests a second, a hundredth of a core is 1000 µs for each. node bench/control.mjs [workers]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WORKERS = Number(process.argv[2] ?? 8);
const ASKED = 1000;
/** Microseconds of a clock tick in /proc: sysconf(_SC_CLK_TCK) is 100 on Linux. */
const TICK = 10_000;

if (process.send && process.argv[3]) {
  const { Arbiter } = await import('../dist/index.js');
  const app = new URL('./peers/hello.mjs', import.meta.url);
  const arbiter = new Arbiter({
    app,
    workers: WORKERS,
    bind: '127.0.0.1:0',
    control: `unix:${process.argv[3]}`,
    logger: false,
  });
  arbiter.on('ready', () => process.send('ready'));
  await arbiter.run();
  process.disconnect();
} else if (!process.send) {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-bench-'));
  const socketPath = join(folder, 'control');
  const master = fork(process.argv[1], [String(WORKERS), socketPath]);
  try {
    await once(master, 'message');
    console.log(`${WORKERS} workers, CPU time of the master for each question, microseconds`);
    for (const path of ['/livez', '/readyz', '/stats']) {
      for (let count = 0; count < 200; count++) await ask(path);
      const before = cpu();
      for (let count = 0; count < ASKED; count++) await ask(path);
      console.log(`${path.padEnd(10)} ${Math.round((cpu() - before) / ASKED)}`);
    }
  } finally {
    master.kill('SIGTERM');
    await once(master, 'exit');
    rmSync(folder, { recursive: true, force: true });
  }

  function cpu() {
    const fields = readFileSync(`/proc/${master.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK;
  }

  async function ask(path) {
    const outgoing = request({ socketPath, path, agent: false, headers: { Host: 'localhost' } }).end();
    const [response] = await once(outgoing, 'response');
    response.resume();
    await once(response, 'end');
  }
}
