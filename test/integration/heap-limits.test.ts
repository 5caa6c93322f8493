import assert from 'node:assert/strict';
import test from 'node:test';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

/* A limit for the heaps of threads holds, whatever limits the flags of node set for the process. */

const limits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 };

interface Case {
  readonly options?: HostOptions;
  readonly env?: NodeJS.ProcessEnv;
}

const FLAGS: Readonly<Record<string, Case>> = {
  'no flag': {},
  '--max-old-space-size in execArgv': { options: { execArgv: ['--max-old-space-size=1024'] } },
  '--max_old_space_size in execArgv': { options: { execArgv: ['--max_old_space_size=1024'] } },
  '--max-heap-size in execArgv': { options: { execArgv: ['--max-heap-size=1024'] } },
  '--max-semi-space-size in execArgv': { options: { execArgv: ['--max-semi-space-size=64'] } },
  '--max-old-space-size in NODE_OPTIONS': { env: { NODE_OPTIONS: '--max-old-space-size=1024' } },
};

for (const [flag, { options, env }] of Object.entries(FLAGS)) {
  test(`heap limits of threads hold: ${flag}`, async (t) => {
    const threaded = { workers: 1, workerClass: 'threaded', threads: 2, resourceLimits: limits } as const;
    const host = new Host(t, { ...threaded, app: fixture('heap-limit.js'), ...options }, { ...(env && { env }) });
    const url = await host.ready();
    const seen = Number((await get(url)).body);
    // V8 adds three semi-spaces to the old generation.
    assert.ok(seen >= 64 && seen < 80, `${seen} MB`);
  });
}

test('without limits for threads, the flag is theirs', async (t) => {
  const options = { workers: 1, workerClass: 'threaded', threads: 2, execArgv: ['--max-old-space-size=300'] } as const;
  const host = new Host(t, { ...options, app: fixture('heap-limit.js') });
  const seen = Number((await get(await host.ready())).body);
  assert.ok(seen >= 300 && seen < 500, `${seen} MB`);
});

test('a process without threads has the limit of the flag', async (t) => {
  const host = new Host(t, { workers: 1, app: fixture('heap-limit.js'), execArgv: ['--max-old-space-size=300'] });
  const seen = Number((await get(await host.ready())).body);
  assert.ok(seen >= 300 && seen < 500, `${seen} MB`);
});
