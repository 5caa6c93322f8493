/* CPU, memory, processes: what the cgroup allows, and what the workers want. */
import { error, type Look, MB, megabytes, round, warning } from './finding.js';

/** What a worker takes before the application has loaded anything, bytes: 45 to 60 MB of Node. */
const BARE_WORKER = 45 * MB;
/** Threads of a process of Node: the main one, four of V8, four of libuv, and some. */
const PROCESS_THREADS = 12;

export const cpuQuota: Look = ({ cgroup: { cpus }, plan: { workers, workersSaid, threads } }) => {
  if (cpus === undefined) return undefined;
  const busy = workers * Math.max(1, threads);
  const fit = Math.max(1, Math.ceil(cpus));
  // Where the user has chosen a number, workers may wait for others half of the time: Gunicorn's 2n + 1.
  if (busy <= (workersSaid ? 2 * fit + 1 : fit)) return undefined;
  const who = threads > 0 ? `${workers} workers of ${threads} threads` : `${workers} workers`;
  const source = workersSaid ? '' : ' (nobody has said how many, so each CPU of the machine has got one)';
  return warning(
    'cpu-quota',
    `${who}${source} share a quota of ${round(cpus)} CPUs: when it is used up, the kernel stops all of them at once for the rest of its period, and each of them answers late.`,
    `--workers ${fit}, or a larger quota (cpu.max; limits.cpu in Kubernetes, --cpus of Docker).`,
  );
};

export const memoryLimit: Look = ({ cgroup: { memory }, plan, machine }) => {
  if (memory === undefined) return undefined;
  const { workers, spares, threads, maxMemory, heapLimit } = plan;
  // One more, since a reload has workers of both generations.
  const processes = workers + spares + 1;
  if (processes * BARE_WORKER > memory) {
    return error(
      'memory-limit',
      `${processes} processes of Node take ${megabytes(processes * BARE_WORKER)} before any application is loaded, and the memory limit is ${megabytes(memory)}: the kernel will kill them.`,
      `--workers ${Math.max(1, Math.floor(memory / BARE_WORKER / 2))}, or a higher limit.`,
    );
  }
  if (maxMemory > 0) {
    if ((workers + spares) * maxMemory <= memory) return undefined;
    return warning(
      'memory-limit',
      `${workers + spares} workers may have ${megabytes(maxMemory)} each (maxMemory), and the memory limit of all is ${megabytes(memory)}: the kernel will kill one before it is recycled.`,
      `--max-memory ${Math.floor(memory / (workers + spares + 1) / MB)}mb`,
    );
  }
  const heap = heapLimit === undefined ? machine.heapLimit : heapLimit * MB;
  const heaps = (workers + spares) * Math.max(1, threads);
  if (heaps * heap <= memory) return undefined;
  const each = Math.floor((memory * 0.75) / heaps / MB);
  const advice =
    threads > 0
      ? `--resource-limits '{"maxOldGenerationSizeMb":${each}}', and --max-memory ${Math.floor(memory / (processes * MB))}mb`
      : `--exec-argv=--max-old-space-size=${each}, and --max-memory ${Math.floor(memory / (processes * MB))}mb`;
  return warning(
    'memory-limit',
    `V8 lets each of ${heaps} heaps grow to ${megabytes(heap)}, ${megabytes(heaps * heap)} in all, and the memory limit is ${megabytes(memory)}: under load the kernel kills workers whose heaps V8 had no reason to tidy up.`,
    `${advice}, or fewer workers.`,
  );
};

export const killsAll: Look = ({ cgroup }) =>
  cgroup.killsAll
    ? warning(
        'oom-group',
        'memory.oom.group is 1: when one worker has no memory left, the kernel kills all of them, and the master too.',
        'OOMPolicy=continue in a unit of systemd; singleProcessOOMKill: true of the kubelet (Kubernetes 1.32 and later); else a maxMemory well below the limit.',
      )
    : undefined;

export const processLimit: Look = ({ cgroup: { pids }, plan: { workers, spares, threads } }) => {
  const wanted = (workers + spares + 1) * (PROCESS_THREADS + 2 * threads);
  if (pids === undefined || pids >= wanted) return undefined;
  return error(
    'pids-limit',
    `the cgroup allows ${pids} processes and threads (pids.max), and ${workers + spares} workers and the master have about ${wanted}: workers will fail to start.`,
    'a higher limit (TasksMax= in a unit of systemd, --pids-limit of Docker), or fewer workers.',
  );
};
