/*
 * The first code of every worker process, loaded by --import before the application, its loaders and everything
 * else. The flag reaches threads and forks of a worker too: there is no spec for them, and nothing happens.
 */
import { createServer } from 'node:net';
import { FD, type WorkerSpec } from '../protocol.js';
import { STATE } from '../scoreboard.js';
import { spec } from './context.js';
import { type Lifecycle, startLifecycle } from './lifecycle.js';
import { Slot } from './slot.js';
import { guardStdin } from './stdin.js';

/** Undefined where this is no worker. */
export const lifecycle: Lifecycle | undefined = spec && prepare(spec);

function prepare(spec: WorkerSpec): Lifecycle {
  // Forks of the application must not load this file again.
  process.execArgv.splice(0, 2);
  guardStdin();
  const slot = new Slot(spec.slot, STATE.BOOTING);
  const lifecycle = startLifecycle(spec, slot);
  if (spec.direct) keepNonBlocking(slot);
  process.title = `prefork: worker [${spec.name}] #${spec.id}`;
  try {
    if (spec.umask !== undefined) process.umask(spec.umask);
    becomeAccount(spec);
  } catch (error) {
    lifecycle.failBoot(error);
  }
  return lifecycle;
}

/**
 * Without the shell, the spawn has cleared O_NONBLOCK of the shared socket, and a normal exit of node would clear it
 * again. To listen sets it; a process that kills itself does not get to node's clean-up.
 */
function keepNonBlocking(slot: Slot): void {
  createServer()
    .on('error', () => undefined)
    .listen({ fd: FD.SOCKET })
    .close();
  process.on('exit', (code) => {
    slot.setExitCode(code);
    process.kill(process.pid, 'SIGKILL');
  });
}

/** Makes this process another user's: supplementary groups first, the user last, since that ends the right to the rest. */
function becomeAccount({ user, group }: WorkerSpec): void {
  if (group === undefined) return;
  // Documented since Node 0.9, missing in some versions of its types.
  const { initgroups } = process as { initgroups?: (user: string | number, group: string | number) => void };
  if (user !== undefined) initgroups?.call(process, user, group);
  else process.setgroups?.([group]);
  process.setgid?.(group);
  if (user !== undefined) process.setuid?.(user);
}
