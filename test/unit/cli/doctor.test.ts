/* The doctor in simulated surroundings: a healthy machine of which one thing is changed. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { readCgroup } from '../../../build/cli/doctor/cgroup.js';
import { reportText } from '../../../build/cli/doctor/doctor.js';
import { findingsOf } from '../../../build/cli/doctor/findings.js';
import type { Machine } from '../../../build/cli/doctor/machine.js';
import { planOf } from '../../../build/cli/doctor/plan.js';

const GB = 2 ** 30;
const MB = 2 ** 20;

interface Made {
  readonly files?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly machine?: Partial<Machine>;
  readonly execArgv?: readonly string[];
}

const V2 = {
  '/proc/self/cgroup': '0::/system.slice/web.service\n',
  '/proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n',
};
const V1 = {
  '/proc/self/cgroup':
    '4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n2:pids:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n',
  '/proc/self/mountinfo': [
    '31 30 0:27 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory',
    '32 30 0:28 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct',
    '33 30 0:29 / /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids',
    '34 30 0:30 / /sys/fs/cgroup/unified ro - cgroup2 cgroup2 rw',
  ].join('\n'),
  '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
  '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
};
const UNIT = '/etc/systemd/system/web.service';
const GOOD_UNIT = '[Service]\nType=notify\nKillMode=mixed\nTimeoutStopSec=40\n';
const limits = (hard: number | string): string =>
  `Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 ${hard}               files\n`;

function machineOf({ files = {}, env = {}, machine = {} }: Made): Machine {
  const all: Readonly<Record<string, string>> = {
    ...V2,
    '/sys/fs/cgroup/system.slice/web.service/cpu.max': 'max 100000\n',
    '/sys/fs/cgroup/system.slice/web.service/memory.max': 'max\n',
    '/sys/fs/cgroup/system.slice/web.service/memory.oom.group': '0\n',
    '/proc/sys/net/core/somaxconn': '4096\n',
    '/proc/self/limits': limits(524_288),
    [UNIT]: GOOD_UNIT,
    ...files,
  };
  return {
    ...{ platform: 'linux', node: '24.8.0', uid: 1000, parallelism: 4, heapLimit: 2 * GB, temporaryFolder: '/tmp' },
    env: { NODE_ENV: 'production', INVOCATION_ID: 'x', NOTIFY_SOCKET: '/run/systemd/notify', ...env },
    read: (path) => all[path],
    free: () => 64 * MB,
    ...machine,
  };
}

function findings(made: Made): string[] {
  const machine = machineOf(made);
  const origins = new Map(Object.entries(made.options ?? {}).map(([name, value]) => [name, { value, from: 'test' }]));
  const plan = planOf(origins as never, machine, made.execArgv ?? []);
  const found = findingsOf({ machine, cgroup: readCgroup(machine), plan });
  for (const { message, advice } of found) assert.ok(message.length > 20 && advice.length > 3);
  return found.map(({ code, severity }) => `${severity} ${code}`);
}

const own = (name: string): string => `/sys/fs/cgroup/system.slice/web.service/${name}`;
const threaded = { workerClass: 'threaded', threads: 4 };

const CASES: readonly (readonly [what: string, made: Made, found: readonly string[]])[] = [
  ['a good box', {}, []],
  ['a good box with cgroups of version 1', { files: V1 }, []],
  ['no cgroup, no /proc at all', { machine: { platform: 'darwin', read: () => undefined } }, []],

  ['a quota of half a CPU', { files: { [own('cpu.max')]: '50000 100000' } }, ['warning cpu-quota']],
  ['a quota that was counted with', { files: { [own('cpu.max')]: '200000 100000' }, options: { workers: 5 } }, []],
  [
    'a quota of the slice above',
    { files: { '/sys/fs/cgroup/system.slice/cpu.max': '100000 100000' } },
    ['warning cpu-quota'],
  ],
  ['a quota that fits', { files: { [own('cpu.max')]: '400000 100000' } }, []],
  [
    'threads count',
    { files: { [own('cpu.max')]: '200000 100000' }, options: { workers: 2, ...threaded } },
    ['warning cpu-quota'],
  ],
  [
    'a quota of version 1',
    { files: { ...V1, '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '150000\n' } },
    ['warning cpu-quota'],
  ],
  ['WEB_CONCURRENCY is a choice', { files: { [own('cpu.max')]: '100000 100000' }, env: { WEB_CONCURRENCY: '3' } }, []],

  ['memory for less than bare Node', { files: { [own('memory.max')]: String(200 * MB) } }, ['error memory-limit']],
  ['heaps above the limit', { files: { [own('memory.max')]: String(4 * GB) } }, ['warning memory-limit']],
  [
    'heaps that are bounded',
    { files: { [own('memory.max')]: String(4 * GB) }, execArgv: ['--max-old-space-size=512'] },
    [],
  ],
  [
    'heaps that are bounded by the environment',
    { files: { [own('memory.max')]: String(4 * GB) }, env: { NODE_OPTIONS: '--max_old_space_size=512' } },
    [],
  ],
  [
    'workers that are recycled before',
    { files: { [own('memory.max')]: String(4 * GB) }, options: { maxMemory: GB } },
    [],
  ],
  [
    'workers that are recycled too late',
    { files: { [own('memory.max')]: String(4 * GB) }, options: { maxMemory: GB, workers: 5 } },
    ['warning memory-limit'],
  ],
  [
    'a limit of version 1',
    { files: { ...V1, '/sys/fs/cgroup/memory/memory.limit_in_bytes': String(GB) } },
    ['warning memory-limit'],
  ],
  [
    'a heap for each thread',
    { files: { [own('memory.max')]: String(8 * GB) }, options: { workers: 2, ...threaded } },
    ['warning memory-limit'],
  ],
  [
    'heaps of threads that are bounded',
    {
      files: { [own('memory.max')]: String(8 * GB) },
      options: { workers: 2, ...threaded, resourceLimits: { maxOldGenerationSizeMb: 512 } },
    },
    [],
  ],
  ['all are killed together', { files: { [own('memory.oom.group')]: '1\n' } }, ['warning oom-group']],
  ['few processes', { files: { [own('pids.max')]: '50' } }, ['error pids-limit']],
  ['enough processes', { files: { [own('pids.max')]: '200' } }, []],
  [
    'few processes, version 1',
    { files: { ...V1, '/sys/fs/cgroup/pids/docker/abc/pids.max': '50' } },
    ['error pids-limit'],
  ],

  ['a short queue', { files: { '/proc/sys/net/core/somaxconn': '128' } }, ['warning somaxconn']],
  [
    'a short queue that was asked for',
    { files: { '/proc/sys/net/core/somaxconn': '128' }, options: { backlog: 128 } },
    [],
  ],
  ['few descriptors', { files: { '/proc/self/limits': limits(1024) } }, ['warning descriptors']],
  ['hardly any descriptors', { files: { '/proc/self/limits': limits(100) } }, ['error descriptors']],
  ['unlimited descriptors', { files: { '/proc/self/limits': limits('unlimited') } }, []],
  [
    'descriptors for each thread',
    { files: { '/proc/self/limits': limits(4000) }, options: threaded },
    ['warning descriptors'],
  ],
  [
    'a small /dev/shm',
    { machine: { free: (folder) => (folder === '/dev/shm' ? 1000 : GB) } },
    ['warning shared-memory'],
  ],
  [
    'no /dev/shm',
    { machine: { free: (folder) => (folder === '/dev/shm' ? undefined : GB) } },
    ['warning shared-memory'],
  ],
  [
    'a /dev/shm that is too small by a byte',
    { machine: { free: (folder) => (folder === '/dev/shm' ? 529_919 : GB) } },
    ['warning shared-memory'],
  ],
  [
    'a /dev/shm that is just large enough',
    { machine: { free: (folder) => (folder === '/dev/shm' ? 529_920 : 0) } },
    [],
  ],
  ['no room anywhere', { machine: { free: () => 0 } }, ['error shared-memory']],
  ['root', { machine: { uid: 0 } }, ['warning root']],
  ['root that gives it up', { machine: { uid: 0 }, options: { user: 'www-data' } }, []],

  ['Node as process 1', { files: { '/proc/1/cmdline': '/usr/local/bin/node\0server.js\0' } }, ['warning reaper']],
  ['the command as process 1', { files: { '/proc/1/cmdline': 'prefork: master [web]' } }, ['warning reaper']],
  ['npm as process 1', { files: { '/proc/1/cmdline': 'npm start' } }, ['warning reaper']],
  ['an init as process 1', { files: { '/proc/1/cmdline': '/sbin/docker-init\0--\0node\0server.js\0' } }, []],
  ['what only sounds like Node', { files: { '/proc/1/cmdline': '/usr/bin/node-init\0node\0' } }, []],

  ['no NODE_ENV', { env: { NODE_ENV: '' } }, ['warning node-env']],
  ['an old Node', { machine: { node: '20.18.3' } }, ['error node-version']],
  ['the oldest Node', { machine: { node: '20.19.0' } }, []],
  ['an odd Node', { machine: { node: '25.1.0' } }, ['warning node-version']],
  ['a Node of the future', { machine: { node: '28.0.0' } }, ['warning node-version']],

  ['systemd waits in vain', { options: { notify: false } }, ['error systemd-notify']],
  [
    'a unit that says nothing',
    { files: { [UNIT]: '[Service]\n' } },
    ['warning systemd-kill-mode', 'warning systemd-type'],
  ],
  ['a unit that is in a hurry', { files: { [UNIT]: GOOD_UNIT.replace('40', '10s') } }, ['warning systemd-stop-time']],
  [
    'a drain that is longer than the unit allows',
    { options: { gracefulTimeout: 60_000 } },
    ['warning systemd-stop-time'],
  ],
  [
    'a unit with patience',
    { files: { [UNIT]: GOOD_UNIT.replace('40', '1min 5s') }, options: { gracefulTimeout: 60_000 } },
    [],
  ],
  ...['2d', '1min30s', '40000000us', 'infinity', '0s', '40 \\\n s'].map(
    (span) => [`a unit with ${span}`, { files: { [UNIT]: GOOD_UNIT.replace('40', span) } }, []] as const,
  ),
  ...['500us', '30', '1sec\nTimeoutSec=', '2d\nTimeoutSec=10', '2d\n TimeoutStopSec = 10'].map(
    (span) =>
      [
        `a unit with ${JSON.stringify(span)}`,
        { files: { [UNIT]: GOOD_UNIT.replace('40', span) } },
        ['warning systemd-stop-time'],
      ] as const,
  ),
  ['the later line counts', { files: { [UNIT]: `${GOOD_UNIT}TimeoutStopSec=10\nTimeoutSec=2min\n` } }, []],
  [
    'a comment that ends with a backslash',
    { files: { [UNIT]: GOOD_UNIT.replace('Timeout', '# more \\\nTimeout') }, options: { gracefulTimeout: 39_000 } },
    [],
  ],
  ['KillMode= without a value', { files: { [UNIT]: `${GOOD_UNIT}KillMode=\n` } }, ['warning systemd-kill-mode']],
  ['Type= without a value', { files: { [UNIT]: `${GOOD_UNIT}Type=\n` } }, []],
  ['started by hand, not by the unit', { files: { [UNIT]: '' }, env: { INVOCATION_ID: undefined as never } }, []],

  [
    'errors come first',
    { machine: { uid: 0, node: '18.0.0' }, env: { NODE_ENV: '' } },
    ['error node-version', 'warning root', 'warning node-env'],
  ],
];

for (const [what, made, found] of CASES) {
  test(`doctor: ${what}`, () => assert.deepEqual(findings(made), found));
}

test('doctor: a time span that systemd does not understand is told, and no figure for it', () => {
  for (const span of ['foo', '2 mins', '10 foo']) {
    const machine = machineOf({ files: { [UNIT]: GOOD_UNIT.replace('40', span) } });
    const [found, ...others] = findingsOf({
      machine,
      cgroup: readCgroup(machine),
      plan: planOf(new Map(), machine, []),
    });
    assert.deepEqual(others, []);
    assert.match(found?.message ?? '', new RegExp(`^web\\.service has "${span}" as its .* no time span`));
  }
});

test('the doctor has one line for a good box', () => {
  assert.equal(reportText([]), 'nothing to say: this machine is fit for it\n');
  const text = reportText([{ code: 'a-b', severity: 'error', message: 'It is so.', advice: 'this.' }]);
  assert.equal(text, 'error: It is so.\n  do: this.  [a-b]\n');
});
