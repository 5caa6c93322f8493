import { printable } from '../../log/text.js';
import type { Activity, Hung, KernelState, ThreadActivity } from '../../protocol/activity.js';

const DOING: Readonly<Record<Hung, string>> = {
  javascript: 'running JavaScript',
  native: 'in native code',
  waiting: 'waiting',
};

/** How many kinds of resources a line names at most. */
const MAX_PENDING = 8;

/** What a thread was doing, as parts of a line; empty where nobody knows anything. */
export function doingTexts({ doing, pending = [], kernel }: Activity): string[] {
  if (doing === undefined) return kernel === undefined ? [] : [`its thread ${kernelText(kernel)}`];
  const further = pending.length > MAX_PENDING ? [`${pending.length - MAX_PENDING} more`] : [];
  const awaited = [...pending.slice(0, MAX_PENDING).map(printable), ...further].join(', ');
  if (doing === 'waiting') return [`${DOING.waiting}${awaited === '' ? '' : ` for ${awaited}`}`];
  return [`${DOING[doing]}${kernel === undefined ? '' : ` (${kernelText(kernel)})`}`];
}

const STATES: ReadonlyMap<string, string> = new Map([
  ['R', 'running'],
  ['S', 'asleep'],
  ['D', 'waiting for a disk'],
  ['T', 'stopped'],
  ['t', 'held by a debugger'],
]);

function kernelText({ state, syscall, wchan }: KernelState): string {
  const where = syscall === undefined ? wchan : `${syscall}${wchan === undefined ? '' : `, ${wchan}`}`;
  return `${STATES.get(state) ?? printable(state)}${where === undefined ? '' : ` in ${printable(where)}`}`;
}

/** What a worker that was killed had been doing, for the end of a line. */
export function lastWords(stacks: readonly ThreadActivity[]): string {
  const texts = stacks.flatMap((activity) => doingTexts(activity).map((text) => `${threadText(activity)}${text}`));
  return texts.length === 0 ? '' : `; before, ${texts.join('; ')}`;
}

function threadText({ thread }: ThreadActivity): string {
  return thread === undefined ? '' : `thread ${thread}: `;
}

/** The first stack is printed below the line, for humans; programs get all of them. */
export function stacksFields(stacks: readonly ThreadActivity[]): Readonly<Record<string, unknown>> {
  if (stacks.length === 0) return {};
  const stack = stacks.find((activity) => activity.stack !== undefined)?.stack;
  return { stacks, ...(stack !== undefined && { stack }) };
}
