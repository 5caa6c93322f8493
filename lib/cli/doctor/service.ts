/* What systemd has been told about the service. */
import { error, type Look, seconds, warning } from './finding.js';
import type { Machine } from './machine.js';
import { timeSpan } from './time-span.js';

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
  /** The values of these settings, in the order of the file. */
  values(...keys: readonly string[]): readonly string[];
}

/** The unit file of the service that this process belongs to. What systemd adds to it from other files is not seen. */
function unitOf({ env, read }: Machine): Unit | undefined {
  const name = /\/(?<unit>[^/\n]+\.service)(?:\/|$)/m.exec(read('/proc/self/cgroup') ?? '')?.groups?.['unit'];
  if (env['INVOCATION_ID'] === undefined || name === undefined) return undefined;
  const text = FOLDERS.map((folder) => read(`${folder}/${name}`)).find((found) => found !== undefined);
  if (text === undefined) return undefined;
  // A backslash at the end of a comment continues nothing.
  const lines = text.replace(/^[ \t]*[#;].*\n?/gm, '').replace(/\\\r?\n/g, ' ');
  return {
    name,
    values: (...keys) =>
      [...lines.matchAll(new RegExp(`^[ \\t]*(?:${keys.join('|')})[ \\t]*=(.*)$`, 'gm'))].map(([, value = '']) =>
        value.trim(),
      ),
  };
}

export const killMode: Look = ({ machine }) => {
  const unit = unitOf(machine);
  // Without a value, the line sets it back to systemd's default.
  const mode = unit?.values('KillMode').at(-1) || undefined;
  if (!unit || (mode !== undefined && mode !== 'control-group')) return undefined;
  return warning(
    'systemd-kill-mode',
    `${unit.name} has ${mode === undefined ? 'no KillMode=' : `KillMode=${mode}`}: a stop sends TERM to each process of the service at once, also to what your workers have started.`,
    'KillMode=mixed: the master alone gets it, and drains the workers.',
  );
};

export const stopTime: Look = ({ machine, plan: { gracefulTimeout, drainDelay } }) => {
  const unit = unitOf(machine);
  if (!unit) return undefined;
  // TimeoutSec= sets the time of the start and that of the stop. systemd ignores a line without a value.
  const values = unit.values('TimeoutStopSec', 'TimeoutSec').filter((value) => value !== '');
  const odd = values.find((value) => timeSpan(value) === undefined);
  if (odd !== undefined) {
    return warning(
      'systemd-stop-time',
      `${unit.name} has ${JSON.stringify(odd)} as its TimeoutStopSec= or TimeoutSec=: that is no time span, and systemd ignores the line.`,
      '90, 90s, 1min 30s or infinity; `systemd-analyze timespan` reads one.',
    );
  }
  const last = values.at(-1);
  // Nought stands for no limit.
  const stop = (last === undefined ? DEFAULT_STOP : timeSpan(last)) || Number.POSITIVE_INFINITY;
  const drain = gracefulTimeout + drainDelay;
  if (stop > drain) return undefined;
  return warning(
    'systemd-stop-time',
    `${unit.name} is killed ${seconds(stop)} after it is told to stop, and a drain may take ${seconds(drain)} (drainDelay and gracefulTimeout).`,
    `TimeoutStopSec=${Math.ceil(drain / 1_000) + 10}, or a shorter gracefulTimeout.`,
  );
};

export const serviceType: Look = ({ machine, plan: { notify } }) => {
  const unit = unitOf(machine);
  // systemd ignores a line without a value.
  const type = unit?.values('Type').findLast((value) => value !== '');
  if (!unit || !notify || type?.startsWith('notify')) return undefined;
  return warning(
    'systemd-type',
    `${unit.name} has ${type === undefined ? 'no Type=' : `Type=${type}`}, so systemd takes it for started before a worker is ready, and a deploy that does not boot for a good one.`,
    'Type=notify, with NotifyAccess=all.',
  );
};
