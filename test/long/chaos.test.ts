/*
 * For half an hour, everything around a host goes wrong, at random and at the same time, while clients send requests.
 * Each request is accounted for. The host lives or ends as it was told, and leaves nothing behind. CHAOS_MINUTES sets
 * the duration; CHAOS_SEED repeats a run.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { chances } from '../helpers/chances.js';
import { CAN_MOUNT, ChaosHost, OUTPUTS } from '../helpers/chaos-host.js';
import { fixture } from '../helpers/host.js';
import { Ledger } from '../helpers/ledger.js';
import { freePort } from '../helpers/place.js';
import { eventually } from '../helpers/wait.js';

const MINUTES = Number(process.env['CHAOS_MINUTES'] ?? 30);
const SEED = Number(process.env['CHAOS_SEED'] ?? Date.now() % 2 ** 31);
const CLASSES = ['sync', 'threaded', 'async'] as const;
/** The longest time between two disturbances, and the longest time that one lasts. Milliseconds. */
const PAUSE = 1_500;
const LASTS = 3_000;
/** A host is told to stop after this time, give or take a half. Milliseconds. */
const LIFE = 60_000;
const GRACE = 15_000;

const linuxOnly = { skip: process.platform === 'linux' ? false : 'it looks into /proc' };

interface World {
  readonly host: ChaosHost;
  readonly ledger: Ledger;
  readonly to: { readonly host: string; readonly port: number };
  readonly folder: string;
  readonly logs: string;
  readonly workerClass: (typeof CLASSES)[number];
  readonly random: (below: number) => number;
}

const CLIENTS = ['tcp', 'kept', 'upload', 'unix'];
/** How many clients send requests at the same time. Each has at most one request that waits. */
const COUNT = 2 * CLIENTS.length + 3;
/**
 * The excuse for requests that a worker without descriptors loses, and how long after that worker's answer a client may
 * learn of its loss, milliseconds.
 */
const CLOSED = 'closed by another thread, before the handler that took all descriptors had returned';
const TOLD = 500;
/**
 * How many clients may connect between the last look at an accept queue and its close. Threads leave that to the main
 * thread, which may be slow to get a CPU.
 */
const AT_CLOSE = { sync: COUNT / 2, threaded: COUNT, async: COUNT / 2 } as const;

/** What can go wrong. Each function starts a disturbance that ends by itself. */
const DISTURBANCES: Readonly<Record<string, (world: World) => void | Promise<void>>> = {
  'no room in /dev/shm': ({ host, random }) => void (CAN_MOUNT && host.order('fill', random(LASTS), '/dev/shm')),
  'no room for the log': ({ host, random, logs }) => void (CAN_MOUNT && host.order('fill', random(LASTS), logs)),
  'no descriptors in the master': ({ host, random }) => host.order('descriptors', random(LASTS)),
  'no descriptors in a worker': async ({ ledger, to, random, workerClass }) => {
    // As the guide says: if another thread of the process accepts before the handler has returned, it closes all
    // connections that wait. In the other classes no request is lost.
    const others = workerClass === 'threaded' ? ledger.excuse(CLOSED, CLIENTS, ['reset', 'hang up'], COUNT) : undefined;
    const path = `/descriptors/${random(LASTS)}`;
    await ledger.make('tcp', { to, path, agent: false, expects: /^taken$/, silence: 30_000 });
    others?.(TOLD);
  },
  'spawns fail': ({ host, random }) => {
    host.order('environment', random(LASTS));
    host.order('reload');
  },
  'workers cannot be started': async ({ host, folder, random }) => {
    const [cwd, away] = [join(folder, 'cwd'), join(folder, 'away')];
    renameSync(cwd, away);
    host.order('scale', random(LASTS));
    await delay(random(LASTS));
    renameSync(away, cwd);
  },
  'the folder of the socket is gone': async ({ ledger, folder, random }) => {
    const back = ledger.excuse('refused: the folder of the socket was away', ['unix'], ['refused']);
    const [run, away] = [join(folder, 'run'), join(folder, 'run-away')];
    renameSync(run, away);
    await delay(random(LASTS));
    renameSync(away, run);
    back();
  },
  'listeners reject': ({ host, random }) => host.order('reject', random(LASTS)),
  'a reload': ({ host }) => host.order('reload'),
  'a change of scale': ({ host, random }) => host.order('scale', random(LASTS)),
  'a terminal is resized': ({ host, random }) => void (host.output === 'terminal' && host.resize(40 + random(200))),
  'nobody reads the log': ({ host, random }) => host.stopReading(random(LASTS)),
};

/** The first few losses tell as much as all of them. */
function assertNoLoss({ losses }: Ledger, what: () => string): void {
  if (losses.length === 0) return;
  const first = losses.slice(0, 5).map((loss) => JSON.stringify(loss));
  assert.fail(`${losses.length} requests are lost, ${what()}\n${first.join('\n')}`);
}

