/* What systemd has been told about the service. */
import { error, type Look, seconds, warning } from './finding.js';
import type { Machine } from './machine.js';

/** systemd's default for `TimeoutStopSec=`. Milliseconds. */
const DEFAULT_STOP = 90_000;
const FOLDERS = ['/etc/systemd/system', '/run/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

export const notifies: Look = ({ machine: { env }, plan: { notify } }) =>
  env['NOTIFY_SOCKET'] !== undefined && !notify
    ? error(
        'systemd-notify',
        'systemd waits to be told when the service is ready (NOTIFY_SOCKET is set, Type=notify), and notify is false: it will take the start for failed.',
        '--notify, or Type=exec in the unit.',
      )
    : undefined;

interface Unit {
  readonly name: string;
  setting(name: string): string | undefined;
}

/** The unit file of the service that this process belongs to. What systemd adds to it from other files is not seen. */
function unitOf({ env, read }: Machine): Unit | undefined {
  const name = /\/(?<unit>[^/\n]+\.service)(?:\/|$)/m.exec(read('/proc/self/cgroup') ?? '')?.groups?.['unit'];
  if (env['INVOCATION_ID'] === undefined || name === undefined) return undefined;
  const text = FOLDERS.map((folder) => read(`${folder}/${name}`)).find((found) => found !== undefined);
  if (text === undefined) return undefined;
  return {
    name,
    setting: (key) => [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].at(-1)?.[1]?.trim(),
  };
}

export const killMode: Look = ({ machine }) => {
  const unit = unitOf(machine);
  const mode = unit?.setting('KillMode');
  if (!unit || (mode !== undefined && mode !== 'control-group')) return undefined;
  return warning(
    'systemd-kill-mode',
    `${unit.name} has ${mode === undefined ? 'no KillMode=' : `KillMode=${mode}`}: a stop sends TERM to each process of the service at once, also to what your workers have started.`,
    'KillMode=mixed: the master alone gets it, and drains the workers.',
  );
};

export const stopTime: Look = ({ machine, plan: { gracefulTimeout, drainDelay } }) => {
  const unit = unitOf(machine);
  const stop = duration(unit?.setting('TimeoutStopSec'));
  const drain = gracefulTimeout + drainDelay;
  if (!unit || stop > drain) return undefined;
  return warning(
    'systemd-stop-time',
    `${unit.name} is killed ${seconds(stop)} after it is told to stop, and a drain may take ${seconds(drain)} (drainDelay and gracefulTimeout).`,
    `TimeoutStopSec=${Math.ceil(drain / 1_000) + 10}, or a shorter gracefulTimeout.`,
  );
};

export const serviceType: Look = ({ machine, plan: { notify } }) => {
  const unit = unitOf(machine);
  const type = unit?.setting('Type');
  if (!unit || !notify || type?.startsWith('notify')) return undefined;
  return warning(
    'systemd-type',
    `${unit.name} has ${type === undefined ? 'no Type=' : `Type=${type}`}, so systemd takes it for started before a worker is ready, and a deploy that does not boot for a good one.`,
    'Type=notify, with NotifyAccess=all.',
  );
};

/** Reads `90`, `90s`, `1min 30s` or `infinity`; a missing setting is the default. Milliseconds. */
function duration(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_STOP;
  if (text === 'infinity' || text === '0') return Number.POSITIVE_INFINITY;
  const parts = [...text.matchAll(/(\d+)\s*(min|ms|m|s|h)?/g)];
  const factors: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000 };
  return parts.reduce((sum, [, digits, unit = 's']) => sum + Number(digits) * (factors[unit] ?? 1_000), 0);
}
