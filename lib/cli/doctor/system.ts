/* The limits of the kernel outside the cgroup, the user account, and Node itself. */
import { DUTY_SLOTS, slotPosition } from '../../scoreboard/scoreboard.js';
import { error, type Look, warning } from './finding.js';

/** The descriptors of a worker besides those of its clients: sockets, pipes, files and the event loop. */
const OWN_DESCRIPTORS = 64;
/**
 * The size of a scoreboard (the shared memory that workers write to and the master reads) at the start of an Arbiter,
 * unless it has more than `DUTY_SLOTS` processes and threads. Bytes.
 */
const SCOREBOARD = slotPosition(DUTY_SLOTS);

export const somaxconn: Look = ({ machine, plan: { backlog } }) => {
  const limit = Number(machine.read('/proc/sys/net/core/somaxconn') ?? Number.NaN);
  if (!(limit < backlog)) return undefined;
  return warning(
    'somaxconn',
    `the system holds ${limit} waiting clients for each address (net.core.somaxconn), and backlog asks for ${backlog}: in a burst, the others connect after seconds, or not at all.`,
    `sysctl -w net.core.somaxconn=${Math.max(4_096, backlog)}, or --backlog ${limit}.`,
  );
};

export const descriptors: Look = ({ machine, plan: { workerConnections, threads } }) => {
  const [, limit] = /^Max open files\s+\d+\s+(\d+)/m.exec(machine.read('/proc/self/limits') ?? '') ?? [];
  if (limit === undefined) return undefined;
  const wanted = workerConnections * Math.max(1, threads) + OWN_DESCRIPTORS;
  if (Number(limit) >= wanted) return undefined;
  const make = Number(limit) < 4 * OWN_DESCRIPTORS ? error : warning;
  return make(
    'descriptors',
    `a process may have ${limit} descriptors, and a worker wants up to ${wanted}: one for each connection (workerConnections${threads > 0 ? ', in each thread' : ''}), and its own. Beyond that it stops to accept.`,
    `a higher hard limit (ulimit -Hn, LimitNOFILE= in a unit of systemd), or --worker-connections ${Math.max(1, Math.floor((Number(limit) - OWN_DESCRIPTORS) / Math.max(1, threads)))}.`,
  );
};

export const sharedMemory: Look = ({ machine }) => {
  if (machine.platform !== 'linux') return undefined;
  const [shared, temporary] = ['/dev/shm', machine.temporaryFolder].map((folder) => machine.free(folder));
  if (shared !== undefined && shared >= SCOREBOARD) return undefined;
  const what = shared === undefined ? 'there is no /dev/shm' : `/dev/shm has ${Math.floor(shared / 1024)} KiB left`;
  if (temporary === undefined || temporary < SCOREBOARD) {
    return error(
      'shared-memory',
      `${what}, and ${machine.temporaryFolder} has no room either: the scoreboard, by which the master sees its workers, needs ${Math.ceil(SCOREBOARD / 1024)} KiB.`,
      'a tmpfs at /dev/shm (--shm-size of Docker).',
    );
  }
  return warning(
    'shared-memory',
    `${what}, so the scoreboard, to which each worker writes all the time, is a file in ${machine.temporaryFolder}, which may be on a disk.`,
    'a tmpfs at /dev/shm (--shm-size of Docker).',
  );
};

export const root: Look = ({ machine: { uid }, plan: { user } }) =>
  uid === 0 && user === undefined
    ? warning(
        'root',
        'the workers run as root, so whoever breaks into the application owns the machine, or the container.',
        '--user www-data, for example; the master may stay root to bind low ports.',
      )
    : undefined;

/** What Node programs are called in `/proc/1/cmdline`: by their file, or by the title that they give themselves. */
const NODE = /^(?:[^\0]*\/)?(?:node|npm|npx|pnpm|yarn|prefork:)(?:[ \0]|$)/;

export const reaper: Look = ({ machine }) =>
  NODE.test(machine.read('/proc/1/cmdline') ?? '')
    ? warning(
        'reaper',
        'process 1 is a Node program: what the programs that your application starts leave behind becomes its child, and stays a zombie when it ends, since Node reaps none but those that it started.',
        'where the application starts programs, an init before it: --init of Docker, init: true of Compose, shareProcessNamespace of Kubernetes.',
      )
    : undefined;

export const nodeEnvironment: Look = ({ machine: { env } }) =>
  env['NODE_ENV'] === 'production'
    ? undefined
    : warning(
        'node-env',
        `NODE_ENV is ${env['NODE_ENV'] === undefined ? 'not set' : `'${env['NODE_ENV']}'`}: Express, React and others do more work for each request, and show errors to clients, unless it is 'production'.`,
        'NODE_ENV=production in the environment of the service.',
      );

export const nodeVersion: Look = ({ machine: { node } }) => {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    return error('node-version', `this is Node ${node}, and 20.19 is the oldest that works.`, 'a newer Node.');
  }
  if (major > 26 || major % 2 === 0) {
    if (major <= 26) return undefined;
    return warning(
      'node-version',
      `this is Node ${node}, newer than any that was tested (20 to 26).`,
      'Node 26, or a look for a newer version of this package.',
    );
  }
  return warning(
    'node-version',
    `this is Node ${node}, and odd versions get fixes for half a year only.`,
    `Node ${major + 1}.`,
  );
};