test(
  'chaos: each request is accounted for, the host lives or ends as told, and nothing is left',
  linuxOnly,
  async (t) => {
    t.diagnostic(`seed ${SEED}, ${MINUTES} minutes, ${CAN_MOUNT ? 'with' : 'without'} file systems of its own`);
    const chance = chances(SEED);
    const random = (below: number): number => Math.floor(chance() * below);
    const folder = mkdtempSync(join(tmpdir(), 'prefork-chaos-'));
    const logs = join(folder, 'logs');
    for (const name of ['run', 'cwd', 'logs']) mkdirSync(join(folder, name));
    const to = { host: '127.0.0.1', port: await freePort(t) };
    const socketPath = join(folder, 'run', 'socket');
    const ledger = new Ledger();
    const end = performance.now() + MINUTES * 60_000;
    let over = false;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });

    const client = async (kind: string): Promise<void> => {
      for (let number = 0; !over; number++) {
        const id = `${ledger.sent}`;
        const request =
          kind === 'upload'
            ? { to, agent: false as const, upload: 300_000, expects: /^300000$/ }
            : {
                to: kind === 'unix' ? { socketPath } : to,
                agent: kind === 'kept' ? agent : (false as const),
                path: `/answer/${id}`,
                expects: new RegExp(`^${id}$`),
              };
        // While the server is down, clients pause between their requests.
        if (!(await ledger.make(kind, { ...request, silence: 60_000 }))) await delay(50);
        await delay(number % 20);
      }
    };
    const counts: Record<string, number> = {};
    let host: ChaosHost | undefined;
    let clients: Promise<void>[] = [];
    t.after(async () => {
      over = true;
      agent.destroy();
      host?.kill();
      await Promise.allSettled(clients);
      rmSync(folder, { recursive: true, force: true });
    });

    let up = ledger.excuse('refused: the host was down', CLIENTS, ['refused']);
    clients = [...CLIENTS, ...CLIENTS, 'tcp', 'tcp', 'unix'].map(client);
    for (let life = 0; performance.now() < end; life++) {
      const workerClass = CLASSES[life % CLASSES.length] ?? 'sync';
      const before = ledger.excused.get(CLOSED);
      const options = {
        ...{ name: 'chaos', bind: [`127.0.0.1:${to.port}`, { path: socketPath }], app: fixture('chaos-app.js') },
        ...{
          workers: 4,
          workerClass,
          gracefulTimeout: GRACE,
          cwd: join(folder, 'cwd'),
        },
        pidFile: join(folder, 'pid'),
        drainDelay: life % 2 === 0 ? 0 : 1_000,
      };
      const current = await ChaosHost.start(
        options,
        OUTPUTS[random(OUTPUTS.length)] ?? 'pipe',
        logs,
        `${SEED}-${life}`,
      );
      host = current;
      await current.ready();
      up(50);
      const world: World = { host: current, ledger, to, folder, logs, workerClass, random };
      const goodbye = Math.min(end, performance.now() + LIFE / 2 + random(LIFE));
      const going: (void | Promise<void>)[] = [];
      const busy = new Set<string>();
      while (performance.now() < goodbye) {
        const names = Object.keys(DISTURBANCES);
        const name = names[random(names.length)] as string;
        // There is one disturbance of a kind at a time, but several kinds at once.
        if (!busy.has(name)) {
          counts[name] = (counts[name] ?? 0) + 1;
          busy.add(name);
          going.push(Promise.resolve(DISTURBANCES[name]?.(world)).finally(() => busy.delete(name)));
        }
        await delay(random(PAUSE));
        assert.equal(current.exit, undefined, `the host ended, and nobody had told it to\n${current.text}`);
        assertNoLoss(
          ledger,
          () => `${workerClass}, after ${Object.keys(counts).join(', ')}; output: ${current.output}\n${current.text}`,
        );
      }
      up = ledger.excuse('refused: the host was down', CLIENTS, ['refused']);
      const closed = ledger.excuse(
        'connected in the very instant of the close',
        CLIENTS,
        ['reset'],
        AT_CLOSE[workerClass],
      );
      // The folder may come back before the end of the host has been seen.
      const stays = busy.has('the folder of the socket is gone');
      // The signal comes in the midst of whatever is going on. A host that is the foreground of a terminal gets it as
      // the others do.
      current.signalGroup('SIGTERM');
      await current.ended(GRACE + 30_000);
      closed();
      assertNoLoss(
        ledger,
        () => `${workerClass}, in the stop of the host, during ${[...busy].join(', ')}\n${current.text}`,
      );
      const said = current.of('worker:error').some(({ args }) => args.includes('ERR_WORKER_DESCRIPTORS'));
      assert.ok(said || ledger.excused.get(CLOSED) === before, `${CLOSED}, and no word of it\n${current.text}`);
      await Promise.all(going);
      assert.equal(current.exit, '0', current.text);
      await eventually(
        () => current.left().length === 0,
        () => `the end of ${current.left().join('\n')}`,
      );
      // If the host cannot find the socket, it cannot remove it. The next host replaces it.
      if (stays) rmSync(socketPath, { force: true });
      const left = ['.', 'run'].flatMap((name) => readdirSync(join(folder, name)));
      assert.deepEqual(left.toSorted(), ['cwd', 'logs', 'run'], 'files that were left');
    }
    over = true;
    await Promise.all(clients);
    t.diagnostic(
      `${ledger}; ${Object.entries(counts)
        .map(([name, count]) => `${count} × ${name}`)
        .join(', ')}`,
    );
    assert.deepEqual([ledger.losses, ledger.open], [[], 0]);
    assert.ok(ledger.answered > MINUTES * 600, String(ledger));
  },
);
